import Formats

/// The way to a key inside a JSON value, as jq writes it: `.user.id`, `.items[0]`, `.["a b"]`.
struct JSONKeyPath: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        case member([UInt8])
        case element(Int)
    }

    private(set) var steps: [Step] = []

    init(_ text: String) throws(RecordTextError) {
        let failure = RecordTextError.usage(
            "\"\(text)\" is no path into JSON; write one like .user.id or .items[0]")
        var rest = Substring(text)
        guard rest.first == "." || rest.first == "[" else { throw failure }
        while let first = rest.first {
            if first == "." {
                rest = rest.dropFirst()
                if rest.first == "[" { continue }
                let name = rest.prefix { $0 != "." && $0 != "[" }
                if name.isEmpty && !(steps.isEmpty && rest.isEmpty) { throw failure }
                if !name.isEmpty { steps.append(.member(Array(name.utf8))) }
                rest = rest.dropFirst(name.count)
            } else {
                guard first == "[", let end = rest.firstIndex(of: "]") else { throw failure }
                let inner = rest[rest.index(after: rest.startIndex)..<end]
                if let number = Int(inner), number >= 0 {
                    steps.append(.element(number))
                } else if inner.count >= 2, inner.first == "\"", inner.last == "\"" {
                    steps.append(.member(Array(inner.dropFirst().dropLast().utf8)))
                } else {
                    throw failure
                }
                rest = rest[rest.index(after: end)...]
            }
        }
    }

    /// Checks all of `text`, appends what the path leads to (a string's value, any other value's
    /// text) and gives where it was put; nil if there is nothing, or null.
    func extract(
        from text: RawSpan, into target: inout OutputBuffer
    ) throws(FormatError) -> Range<Int>? {
        var cursor = JSONCursor(text)
        let found = try find(&cursor, 0, text, &target)
        try cursor.finish()
        return found
    }

    private func find(
        _ cursor: inout JSONCursor, _ depth: Int, _ text: RawSpan, _ target: inout OutputBuffer
    ) throws(FormatError) -> Range<Int>? {
        guard depth < steps.count else { return try take(&cursor, text, &target) }
        var found: Range<Int>?
        switch (steps[depth], try cursor.kind()) {
        case (.member(let wanted), .object):
            try cursor.enterObject()
            while let name = try cursor.nextMember() {
                if found == nil, Self.matches(name, wanted, text) {
                    found = try find(&cursor, depth + 1, text, &target)
                } else {
                    _ = try cursor.skip()
                }
            }
        case (.element(let wanted), .array):
            var index = 0
            try cursor.enterArray()
            while try cursor.nextElement() {
                if index == wanted {
                    found = try find(&cursor, depth + 1, text, &target)
                } else {
                    _ = try cursor.skip()
                }
                index += 1
            }
        default: _ = try cursor.skip()
        }
        return found
    }

    private func take(
        _ cursor: inout JSONCursor, _ text: RawSpan, _ target: inout OutputBuffer
    ) throws(FormatError) -> Range<Int>? {
        let start = target.count
        switch try cursor.kind() {
        case .null:
            try cursor.null()
            return nil
        case .string: try cursor.string().decode(from: text, into: &target)
        default: target.append(text, try cursor.skip())
        }
        return start..<target.count
    }

    private static func matches(_ name: JSONString, _ wanted: [UInt8], _ text: RawSpan) -> Bool {
        if name.hasEscapes { return Array(name.text(in: text).utf8) == wanted }
        return name.content.count == wanted.count
            && ByteScan.starts(with: wanted, text, at: name.content.lowerBound)
    }
}
