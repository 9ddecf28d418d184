/// json and jsonb as text: json as it was written, jsonb in PostgreSQL's normal form.
public enum JSONText {
    /// Refuses what is not one JSON value.
    public static func check(_ text: UnsafeRawBufferPointer) throws(SQLError) {
        var cursor = unsafe JSONCursor(RawSpan(_unsafeBytes: text))
        do throws(FormatError) {
            _ = try cursor.skip()
            try cursor.finish()
        } catch {
            throw SQLError(
                "invalid input syntax for type json", .invalidTextRepresentation,
                detail: "\(error)")
        }
    }

    /// The text, if it is one JSON value.
    public static func checked(_ text: UnsafeRawBufferPointer) throws(SQLError) -> String {
        unsafe try check(text)
        return unsafe String(decoding: text, as: UTF8.self)
    }

    /// The text as jsonb shows it: members by length and then bytes of their names, the last of
    /// equal names, one blank behind each colon and comma, numbers as numeric.
    public static func normalised(_ text: UnsafeRawBufferPointer) throws(SQLError) -> String {
        _ = unsafe try checked(text)
        var buffer = OutputBuffer(capacity: text.count + 64)
        let span = unsafe RawSpan(_unsafeBytes: text)
        var reader = JSONNormaliser(span)
        try reader.value(&buffer)
        return buffer.bytes.text(0..<buffer.count)
    }
}

/// Walks through a JSON text that is known to be well formed.
private struct JSONNormaliser: ~Escapable {
    private let text: RawSpan
    private var position = 0

    @_lifetime(copy text)
    init(_ text: RawSpan) { self.text = text }

    private var byte: UInt8 { text.byte(at: position) }

    @_lifetime(self: copy self)
    private mutating func skipSpace() {
        while position < text.byteCount, byte <= 0x20 { position += 1 }
    }

    @_lifetime(self: copy self)
    mutating func value(_ target: inout OutputBuffer) throws(SQLError) {
        skipSpace()
        switch byte {
        case UInt8(ascii: "{"): try object(&target)
        case UInt8(ascii: "["): try array(&target)
        case UInt8(ascii: "\""):
            let string = try stringBytes()
            target.appendQuoted(string)
        case UInt8(ascii: "t"), UInt8(ascii: "n"): copy(4, &target)
        case UInt8(ascii: "f"): copy(5, &target)
        default: try number(&target)
        }
    }

    @_lifetime(self: copy self)
    private mutating func copy(_ count: Int, _ target: inout OutputBuffer) {
        target.append(text, position..<position + count)
        position += count
    }

    @_lifetime(self: copy self)
    private mutating func number(_ target: inout OutputBuffer) throws(SQLError) {
        let start = position
        while position < text.byteCount, byte > 0x20, byte != UInt8(ascii: ","),
            byte != UInt8(ascii: "}"), byte != UInt8(ascii: "]")
        {
            position += 1
        }
        target.append(numeric: try Numeric.parse(text.text(start..<position)))
    }

    /// The value of the string whose opening quote is next.
    @_lifetime(self: copy self)
    private mutating func stringBytes() throws(SQLError) -> [UInt8] {
        let start = position + 1
        var hasEscapes = false
        position = start
        while byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                position += 1
            }
            position += 1
        }
        let string = JSONString(start..<position, hasEscapes: hasEscapes)
        position += 1
        var buffer = OutputBuffer(capacity: 64)
        string.decode(from: text, into: &buffer)
        let bytes = unsafe buffer.bytes.withUnsafeBytes { unsafe Array($0) }
        guard !hasEscapes || !bytes.contains(0) else {
            throw SQLError(
                "unsupported Unicode escape sequence", .untranslatableCharacter,
                detail: "\\u0000 cannot be converted to text.")
        }
        return bytes
    }

    @_lifetime(self: copy self)
    private mutating func array(_ target: inout OutputBuffer) throws(SQLError) {
        position += 1
        target.append("[")
        skipSpace()
        var isFirst = true
        while byte != UInt8(ascii: "]") {
            if !isFirst {
                position += 1
                target.append(", ")
            }
            isFirst = false
            try value(&target)
            skipSpace()
        }
        position += 1
        target.append("]")
    }

    @_lifetime(self: copy self)
    private mutating func object(_ target: inout OutputBuffer) throws(SQLError) {
        position += 1
        var members: [(name: [UInt8], value: [UInt8])] = []
        skipSpace()
        while byte != UInt8(ascii: "}") {
            if byte == UInt8(ascii: ",") { position += 1 }
            skipSpace()
            let name = try stringBytes()
            skipSpace()
            position += 1
            var buffer = OutputBuffer(capacity: 64)
            try value(&buffer)
            unsafe members.append((name, buffer.bytes.withUnsafeBytes { unsafe Array($0) }))
            skipSpace()
        }
        position += 1
        let order = members.indices.sorted { a, b in
            let (x, y) = (members[a].name, members[b].name)
            if x.count != y.count { return x.count < y.count }
            return x == y ? a < b : x.lexicographicallyPrecedes(y)
        }
        target.append("{")
        var isFirst = true
        for (place, index) in order.enumerated() {
            let isRepeated =
                place + 1 < order.count && members[order[place + 1]].name == members[index].name
            if isRepeated { continue }
            if !isFirst { target.append(", ") }
            isFirst = false
            target.appendQuoted(members[index].name)
            target.append(": ")
            target.append(members[index].value)
        }
        target.append("}")
    }
}

extension OutputBuffer {
    fileprivate mutating func appendQuoted(_ bytes: [UInt8]) {
        if unsafe !append(jsonString: bytes.span.bytes) {
            append(jsonString: String(decoding: bytes, as: UTF8.self))
        }
    }
}
