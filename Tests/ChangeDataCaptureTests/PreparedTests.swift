import Bytes
import PostgresProtocol
import Testing

@testable import ChangeDataCapture

extension Sent {
    /// `b`, `P` or `p`.
    static func prepare(_ tag: Unicode.Scalar, _ at: UInt64, xid: UInt32) -> [UInt8] {
        message(tag) {
            if tag != "b" { $0.uint8(0) }
            $0.uint64(at)
            $0.uint64(at + 5)
            $0.int64(0)
            $0.uint32(xid)
            $0.append(utf8: "g\(xid)\0")
        }
    }
    static func commitPrepared(_ commit: UInt64, xid: UInt32) -> [UInt8] {
        message("K") {
            $0.uint8(0)
            $0.uint64(commit)
            $0.uint64(commit + 5)
            $0.int64(0)
            $0.uint32(xid)
            $0.append(utf8: "g\(xid)\0")
        }
    }
    static func rollbackPrepared(_ end: UInt64, xid: UInt32) -> [UInt8] {
        message("r") {
            $0.uint8(0)
            $0.uint64(end - 20)
            $0.uint64(end)
            $0.int64(0)
            $0.int64(0)
            $0.uint32(xid)
            $0.append(utf8: "g\(xid)\0")
        }
    }
}

@Suite struct PreparedTests {
    /// What may be acknowledged, as it was told.
    private final class Told {
        var positions: [UInt64] = []
    }

    private let sink = RecordingSink()
    private let told = Told()
    private let assembler: ChangeAssembler

    init() {
        assembler = ChangeAssembler(
            sink: sink, spool: TransactionSpool(directory: "/tmp", memoryBytesMax: 1 << 20),
            selection: TableSelection(), after: CapturePosition(end: LogSequenceNumber(0)),
            last: nil,
            describe: { relation, version throws(CaptureError) in
                CapturedTable(
                    oid: relation.oid, schema: relation.schema, name: relation.name,
                    columns: relation.columns.map {
                        CapturedColumn(name: $0.name, type: ColumnType(oid: $0.type, name: "text"))
                    }, version: version)
            })
        connect()
    }

    private func connect() {
        let told = told
        assembler.acknowledges { told.positions.append($0.value) }
    }

    private func send(_ messages: [[UInt8]]) throws {
        for message in messages where !assembler.isAtEnd {
            try assembler.received(message.span.bytes, at: 1)
        }
    }

