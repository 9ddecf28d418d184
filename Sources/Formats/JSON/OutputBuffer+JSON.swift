extension OutputBuffer {
    /// Appends `text` as a JSON string with its quotes. False if it is not UTF-8: then nothing is
    /// appended, and the caller writes base64.
    ///
    /// Eight bytes are looked at and copied at a time. Escaped are the quote, the backslash and
    /// what is below 0x20: by their letter where JSON has one, else as `\u00xx`.
    @inlinable
    public mutating func append(jsonString text: RawSpan) -> Bool {
        let mark = used
        let end = text.byteCount
        var index = 0
        reserve(end &+ 24)
        put(UInt8(ascii: "\""))
        // At the top of the loop there is room for the rest as it is and 16 bytes more: an escape,
        // the closing quote, and what a copy of eight bytes writes too much.
        while index < end {
            if end &- index >= 8 {
                let word = ByteScan.word(text, index)
                let hits = ByteScan.specialBytes(word)
                let plain = hits == 0 ? 8 : hits.trailingZeroBitCount / 8
                put(word, count: plain)
                index &+= plain
                if hits == 0 { continue }
            }
            let byte = ByteScan.byte(text, index)
            if byte >= 0x80 {
                let length = UTF8Check.sequenceLength(text, at: index)
                guard length > 0 else {
                    used = mark
                    return false
                }
                for offset in 0..<length { put(ByteScan.byte(text, index &+ offset)) }
                index &+= length
            } else {
                index &+= 1
                if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
                    put(byte)
                } else {
                    append(jsonEscapeOf: byte)
                    reserve(end &- index &+ 16)
                }
            }
        }
        put(UInt8(ascii: "\""))
        return true
    }

    /// Appends a byte for which there is room.
    @inlinable
    @inline(__always)
    mutating func put(_ byte: UInt8) {
        unsafe base.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
        used &+= 1
    }

    /// Appends a Swift string, which is UTF-8, as a JSON string.
    public mutating func append(jsonString text: String) {
        var text = text
        text.withUTF8 { utf8 in
            let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(utf8))
            _ = append(jsonString: span)
        }
    }

    /// Appends the first `count` bytes of a little-endian word; there is room for all eight.
    @inlinable
    @inline(__always)
    mutating func put(_ word: UInt64, count: Int) {
        unsafe base.storeBytes(of: word.littleEndian, toByteOffset: used, as: UInt64.self)
        used &+= count
    }

    /// Appends an escape, for which there is room: at most six bytes.
    @inlinable
    @inline(__always)
    mutating func append(jsonEscapeOf byte: UInt8) {
        put(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): put(byte)
        case 0x0a: put(UInt8(ascii: "n"))
        case 0x09: put(UInt8(ascii: "t"))
        case 0x0d: put(UInt8(ascii: "r"))
        case 0x08: put(UInt8(ascii: "b"))
        case 0x0c: put(UInt8(ascii: "f"))
        default:
            put(UInt8(ascii: "u"))
            put(UInt8(ascii: "0"))
            put(UInt8(ascii: "0"))
            put(hexDigit(byte >> 4))
            put(hexDigit(byte & 15))
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
