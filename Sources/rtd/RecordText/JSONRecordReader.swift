import Bytes
import Formats
import Records

/// Why a JSON text is no record.
enum JSONRecordFault: Error, Equatable {
    case syntax(FormatError)
    /// JSON, but with a member that is unknown, doubled or of the wrong kind; the text says so.
    case content(String)
}

/// Reads one JSON record, as `rtd consume -J` and kcat's -J print it.
///
/// Members, each optional: `key`, `value` (kcat: `payload`), strings or null; `key_b64`,
/// `value_b64`, base64 of bytes that are not UTF-8; `timestamp` (kcat: `ts`) in milliseconds;
/// `headers`, an array of pairs `["name", "value"]`, in which either may be `{"b64":"..."}` and the
/// value null, or kcat's flat array; `topic`, `offset` and kcat's `tstype` and `broker`, which are
/// passed over; `partition`, which is passed over unless it is kept. Anything else is an error.
struct JSONRecordReader {
    let takesJSONValues: Bool
    let keepsPartition: Bool

    /// Members that exclude each other share a bit.
    private enum Member: Int {
        case key, value, timestamp, headers, partition, offset, topic, timestampType, broker
    }

    mutating func read(
        _ cursor: inout JSONCursor, _ place: RecordPlace, into scratch: inout OutputBuffer
    ) throws(JSONRecordFault) -> ParsedRecord {
        var record = ParsedRecord(place: place)
        var seen = 0
        guard try cursor.peekKind() == .object else {
            throw .content("a record is a JSON object")
        }
        try cursor.openObject()
        while let name = try cursor.member() {
            guard let (member, isBase64) = Self.identify(name, cursor.bytes) else {
                throw .content("unknown member \(Excerpt.quote(cursor.bytes, name.content))")
            }
            guard seen & 1 << member.rawValue == 0 else {
                throw .content("two members \(Excerpt.quote(cursor.bytes, name.content))")
            }
            seen |= 1 << member.rawValue
            switch member {
            case .key:
                record.key =
                    try isBase64
                    ? cursor.base64("key_b64", &scratch) : cursor.text("key", &scratch)
            case .value:
                record.value =
                    try isBase64
                    ? cursor.base64("value_b64", &scratch) : value(&cursor, &scratch)
            case .timestamp: record.timestamp = try cursor.integer("timestamp")
            case .headers: record.headers = try headers(&cursor, &scratch)
            case .partition:
                let partition = try cursor.integer("partition")
                record.partition = keepsPartition ? partition.flatMap(Int32.init(exactly:)) : nil
            case .offset: _ = try cursor.integer("offset")
            case .broker: _ = try cursor.integer("broker")
            case .topic: try cursor.ignoreText("topic")
            case .timestampType: try cursor.ignoreText("tstype")
            }
        }
        return record
    }

    private static func identify(_ name: JSONString, _ bytes: RawSpan) -> (Member, Bool)? {
        if name.equals("key", in: bytes) { return (.key, false) }
        if name.equals("value", in: bytes) || name.equals("payload", in: bytes) {
            return (.value, false)
        }
        if name.equals("topic", in: bytes) { return (.topic, false) }
        if name.equals("partition", in: bytes) { return (.partition, false) }
        if name.equals("offset", in: bytes) { return (.offset, false) }
        if name.equals("timestamp", in: bytes) || name.equals("ts", in: bytes) {
            return (.timestamp, false)
        }
        if name.equals("headers", in: bytes) { return (.headers, false) }
        if name.equals("key_b64", in: bytes) { return (.key, true) }
        if name.equals("value_b64", in: bytes) { return (.value, true) }
        if name.equals("tstype", in: bytes) { return (.timestampType, false) }
        if name.equals("broker", in: bytes) { return (.broker, false) }
        return nil
    }

    private func value(
        _ cursor: inout JSONCursor, _ scratch: inout OutputBuffer
    ) throws(JSONRecordFault) -> Range<Int>? {
        let kind = try cursor.peekKind()
        if kind == .string || kind == .null { return try cursor.text("value", &scratch) }
        guard takesJSONValues else {
            throw .content("\"value\" must be a string or null (--json-value takes any JSON)")
        }
        let start = scratch.count
        scratch.append(cursor.bytes, try cursor.passValue())
        return start..<scratch.count
    }

    /// The headers that a JSON text of their own lists; nil: it is no such list.
    static func headers(_ text: RawSpan) -> EncodedHeaders? {
        let reader = JSONRecordReader(takesJSONValues: false, keepsPartition: false)
        var cursor = JSONCursor(text)
        var scratch = OutputBuffer(capacity: 256)
        guard let headers = try? reader.headers(&cursor, &scratch),
            (try? cursor.finish()) != nil
        else { return nil }
        return headers
    }

    /// Reads pairs, or kcat's names and values in one flat array.
    private func headers(
        _ cursor: inout JSONCursor, _ scratch: inout OutputBuffer
    ) throws(JSONRecordFault) -> EncodedHeaders {
        if try cursor.peekKind() == .null {
            _ = try cursor.passValue()
            return .none
        }
        var writer = ByteWriter()
        var count = 0
        try cursor.openArray("headers")
        while try cursor.element() {
            if try cursor.peekKind() == .array {
                try cursor.openArray("headers")
                guard try cursor.element() else { throw Self.notAPair }
                try header(&cursor, &scratch, &writer)
                guard try !cursor.element() else { throw Self.notAPair }
            } else {
                try header(&cursor, &scratch, &writer)
            }
            count += 1
        }
        return EncodedHeaders(count: count, encoded: writer.bytes)
    }

