import ArgumentParsing

/// Splits a properties file into assignments, as java.util.Properties does: `key=value`,
/// `key:value` or `key value`, `#` and `!` begin comments, a backslash at the end goes on with the
/// next line, and a byte order mark in front is passed over.
///
/// Of Java's escapes those are undone that no file of librdkafka has: it takes a backslash as it
/// is, so one in front of any other character stays.
struct PropertyLines {
    private let lines: [Substring]
    private var next = 0

    init(_ text: String) {
        var text = text[...]
        if text.unicodeScalars.first == "\u{feff}" { text.unicodeScalars.removeFirst() }
        // "\r\n" is one Character.
        lines = text.split(omittingEmptySubsequences: false) {
            $0 == "\n" || $0 == "\r\n" || $0 == "\r"
        }
    }

    /// The next assignment and the number of the line where it begins, counted from 1.
    mutating func assignment(
        _ file: String
    ) throws(UsageError) -> (line: Int, assignment: PropertyAssignment)? {
        while next < lines.count {
            let line = next + 1
            let content = logicalLine()
            guard let first = content.first, first != "#", first != "!" else { continue }
            let (key, value) = Self.cut(content)
            guard let value, !key.isEmpty else {
                throw UsageError(
                    "\(file) line \(line): wants key=value, not \"\(content.prefix(40))\"")
            }
            let assignment = PropertyAssignment(
                name: Self.unescaped(key), value: Self.unescaped(value).trimmingSpaces)
            return (line, assignment)
        }
        return nil
    }

    /// A line with those that it goes on with; a comment ends with its line.
    private mutating func logicalLine() -> Substring {
        var whole = takeLine()
        guard let first = whole.first, first != "#", first != "!" else { return whole }
        while next < lines.count, Self.isContinued(whole) {
            whole.removeLast()
            whole += takeLine()
        }
        return whole
    }

    private mutating func takeLine() -> Substring {
        defer { next += 1 }
        return lines[next].drop(while: \.isWhitespace)
    }

    /// Whether the last backslash is not escaped by one before it.
    private static func isContinued(_ line: Substring) -> Bool {
        !line.reversed().prefix { $0 == "\\" }.count.isMultiple(of: 2)
    }

    /// The key ends at the first `=`, `:` or space that has no backslash before it.
    private static func cut(_ line: Substring) -> (Substring, Substring?) {
        var isEscaped = false
        guard
            let end = line.firstIndex(where: { character in
                defer { isEscaped = character == "\\" && !isEscaped }
                return !isEscaped
                    && (character == "=" || character == ":" || character.isWhitespace)
            })
        else { return (line, nil) }
        var value = line[end...].drop(while: \.isWhitespace)
        let hasSign = value.first == "=" || value.first == ":"
        if hasSign { value = value.dropFirst().drop(while: \.isWhitespace) }
        // A name alone, with spaces behind it, is no assignment.
        return (line[..<end], hasSign || !value.isEmpty ? value : nil)
    }

    private static func unescaped(_ text: Substring) -> String {
        guard text.contains("\\") else { return String(text) }
        var units: [UInt16] = []
        var rest = text[...]
        while let character = rest.popFirst() {
            guard character == "\\", let escaped = rest.first else {
                units += String(character).utf16
                continue
            }
            if escaped == "u", let unit = codeUnit(rest.dropFirst().prefix(4)) {
                units.append(unit)
                rest = rest.dropFirst(5)
            } else if let plain = escapes[escaped] {
                units += plain.utf16
                rest.removeFirst()
            } else {
                units += "\\".utf16
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    private static func codeUnit(_ digits: Substring) -> UInt16? {
        digits.utf8.count == 4 && digits.allSatisfy(\.isHexDigit) ? UInt16(digits, radix: 16) : nil
    }

    private static let escapes: [Character: String] = [
        "\\": "\\", "=": "=", ":": ":", "#": "#", "!": "!", " ": " ",
        "t": "\t", "n": "\n", "r": "\r", "f": "\u{c}",
    ]
}

extension PropertyAssignment {
    /// The assignments of a properties file with their line numbers, counted from 1.
    static func list(
        inFile text: String, _ file: String
    ) throws(UsageError) -> [(line: Int, assignment: PropertyAssignment)] {
        var result: [(Int, PropertyAssignment)] = []
        var lines = PropertyLines(text)
        while let next = try lines.assignment(file) { result.append(next) }
        return result
    }
}
