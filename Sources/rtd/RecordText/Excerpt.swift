import Formats

/// Quotes a piece of input in a message, so that it takes one short line of any terminal.
enum Excerpt {
    static let bytesMax = 60

    /// The bytes in `range`, in double quotes, cut behind `bytesMax` bytes.
    static func quote(_ bytes: RawSpan, _ range: Range<Int>) -> String {
        let shown = range.prefix(bytesMax)
        var buffer = OutputBuffer(capacity: 4 * bytesMax)
        buffer.append(visible: bytes.extracting(shown.startIndex..<shown.endIndex))
        let text = buffer.bytes.text(0..<buffer.count)
        return shown.count < range.count ? "\"\(text)...\"" : "\"\(text)\""
    }
}

extension OutputBuffer {
    /// Appends `text` for a terminal: what would move its cursor or switch its modes is written as
    /// `\xNN`; new lines, tabs and all other UTF-8 stay.
    mutating func append(visible text: RawSpan) {
        var start = 0
        var index = 0
        while index < text.byteCount {
            let byte = text.byte(at: index)
            var length = 1
            var shown = byte >= 0x20 && byte != 0x7f || byte == 0x0a || byte == 0x09
            if byte >= 0x80 {
                length = UTF8Check.sequenceLength(text, at: index)
                // U+0080 to U+009F are controls of 8-bit terminals.
                shown = length > 0 && !(byte == 0xc2 && text.byte(at: index + 1) < 0xa0)
                length = max(1, length)
            }
            if !shown {
                append(text, start..<index)
                for escaped in index..<index + length {
                    append("\\x")
                    append(hex: text.extracting(escaped..<escaped + 1))
                }
                start = index + length
            }
            index += length
        }
        append(text, start..<text.byteCount)
    }
}
