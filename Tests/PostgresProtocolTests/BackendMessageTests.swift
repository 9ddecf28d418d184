import Bytes
import PostgresProtocol
import Testing

@Suite struct BackendMessageTests {
    private func frame(_ bytes: [UInt8], _ needs: inout Int) throws -> BackendFrame? {
        try BackendFrame.next(in: bytes.span.bytes, at: 0, bytesMax: 1_000, needs: &needs)
    }

    @Test func `a message is found when it is there as a whole`() throws {
        var needs = 0
        let bytes: [UInt8] = [UInt8(ascii: "Z"), 0, 0, 0, 5, UInt8(ascii: "I"), 9]
        for count in 0..<6 {
            #expect(try frame(Array(bytes[..<count]), &needs) == nil)
            #expect(needs == (count < 5 ? 5 : 6))
        }
        let found = try #require(try frame(bytes, &needs))
        #expect(found.tag == UInt8(ascii: "Z") && found.body == 5..<6)
    }

    @Test(arguments: [0, 3, -1, 1_001, Int32.max, Int32.min] as [Int32])
    func `a length that cannot be is an error`(length: Int32) {
        var writer = ByteWriter()
        writer.uint8(UInt8(ascii: "d"))
        writer.int32(length)
        var needs = 0
        #expect(throws: ProtocolError.self) { _ = try frame(writer.bytes, &needs) }
    }

    @Test func `an error has all its fields`() throws {
        let fields = [
            "SFEHLER", "VERROR", "C42P01", "Mrelation \"x\" does not exist", "Ddetail", "Hhint",
            "P15", "Wcontext", "Funknown.c",
        ]
        var body: [UInt8] = []
        for field in fields { body += Array(field.utf8) + [0] }
        body.append(0)
        guard
            case .error(let report) = try BackendMessage.read(
                UInt8(ascii: "E"), body.span.bytes)
        else { throw Unexpected() }
        #expect(report.severity == "ERROR" && report.sqlState == "42P01")
        #expect(report.message == "relation \"x\" does not exist" && report.position == 15)
        #expect(report.detail == "detail" && report.hint == "hint" && report.context == "context")
    }

    @Test func `a row has its nulls and its bytes`() throws {
        var writer = ByteWriter()
        writer.int16(3)
        writer.int32(-1)
        writer.int32(0)
        writer.int32(2)
        writer.append(utf8: "ab")
        guard
            case .row(let row) = try BackendMessage.read(
                UInt8(ascii: "D"), writer.bytes.span.bytes)
        else { throw Unexpected() }
        #expect(row == [nil, [], Array("ab".utf8)])
    }

    @Test func `messages that are cut or made up are errors`() {
        var writer = ByteWriter()
        writer.int16(1_000)
        writer.int32(Int32.max)
        for tag in "DTCRSKZE?xyz".utf8 {
            _ = try? BackendMessage.read(tag, writer.bytes.span.bytes)
            _ = try? BackendMessage.read(tag, [UInt8]().span.bytes)
        }
        #expect(throws: ProtocolError.self) {
            _ = try BackendMessage.read(UInt8(ascii: "?"), [UInt8]().span.bytes)
        }
        #expect(throws: ProtocolError.self) {
            _ = try BackendMessage.read(UInt8(ascii: "D"), writer.bytes.span.bytes)
        }
    }

    @Test func `a status update has the form of the protocol`() {
        let bytes = FrontendMessage.statusUpdate(
            written: 1, flushed: 2, applied: 3, microseconds: 946_684_800_000_004, wantsReply: true)
        #expect(bytes.count == 39 && bytes[0] == UInt8(ascii: "d") && bytes[4] == 38)
        #expect(bytes[5] == UInt8(ascii: "r") && bytes[13] == 1 && bytes[21] == 2)
        #expect(bytes[29] == 3 && bytes[37] == 4 && bytes[38] == 1)
    }

    @Test func `replication data is taken apart`() throws {
        var writer = ByteWriter()
        writer.uint8(UInt8(ascii: "w"))
        writer.uint64(10)
        writer.uint64(20)
        writer.int64(5)
        writer.append(utf8: "payload")
        #expect(
            try ReplicationMessage.read(writer.bytes.span.bytes)
                == .data(start: 10, end: 20, sent: 946_684_800_000_005, payload: 25))
        #expect(throws: ProtocolError.self) {
            _ = try ReplicationMessage.read(Array(writer.bytes[..<20]).span.bytes)
        }
        #expect(throws: ProtocolError.self) {
            _ = try ReplicationMessage.read([UInt8(ascii: "k"), 0].span.bytes)
        }
    }

    @Test func `a piece of the log is found as it lies`() {
        var writer = ByteWriter()
        writer.uint8(UInt8(ascii: "d"))
        writer.int32(4 + 25 + 3)
        writer.uint8(UInt8(ascii: "w"))
        writer.uint64(7)
        writer.uint64(9)
        writer.int64(0)
        writer.append(utf8: "abc")
        let bytes = [0] + writer.bytes
        let piece = LogPiece.next(in: bytes.span.bytes, at: 1)
        #expect(piece?.position == 7 && piece?.end == 9 && piece?.payload == 31..<34)
        for end in 0..<bytes.count {
            #expect(LogPiece.next(in: bytes.span.bytes.extracting(0..<end), at: min(1, end)) == nil)
        }
        for (index, byte) in [(1, UInt8(ascii: "D")), (6, UInt8(ascii: "k")), (4, 0xFF)] {
            var other = bytes
            other[index] = byte
            #expect(LogPiece.next(in: other.span.bytes, at: 1) == nil)
        }
    }
}
