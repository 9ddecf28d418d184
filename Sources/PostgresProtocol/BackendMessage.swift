import Bytes

/// Where a message of the server lies in bytes: its letter, and the range of what follows the
/// length.
public struct BackendFrame: Equatable, Sendable {
    public let tag: UInt8
    public let body: Range<Int>

    /// The message that begins at `start`; nil if it is not there as a whole, with the bytes that
    /// it needs in all, as far as they are known.
    @inlinable
    public static func next(
        in bytes: RawSpan, at start: Int, bytesMax: Int, needs: inout Int
    ) throws(ProtocolError) -> BackendFrame? {
        needs = 5
        guard start >= 0, bytes.byteCount - start >= 5 else { return nil }
        var reader = ByteReader(bytes.extracting(start..<start + 5))
        let tag = reader.uint8()
        let length = Int(reader.int32())
        guard length >= 4, length <= bytesMax else {
            throw .malformed("a message of \(length) bytes")
        }
        needs = length + 1
        guard bytes.byteCount - start >= needs else { return nil }
        return BackendFrame(tag: tag, body: start + 5..<start + needs)
    }

    @inlinable
    init(tag: UInt8, body: Range<Int>) {
        self.tag = tag
        self.body = body
    }
}

/// A message of the server outside of the data of a COPY, read.
public enum BackendMessage: Sendable {
    case authentication(AuthenticationRequest)
    case parameter(name: String, value: String)
    case backendKey(process: Int32)
    case ready
    case error(ServerReport)
    case notice(ServerReport)
    case columns([String])
    /// The values of a row as text; nil is null.
    case row([[UInt8]?])
    case complete(String)
    case emptyQuery
    case copyOut
    case copyBoth
    case copyIn
    case copyData
    case copyDone
    /// What a client may pass over: notifications, the version that the server would rather speak.
    case other

    public static func read(_ tag: UInt8, _ body: RawSpan) throws(ProtocolError) -> BackendMessage {
        var reader = ByteReader(body)
        let message = try read(tag, body, &reader)
        guard !reader.failed else {
            throw .malformed("a message \(quoted(tag)) that is too short")
        }
        return message
    }

    private static func read(_ tag: UInt8, _ body: RawSpan, _ reader: inout ByteReader)
        throws(ProtocolError) -> BackendMessage
    {
        switch tag {
        case UInt8(ascii: "d"): return .copyData
        case UInt8(ascii: "D"): return .row(try row(&reader))
        case UInt8(ascii: "T"): return .columns(columns(&reader))
        case UInt8(ascii: "C"): return .complete(reader.text())
        case UInt8(ascii: "Z"):
            _ = reader.uint8()
            return .ready
        case UInt8(ascii: "E"): return .error(ServerReport(body))
        case UInt8(ascii: "N"): return .notice(ServerReport(body))
        case UInt8(ascii: "R"): return .authentication(AuthenticationRequest(&reader))
        case UInt8(ascii: "S"): return .parameter(name: reader.text(), value: reader.text())
        case UInt8(ascii: "K"): return .backendKey(process: reader.int32())
        case UInt8(ascii: "I"): return .emptyQuery
        case UInt8(ascii: "H"): return .copyOut
        case UInt8(ascii: "W"): return .copyBoth
        case UInt8(ascii: "G"): return .copyIn
        case UInt8(ascii: "c"): return .copyDone
        case UInt8(ascii: "A"), UInt8(ascii: "v"): return .other
        default: throw .malformed("a message \(quoted(tag)) that is unknown")
        }
    }

    private static func columns(_ reader: inout ByteReader) -> [String] {
        // A description has at least its name's end and 18 bytes.
        let count = reader.count(Int(reader.uint16()), elementSize: 19)
        return (0..<count).map { _ in
            let name = reader.text()
            _ = reader.take(18)
            return name
        }
    }

    private static func row(_ reader: inout ByteReader) throws(ProtocolError) -> [[UInt8]?] {
        let count = reader.count(Int(reader.uint16()), elementSize: 4)
        var values: [[UInt8]?] = []
        values.reserveCapacity(count)
        for _ in 0..<count {
            let length = reader.int32()
            guard length >= -1 else { throw .malformed("a value of \(length) bytes") }
            values.append(length < 0 ? nil : reader.array(Int(length)))
        }
        return values
    }

    private static func quoted(_ tag: UInt8) -> String {
        (0x21...0x7E).contains(tag) ? "\"\(Character(Unicode.Scalar(tag)))\"" : "number \(tag)"
    }
}

/// What the server wants of someone who logs in.
public enum AuthenticationRequest: Equatable, Sendable {
    case accepted
    case clearText
    case md5(salt: [UInt8])
    case sasl(mechanisms: [String])
    case saslContinue([UInt8])
    case saslFinal([UInt8])
    /// Kerberos, GSSAPI, SSPI and what may come.
    case unknown(Int32)

    init(_ reader: inout ByteReader) {
        let kind = reader.int32()
        switch kind {
        case 0: self = .accepted
        case 3: self = .clearText
        case 5: self = .md5(salt: reader.array(4))
        case 10:
            var mechanisms: [String] = []
            while !reader.failed, mechanisms.count < 100 {
                let name = reader.text()
                if name.isEmpty { break }
                mechanisms.append(name)
            }
            self = .sasl(mechanisms: mechanisms)
        case 11: self = .saslContinue(reader.array(reader.remaining))
        case 12: self = .saslFinal(reader.array(reader.remaining))
        default: self = .unknown(kind)
        }
    }
}
