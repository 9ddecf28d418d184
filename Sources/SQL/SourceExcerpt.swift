import Formats

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
        let total = SourceExcerpt.columns(before) + SourceExcerpt.columns(after)
        // What is left out at the front, so that the place stands in the middle.
        let excess = max(0, min(SourceExcerpt.columns(before) - room / 2, total - room))
        var shown = before[...]
        var left = 0
        while left < excess, let first = shown.popFirst() {
            left += DisplayWidth.columns(of: first)
        }
        let lead = shown.count < before.count ? "..." : ""
        let column = SourceExcerpt.columns(shown)
        var rest = room - column
        let tail = after.prefix { character in
            rest -= DisplayWidth.columns(of: character)
            return rest >= 0
        }
        text = label + lead + String(shown) + String(tail) + (tail.count < after.count ? "..." : "")
        caret = String(repeating: " ", count: label.count + lead.count + column) + "^"
    }

    private static func columns(_ text: some Sequence<Character>) -> Int {
        text.reduce(0) { $0 + DisplayWidth.columns(of: $1) }
    }

    /// Tabs and control characters become spaces, so that the caret stands where it should and a
    /// script cannot steer the terminal.
    private static func printable(_ bytes: ArraySlice<UInt8>) -> [Character] {
        var line = bytes
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return String(decoding: line, as: UTF8.self).map { character in
            let scalars = character.unicodeScalars
            // What joins emoji to one stands within a character.
            let isControl = scalars.contains {
                $0.properties.isControl && ($0.value != 0x200D || scalars.count == 1)
            }
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
