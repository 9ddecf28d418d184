import Formats
import Platform

/// Paths with `*`, `?` and `[a-z]`, as shells know them.
enum PathPattern {
    /// The files that `path` names, in the order of their names; itself if it holds no pattern.
    static func expand(_ path: String) throws(SQLError) -> [String] {
        let system = POSIXFileSystem()
        guard path.utf8.contains(where: { "*?[".utf8.contains($0) }), !system.exists(path) else {
            return [path]
        }
        var found = [path.hasPrefix("/") ? "/" : ""]
        let parts = path.split(separator: "/").map(String.init)
        for (index, part) in parts.enumerated() {
            var next: [String] = []
            for folder in found {
                let prefix = folder.isEmpty || folder.hasSuffix("/") ? folder : folder + "/"
                guard part.utf8.contains(where: { "*?[".utf8.contains($0) }) else {
                    if system.exists(prefix + part) { next.append(prefix + part) }
                    continue
                }
                let names = (try? system.list(folder.isEmpty ? "." : folder)) ?? []
                for name in names.sorted() where matches(Array(name.utf8), Array(part.utf8)) {
                    let isFolder = system.isDirectory(prefix + name)
                    if (index == parts.count - 1) != isFolder { next.append(prefix + name) }
                }
            }
            found = next
        }
        guard !found.isEmpty else {
            throw SQLError("no file matches \"\(path)\"", .undefinedFile)
        }
        return found
    }

    /// A name that begins with a dot is matched by a pattern that does only.
    static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
        if name.first == UInt8(ascii: ".") && pattern.first != UInt8(ascii: ".") { return false }
        return matches(name[...], pattern[...])
    }

    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        switch first {
        case UInt8(ascii: "*"):
            var rest = name
            while true {
                if matches(rest, pattern.dropFirst()) { return true }
                guard !rest.isEmpty else { return false }
                rest = rest.dropFirst()
            }
        case UInt8(ascii: "?"):
            return !name.isEmpty && matches(name.dropFirst(), pattern.dropFirst())
        case UInt8(ascii: "["):
            guard let byte = name.first, let (isIn, rest) = set(pattern.dropFirst(), byte) else {
                return name.first == first && matches(name.dropFirst(), pattern.dropFirst())
            }
            return isIn && matches(name.dropFirst(), rest)
        default:
            return name.first == first && matches(name.dropFirst(), pattern.dropFirst())
        }
    }

    /// Whether `byte` is in the set that begins behind its bracket, and what follows the set.
    private static func set(
        _ pattern: ArraySlice<UInt8>, _ byte: UInt8
    ) -> (Bool, ArraySlice<UInt8>)? {
        var rest = pattern
        let isNegated = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
        if isNegated { rest = rest.dropFirst() }
        var isIn = false
        while let low = rest.popFirst() {
            if low == UInt8(ascii: "]") { return (isIn != isNegated, rest) }
            var high = low
            if rest.count > 1, rest.first == UInt8(ascii: "-"),
                rest[rest.startIndex + 1] != UInt8(ascii: "]")
            {
                high = rest[rest.startIndex + 1]
                rest = rest.dropFirst(2)
            }
            if low <= byte && byte <= high { isIn = true }
        }
        return nil
    }
}
