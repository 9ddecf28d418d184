import Formats

/// Sorts rows by the bytes of their keys, eight bytes at a time: by radix where there are many, and
/// those that are equal so far by the next eight. Equal keys stay in the order of their numbers.
@safe struct KeySorter {
    /// Up to so many rows are compared with each other.
    private static let comparedMax = 64
    /// Keys that are equal for so long are compared with each other too.
    private static let depthMax = 512

    private let base: UnsafeMutablePointer<OrderedEntry>
    private let scratch: UnsafeMutablePointer<OrderedEntry>
    private let bytes: (Int32) -> UnsafeRawBufferPointer
    /// True: what is left stays in any order.
    private let isStopped: () -> Bool

    /// `entries` hold the first eight bytes of their keys and are in the order of their numbers;
    /// their prefixes are used up. `isExact`: the prefix is the whole key.
    static func sort(
        _ entries: PlainVector<OrderedEntry>, isExact: Bool = false,
        isStopped: @escaping () -> Bool = { false },
        bytes: @escaping (Int32) -> UnsafeRawBufferPointer
    ) {
        let scratch = UnsafeMutablePointer<OrderedEntry>.allocate(capacity: max(entries.count, 1))
        defer { unsafe scratch.deallocate() }
        let sorter = unsafe KeySorter(
            base: entries.base, scratch: scratch, bytes: bytes, isStopped: isStopped)
        if isExact {
            sorter.radix(0, entries.count)
        } else {
            sorter.sort(0, entries.count, depth: 0)
        }
    }

    private func sort(_ start: Int, _ count: Int, depth: Int) {
        if count <= KeySorter.comparedMax || depth >= KeySorter.depthMax {
            return compare(start, count)
        }
        if count >= Limits.unheededRows, isStopped() { return }
        radix(start, count)
        var run = start
        let end = start + count
        while run < end {
            let prefix = unsafe base[run].prefix
            var next = run + 1
            while next < end, unsafe base[next].prefix == prefix { next += 1 }
            // No key is the beginning of another, so either all of a run end here or none.
            // Long keys that are alike, pair by pair.
            if run & (Limits.unheededRows - 1) == 0, isStopped() { return }
            if next - run > 1, unsafe bytes(base[run].row).count > depth + 8 {
                for index in run..<next {
                    let key = unsafe bytes(base[index].row)
                    unsafe base[index].prefix = unsafe keyPrefix(
                        UnsafeRawBufferPointer(rebasing: key[min(depth + 8, key.count)...]))
                }
                sort(run, next - run, depth: depth + 8)
            }
            run = next
        }
    }

    private func compare(_ start: Int, _ count: Int) {
        guard count > 1 else { return }
        var list = unsafe UnsafeMutableBufferPointer(start: base + start, count: count)
        unsafe list.sort { a, b in
            if a.prefix != b.prefix { return a.prefix < b.prefix }
            let order = unsafe compareBytes(bytes(a.row), bytes(b.row))
            return order != 0 ? order < 0 : a.row < b.row
        }
    }

    /// Stable, by the prefix alone; bytes in which all agree cost nothing.
    private func radix(_ start: Int, _ count: Int) {
        guard count > 1 else { return }
        let counts = PlainVector<Int>()
        counts.resize(to: 8 * 256, filling: 0)
        let histogram = unsafe counts.base
        var index = 0
        while index < count {
            var rest = unsafe base[start &+ index].prefix
            var byte = 0
            while byte < 8 {
                unsafe histogram[byte &* 256 &+ Int(rest & 255)] &+= 1
                rest &>>= 8
                byte &+= 1
            }
            index &+= 1
        }
        var source = unsafe base + start
        var target = unsafe scratch
        for byte in 0..<8 {
            let buckets = unsafe histogram + byte * 256
            let shift = UInt64(byte * 8)
            if unsafe buckets[Int(source[0].prefix &>> shift & 255)] == count { continue }
            var sum = 0
            for bucket in 0..<256 {
                let size = unsafe buckets[bucket]
                unsafe buckets[bucket] = sum
                sum += size
            }
            index = 0
            while index < count {
                let entry = unsafe source[index]
                let bucket = Int(entry.prefix &>> shift & 255)
                unsafe target[buckets[bucket]] = entry
                unsafe buckets[bucket] &+= 1
                index &+= 1
            }
            unsafe swap(&source, &target)
        }
        if unsafe source != base + start {
            unsafe (base + start).update(from: source, count: count)
        }
    }

    /// Puts rows that are sorted by key in the order of their slots, stably.
    static func group(_ entries: PlainVector<OrderedEntry>, slot: (Int32) -> UInt64) {
        for index in 0..<entries.count {
            unsafe entries.base[index].prefix = unsafe slot(entries.base[index].row)
        }
        unsafe sort(entries, isExact: true) { _ in
            unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }
}