    private let prepared = [
        Sent.prepare("b", 200, xid: 2), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["p"]),
        Sent.prepare("P", 200, xid: 2),
    ]

    private func plain(_ xid: UInt32, _ commit: UInt64, _ value: String) -> [[UInt8]] {
        [Sent.begin(commit, xid: xid), Sent.insert(1, [value]), Sent.commit(commit, commit + 5)]
    }

    @Test func `what is prepared is given when it is committed, and holds the slot until then`()
        throws
    {
        try send([Sent.begin(100, xid: 1), Sent.relation(1, "t", ["a"])])
        try send([Sent.insert(1, ["x"]), Sent.commit(100, 105)])
        try send(prepared)
        #expect(assembler.isIdle && assembler.holdsBack)
        try send(plain(3, 300, "y"))
        #expect(
            sink.take() == [
                "begin 1", "schema t(a) v1", "insert t x 1/1", "commit 1 1 0/69", "begin 3",
                "insert t y 1/1", "commit 3 1 0/131",
            ])
        #expect(told.positions.last == 105)
        _ = assembler.reached(LogSequenceNumber(350))
        #expect(told.positions.last == 105)
        try send([Sent.commitPrepared(400, xid: 2)])
        #expect(sink.take() == ["begin 2", "insert t p 1/1", "commit 2 1 0/195"])
        #expect(told.positions.last == 405 && !assembler.holdsBack)
        #expect(told.positions == told.positions.sorted())
    }

    @Test func `what is rolled back is not given, nor are its columns`() throws {
        try send([Sent.begin(100, xid: 1), Sent.relation(1, "t", ["a"])])
        try send([Sent.insert(1, ["x"]), Sent.commit(100, 105)])
        try send([
            Sent.prepare("b", 200, xid: 2), Sent.insert(1, ["old"]),
            Sent.relation(1, "t", ["a", "b"]), Sent.insert(1, ["new", "new"]),
            Sent.prepare("P", 200, xid: 2), Sent.rollbackPrepared(300, xid: 2),
        ])
        // The server says it again, as its own cache was emptied.
        try send([Sent.begin(400, xid: 3), Sent.relation(1, "t", ["a"])])
        try send([Sent.insert(1, ["y"]), Sent.commit(400, 405)])
        let lines = sink.take().filter { !$0.hasPrefix("schema") }
        #expect(
            lines == [
                "begin 1", "insert t x 1/1", "commit 1 1 0/69", "begin 3", "insert t y 1/1",
                "commit 3 1 0/195",
            ])
        #expect(told.positions.last == 405)
    }

    @Test func `rows before and behind new columns have theirs`() throws {
        try send([Sent.begin(100, xid: 1), Sent.relation(1, "t", ["a"])])
        try send([Sent.insert(1, ["x"]), Sent.commit(100, 105)])
        _ = sink.take()
        try send([
            Sent.prepare("b", 200, xid: 2), Sent.insert(1, ["old"]),
            Sent.relation(1, "t", ["a", "b"]), Sent.insert(1, ["n", "m"]),
            Sent.prepare("P", 200, xid: 2), Sent.commitPrepared(300, xid: 2),
        ])
        let lines = sink.take().filter { !$0.hasPrefix("schema") }
        #expect(lines == ["begin 2", "insert t old 1/1", "insert t n|m 2/2", "commit 2 2 0/131"])
    }

    @Test func `a connection that is lost in between repeats and loses nothing`() throws {
        try send(prepared + plain(3, 300, "y"))
        assembler.restarted()
        assembler.acknowledges(nil)
        connect()
        // Nothing may be acknowledged that this connection has not come to.
        #expect(told.positions.last == 0)
        try send(prepared)
        try send(plain(3, 300, "y"))
        #expect(told.positions.last == 0)
        try send([Sent.commitPrepared(400, xid: 2)])
        let lines = sink.take().filter { !$0.hasPrefix("schema") }
        #expect(
            lines == [
                "begin 3", "insert t y 1/1", "commit 3 1 0/131", "begin 2", "insert t p 1/1",
                "commit 2 1 0/195",
            ])
        // Once more: known.
        assembler.restarted()
        try send(prepared)
        try send([Sent.commitPrepared(400, xid: 2)])
        #expect(sink.take().isEmpty)
    }

    @Test func `pieces of a stream may be prepared too`() throws {
        try send([
            Sent.streamStart(9), Sent.relation(1, "t", ["a"], xid: 9),
            Sent.insert(1, ["p"], xid: 9), Sent.streamStop, Sent.streamStart(9),
            Sent.insert(1, ["q"], xid: 10), Sent.streamStop, Sent.streamAbort(9, 10),
            Sent.prepare("p", 200, xid: 9),
        ])
        #expect(sink.take().isEmpty && assembler.holdsBack)
        try send([Sent.commitPrepared(400, xid: 9)])
        #expect(
            sink.take() == ["begin 9", "schema t(a) v1", "insert t p 1/1", "commit 9 1 0/195"])
    }

    @Test func `the commit of what another reader was given is an error`() throws {
        #expect(throws: CaptureError.self) { try send([Sent.commitPrepared(400, xid: 2)]) }
        try send([Sent.begin(500, xid: 1), Sent.relation(1, "t", ["a"])])
        try send([Sent.insert(1, ["x"]), Sent.commit(500, 505)])
        // The output has it.
        try send([Sent.commitPrepared(400, xid: 2)])
    }
}
