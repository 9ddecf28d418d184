/// The line of a script that an error is about, and a caret under the place, as psql prints them:
///
///     LINE 2: DESCRIBE nosuch
///                      ^
public struct SourceExcerpt: Sendable, Equatable {
    /// Counted from 1.
    public let line: Int
    public let text: String
    public let caret: String

    /// `offset` is a byte of `script`, or its end. A long line is cut on both sides.
    public init(_ script: [UInt8], at offset: Int) {
        let offset = min(max(offset, 0), script.count)
        let newline = UInt8(ascii: "\n")
        line = script[..<offset].count { $0 == newline } + 1
        let start = script[..<offset].lastIndex(of: newline).map { $0 + 1 } ?? 0
        let end = script[offset...].firstIndex(of: newline) ?? script.count
        let before = SourceExcerpt.printable(script[start..<offset])
        let after = SourceExcerpt.printable(script[offset..<end])
        let label = "LINE \(line): "
        let room = Limits.excerptColumns
        let total = before.count + after.count
        let from = max(0, min(before.count - room / 2, total - room))
        let lead = from > 0 ? "..." : ""
        let rest = room - (before.count - from)
        let tail = after.count > rest ? "..." : ""
        text = label + lead + String(before[from...]) + String(after.prefix(rest)) + tail
        caret = String(repeating: " ", count: label.count + lead.count + before.count - from) + "^"
    }

    /// Tabs and control characters become spaces, so that the caret stands where it should and a
    /// script cannot steer the terminal.
    private static func printable(_ bytes: ArraySlice<UInt8>) -> [Character] {
        var line = bytes
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return String(decoding: line, as: UTF8.self).map { character in
            let isControl = character.unicodeScalars.contains { $0.properties.isControl }
            return isControl ? " " : character
        }
    }
}

extension Unicode.Scalar.Properties {
    /// C0, DEL and C1, and the invisible characters that steer the direction of text.
    fileprivate var isControl: Bool {
        generalCategory == .control || generalCategory == .format
    }
}
