import Bytes

/// The messages of a client, as bytes.
public enum FrontendMessage {
    private static let version3: Int32 = 196_608
    private static let tlsRequestCode: Int32 = 80_877_103

    /// Asks whether the server speaks TLS; it answers with the one byte `S` or `N`.
    public static let tlsRequest: [UInt8] = {
        var writer = ByteWriter()
        writer.int32(8)
        writer.int32(tlsRequestCode)
        return writer.bytes
    }()

    /// The first message. Names and values have no zero byte in them (they end at one).
    public static func startup(_ parameters: [(name: String, value: String)]) -> [UInt8] {
        var writer = ByteWriter()
        writer.int32(0)
        writer.int32(version3)
        for (name, value) in parameters {
            text(name, into: &writer)
            text(value, into: &writer)
        }
        writer.uint8(0)
        writer.patch(int32: Int32(writer.count), at: 0)
        return writer.bytes
    }

    public static func query(_ sql: String) -> [UInt8] {
        message("Q") { text(sql, into: &$0) }
    }

    public static func password(_ password: [UInt8]) -> [UInt8] {
        message("p") {
            $0.append(password.filter { $0 != 0 })
            $0.uint8(0)
        }
    }

    static func saslInitial(_ mechanism: String, _ token: [UInt8]) -> [UInt8] {
        message("p") {
            text(mechanism, into: &$0)
            $0.int32(Int32(clamping: token.count))
            $0.append(token)
        }
    }

    static func saslResponse(_ token: [UInt8]) -> [UInt8] {
        message("p") { $0.append(token) }
    }

    /// The client's side of CopyBoth ends.
    public static let copyDone: [UInt8] = message("c") { _ in }
    public static let terminate: [UInt8] = message("X") { _ in }

    /// Tells the server how far its log is kept here. `flushed` is what it may forget.
    public static func statusUpdate(
        written: UInt64, flushed: UInt64, applied: UInt64, microseconds: Int64, wantsReply: Bool
    ) -> [UInt8] {
        message("d") {
            $0.uint8(UInt8(ascii: "r"))
            $0.uint64(written)
            $0.uint64(flushed)
            $0.uint64(applied)
            $0.int64(microseconds &- postgresEpochMicroseconds)
            $0.uint8(wantsReply ? 1 : 0)
        }
    }

    private static func message(_ tag: Unicode.Scalar, _ body: (inout ByteWriter) -> Void)
        -> [UInt8]
    {
        var writer = ByteWriter(reserving: 64)
        writer.uint8(UInt8(ascii: tag))
        writer.int32(0)
        body(&writer)
        writer.patch(int32: Int32(clamping: writer.count - 1), at: 1)
        return writer.bytes
    }

    private static func text(_ text: String, into writer: inout ByteWriter) {
        writer.append(text.utf8.filter { $0 != 0 })
        writer.uint8(0)
    }
}

/// Microseconds from 1970 to 2000, where PostgreSQL's times begin.
public let postgresEpochMicroseconds: Int64 = 946_684_800_000_000
