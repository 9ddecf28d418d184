import Platform

/// The swaps of compacted segments that a crash has cut short, read from the names in a log's
/// directory (see `Log.swap`).
struct SegmentSwaps {
    /// One that is to be finished.
    struct Swap: Equatable {
        var base: Int64
        /// Segments from behind `base` up to here are part of the new one.
        var end: Int64
        /// Name without what follows the first dot.
        var stem: String
        /// The new log has its own name already.
        var hasLog: Bool
    }

    /// To be finished, by base offset.
    private(set) var unfinished: [Swap] = []
    /// Files of swaps that never came to be.
    private(set) var abandoned: [String] = []

    init(names: [String]) {
        let all = Set(names)
        for name in names where name.hasSuffix(".index.swap") {
            let stem = String(name.dropLast(11))
            guard let (base, end) = Self.offsets(stem) else { continue }
            unfinished.append(
                Swap(base: base, end: end, stem: stem, hasLog: !all.contains(stem + ".log.swap")))
        }
        abandoned = names.filter { name in
            name.hasSuffix(".log.swap") && !all.contains(name.dropLast(9) + ".index.swap")
        }
        unfinished.sort { $0.base < $1.base }
    }

    var isEmpty: Bool { unfinished.isEmpty && abandoned.isEmpty }

    /// The swap that a segment is replaced by, its own included.
    func swap(of base: Int64) -> Swap? {
        unfinished.first { $0.base <= base && base < $0.end }
    }

    /// `<base>-<end>`, each of 20 digits.
    private static func offsets(_ stem: String) -> (Int64, Int64)? {
        let parts = stem.split(separator: "-")
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 20 }),
            let base = Int64(parts[0]), let end = Int64(parts[1])
        else { return nil }
        return (base, end)
    }
}

extension LogRecovery {
    /// Goes on with what a crash has cut short; done twice it does no harm.
    mutating func finishSwaps() throws(LogError) {
        guard fileSystem.exists(directory) else { return }
        try system { () throws(SystemError) in
            let names = try fileSystem.list(directory)
            let swaps = SegmentSwaps(names: names)
            guard !swaps.isEmpty else { return }
            // What is seen may be in the page cache only: what follows must not become durable
            // before it.
            try fileSystem.syncDirectory(directory)
            for name in swaps.abandoned { try fileSystem.remove(path(name)) }
            let bases = names.filter { $0.hasSuffix(".log") && $0.utf8.count == 24 }
                .compactMap { Int64($0.dropLast(4)) }
            for swap in swaps.unfinished {
                for base in bases where base > swap.base && base < swap.end {
                    for suffix in [".log", ".index"] {
                        let name = path(Segment.name(base) + suffix)
                        if fileSystem.exists(name) { try fileSystem.remove(name) }
                    }
                }
                let name = path(Segment.name(swap.base))
                if !swap.hasLog {
                    try fileSystem.rename(path(swap.stem + ".log.swap"), to: name + ".log")
                }
                try fileSystem.syncDirectory(directory)
                try fileSystem.rename(path(swap.stem + ".index.swap"), to: name + ".index")
            }
            try fileSystem.syncDirectory(directory)
        }
    }
}
