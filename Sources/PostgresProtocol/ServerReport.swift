import Bytes

/// An ErrorResponse or NoticeResponse: what the server says of a failure.
public struct ServerReport: Error, Equatable, Sendable {
    /// Not translated: ERROR, FATAL, PANIC, WARNING, NOTICE, ...
    public var severity = ""
    public var sqlState = ""
    public var message = ""
    public var detail: String?
    public var hint: String?
    /// Where in the statement, counted in characters from 1.
    public var position: Int?
    /// Which code was at work, such as the callback of an output plugin.
    public var context: String?
    /// The function of the server that reports, which is not translated.
    public var routine: String?

    /// Reads the fields of the message; unknown ones are passed over. Text in another encoding than
    /// UTF-8 (before the session is set up) is repaired.
    public init(_ body: RawSpan) {
        var reader = ByteReader(body)
        while true {
            let field = reader.uint8()
            guard field != 0, !reader.failed else { return }
            take(field, reader.text())
        }
    }

    public init(severity: String, sqlState: String, message: String) {
        self.severity = severity
        self.sqlState = sqlState
        self.message = message
    }

    private mutating func take(_ field: UInt8, _ value: String) {
        switch field {
        case UInt8(ascii: "V"): severity = value
        case UInt8(ascii: "S"): if severity.isEmpty { severity = value }
        case UInt8(ascii: "C"): sqlState = value
        case UInt8(ascii: "M"): message = value
        case UInt8(ascii: "D"): detail = value
        case UInt8(ascii: "H"): hint = value
        case UInt8(ascii: "P"): position = Int(value)
        case UInt8(ascii: "W"): context = value
        case UInt8(ascii: "R"): routine = value
        default: break
        }
    }
}

extension ByteReader {
    /// Text up to its zero byte, which is passed over; fails without one. What is no UTF-8 is
    /// repaired.
    @_lifetime(self: copy self)
    mutating func text() -> String {
        let start = position
        var end = start
        while end < start + remaining, peek(at: end) != 0 { end += 1 }
        guard end < start + remaining else {
            fail()
            return ""
        }
        let bytes = array(end - start)
        _ = uint8()
        return String(decoding: bytes, as: UTF8.self)
    }
}
