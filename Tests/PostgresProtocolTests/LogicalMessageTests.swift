import Bytes
import PostgresProtocol
import Testing

@Suite struct LogicalMessageTests {
    @Test func `each message is read with its fields`() throws {
        for (bytes, inStream) in Written.all {
            _ = try LogicalMessage.read(bytes.span.bytes, inStream: inStream)
        }
        let bytes = Written.update(3, ["k", nil], ["x", "<u>"], kind: "K")
        guard case .row(let row) = try LogicalMessage.read(bytes.span.bytes, inStream: false)
        else { throw Unexpected() }
        #expect(row.kind == .update && row.relation == 3 && row.beforeIsKey && row.columns == 2)
        #expect(row.xid == nil)
        let before = try #require(row.before)
        #expect(
            Array(bytes[before]) == [0, 2] + Array("t".utf8) + [0, 0, 0, 1] + Array("kn".utf8))
        let after = try #require(row.after)
        #expect(after.upperBound == bytes.count)
    }

    @Test func `times count from 1970 and positions are whole`() throws {
        let bytes = Written.begin(final: 0xFFFF_FFFF_0000_0001, xid: 4_000_000_000)
        guard case .begin(let begin) = try LogicalMessage.read(bytes.span.bytes, inStream: false)
        else { throw Unexpected() }
        #expect(begin.final == 0xFFFF_FFFF_0000_0001 && begin.xid == 4_000_000_000)
        #expect(begin.time == 946_684_800_000_001)
    }

    @Test func `a message cut anywhere is an error and never a trap`() {
        for (bytes, inStream) in Written.all {
            for count in 0..<bytes.count {
                // An abort is whole without where and when.
                if bytes[0] == UInt8(ascii: "A"), count == 9 { continue }
                #expect(throws: ProtocolError.self) {
                    _ = try LogicalMessage.read(
                        Array(bytes[..<count]).span.bytes, inStream: inStream)
                }
            }
        }
    }

    @Test func `bytes behind a message are an error`() {
        for (bytes, inStream) in Written.all {
            #expect(throws: ProtocolError.self) {
                _ = try LogicalMessage.read((bytes + [0]).span.bytes, inStream: inStream)
            }
        }
    }

    @Test func `bytes at random never trap`() {
        var generator = SeededGenerator(seed: 20_261_126)
        for _ in 0..<20_000 {
            var bytes = Written.all[Int.random(in: 0..<Written.all.count, using: &generator)].bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
            }
            let inStream = Bool.random(using: &generator)
            _ = try? LogicalMessage.read(bytes.span.bytes, inStream: inStream)
        }
    }

    @Test func `counts that cannot be reserve nothing`() {
        let tuple = Written.message("I") {
            $0.uint32(1)
            $0.uint8(UInt8(ascii: "N"))
            $0.uint16(0xFFFF)
        }
        let truncate = Written.message("T") {
            $0.uint32(0xFFFF_FFFF)
            $0.uint8(0)
        }
        let value = Written.message("I") {
            $0.uint32(1)
            $0.uint8(UInt8(ascii: "N"))
            $0.uint16(1)
            $0.uint8(UInt8(ascii: "t"))
            $0.uint32(0xFFFF_FFFF)
        }
        for bytes in [tuple, truncate, value] {
            #expect(throws: ProtocolError.self) {
                _ = try LogicalMessage.read(bytes.span.bytes, inStream: false)
            }
        }
    }

    @Test func `two tuples of a message have as many columns`() {
        #expect(throws: ProtocolError.self) {
            _ = try LogicalMessage.read(
                Written.update(1, ["a"], ["a", "b"], kind: "O").span.bytes, inStream: false)
        }
    }
}

struct Unexpected: Error {}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