    private static let notAPair = JSONRecordFault.content(
        "a header must be a pair of a name and a value")

    /// Reads name and value, which are two elements of the same array.
    private func header(
        _ cursor: inout JSONCursor, _ scratch: inout OutputBuffer, _ writer: inout ByteWriter
    ) throws(JSONRecordFault) {
        let mark = scratch.count
        guard let name = try headerText(&cursor, &scratch) else {
            throw .content("a header's name must be a string")
        }
        guard try cursor.element() else { throw Self.notAPair }
        let value = try headerText(&cursor, &scratch)
        writer.varint(Int32(truncatingIfNeeded: name.count))
        writer.append(scratch.bytes.extracting(name))
        if let value {
            writer.varint(Int32(truncatingIfNeeded: value.count))
            writer.append(scratch.bytes.extracting(value))
        } else {
            writer.varint(-1)
        }
        scratch.truncate(to: mark)
    }

    /// A string, null, or `{"b64":"..."}`.
    private func headerText(
        _ cursor: inout JSONCursor, _ scratch: inout OutputBuffer
    ) throws(JSONRecordFault) -> Range<Int>? {
        guard try cursor.peekKind() == .object else {
            return try cursor.text("headers", &scratch)
        }
        let wrong = JSONRecordFault.content("a header's object must be {\"b64\":\"...\"}")
        try cursor.openObject()
        guard let name = try cursor.member(), name.equals("b64", in: cursor.bytes) else {
            throw wrong
        }
        guard let bytes = try cursor.base64("b64", &scratch), try cursor.member() == nil else {
            throw wrong
        }
        return bytes
    }
}

/// The cursor's steps with the faults of a record.
extension JSONCursor {
    fileprivate mutating func member() throws(JSONRecordFault) -> JSONString? {
        do throws(FormatError) { return try nextMember() } catch { throw .syntax(error) }
    }

    fileprivate mutating func element() throws(JSONRecordFault) -> Bool {
        do throws(FormatError) { return try nextElement() } catch { throw .syntax(error) }
    }

    fileprivate mutating func peekKind() throws(JSONRecordFault) -> JSONKind {
        do throws(FormatError) { return try kind() } catch { throw .syntax(error) }
    }

    fileprivate mutating func passValue() throws(JSONRecordFault) -> Range<Int> {
        do throws(FormatError) { return try skip() } catch { throw .syntax(error) }
    }

    fileprivate mutating func openObject() throws(JSONRecordFault) {
        do throws(FormatError) { try enterObject() } catch { throw .syntax(error) }
    }

    fileprivate mutating func openArray(_ name: String) throws(JSONRecordFault) {
        guard try peekKind() == .array else { throw .content("\"\(name)\" must be an array") }
        do throws(FormatError) { try enterArray() } catch { throw .syntax(error) }
    }

    /// A string's value, put into `scratch`, or nil for null.
    fileprivate mutating func text(
        _ name: StaticString, _ scratch: inout OutputBuffer
    ) throws(JSONRecordFault) -> Range<Int>? {
        switch try peekKind() {
        case .null:
            _ = try passValue()
            return nil
        case .string:
            let start = scratch.count
            do throws(FormatError) {
                try string().decode(from: bytes, into: &scratch)
            } catch {
                throw .syntax(error)
            }
            return start..<scratch.count
        default: throw .content("\"\(name)\" must be a string or null")
        }
    }

    fileprivate mutating func ignoreText(_ name: StaticString) throws(JSONRecordFault) {
        let kind = try peekKind()
        guard kind == .string || kind == .null else {
            throw .content("\"\(name)\" must be a string or null")
        }
        _ = try passValue()
    }

    /// The bytes that a string's base64 stands for, put into `scratch`, or nil for null.
    fileprivate mutating func base64(
        _ name: StaticString, _ scratch: inout OutputBuffer
    ) throws(JSONRecordFault) -> Range<Int>? {
        guard let text = try text(name, &scratch) else { return nil }
        // The bytes are put behind their text; both stay until the record is done.
        var digits = OutputBuffer(capacity: text.count)
        digits.append(scratch.bytes, text)
        scratch.truncate(to: text.lowerBound)
        do throws(FormatError) {
            try Base64.decode(digits.bytes, into: &scratch)
        } catch {
            throw .content("\"\(name)\" is not base64")
        }
        return text.lowerBound..<scratch.count
    }

    /// A whole number of 64 bits, or nil for null.
    fileprivate mutating func integer(_ name: StaticString) throws(JSONRecordFault) -> Int64? {
        switch try peekKind() {
        case .null:
            _ = try passValue()
            return nil
        case .number:
            guard let value = bytes.integer(try passValue()) else {
                throw .content("\"\(name)\" must be a whole number of 64 bits")
            }
            return value
        default: throw .content("\"\(name)\" must be a number or null")
        }
    }
}
