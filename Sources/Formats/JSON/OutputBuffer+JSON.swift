extension OutputBuffer {
    /// Appends `text` as a JSON string with its quotes. False if it is not UTF-8: then nothing is
    /// appended, and the caller writes base64.
    ///
    /// Runs that need no escape are copied whole. Escaped are the quote, the backslash and what is
    /// below 0x20: by their letter where JSON has one, else as `\u00xx`.
    @inlinable
    public mutating func append(jsonString text: RawSpan) -> Bool {
        let mark = used
        let end = text.byteCount
        reserve(end &+ 2)
        append(UInt8(ascii: "\""))
        var start = 0
        var index = 0
        while true {
            index = ByteScan.plainEnd(text, from: index)
            guard index < end else { break }
            let byte = ByteScan.byte(text, index)
            if byte >= 0x80 {
                let length = UTF8Check.sequenceLength(text, at: index)
                guard length > 0 else {
                    used = mark
                    return false
                }
                index &+= length
            } else {
                append(text, start..<index)
                append(jsonEscapeOf: byte)
                index &+= 1
                start = index
            }
        }
        append(text, start..<end)
        append(UInt8(ascii: "\""))
        return true
    }

    /// Appends a Swift string, which is UTF-8, as a JSON string.
    public mutating func append(jsonString text: String) {
        var text = text
        text.withUTF8 { utf8 in
            let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(utf8))
            _ = append(jsonString: span)
        }
    }

    @usableFromInline
    mutating func append(jsonEscapeOf byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0a: append(UInt8(ascii: "n"))
        case 0x0c: append(UInt8(ascii: "f"))
        case 0x0d: append(UInt8(ascii: "r"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        default:
            append("u00")
            append(hexDigit(byte >> 4))
            append(hexDigit(byte & 15))
        }
    }

    /// Appends `text` without the white space between its tokens, so that it takes one line. False,
    /// with nothing appended, if it is not one JSON text.
    public mutating func append(compactJSON text: RawSpan) -> Bool {
        var cursor = JSONCursor(text)
        do throws(FormatError) {
            _ = try cursor.skip()
            try cursor.finish()
        } catch {
            return false
        }
        reserve(text.byteCount)
        var index = 0
        while index < text.byteCount {
            let byte = ByteScan.byte(text, index)
            if byte == UInt8(ascii: "\"") {
                let end = Self.stringEnd(text, from: index &+ 1)
                append(text, index..<end)
                index = end
            } else {
                if byte > 0x20 { append(byte) }
                index &+= 1
            }
        }
        return true
    }

    /// Behind the closing quote of a string that is known to be well formed.
    private static func stringEnd(_ text: RawSpan, from start: Int) -> Int {
        var index = start
        while index < text.byteCount {
            let byte = ByteScan.byte(text, index)
            if byte == UInt8(ascii: "\"") { return index &+ 1 }
            index &+= byte == UInt8(ascii: "\\") ? 2 : 1
        }
        return text.byteCount
    }
}
