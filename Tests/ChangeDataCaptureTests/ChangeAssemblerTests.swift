import Bytes
import PostgresProtocol
import Testing

@testable import ChangeDataCapture

/// The messages of pgoutput, as `PostgresProtocolTests` has them, as far as these tests need them.
enum Sent {
    static func message(_ tag: Unicode.Scalar, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(UInt8(ascii: tag))
        body(&writer)
        return writer.bytes
    }
    static func begin(_ commit: UInt64, xid: UInt32) -> [UInt8] {
        message("B") {
            $0.uint64(commit)
            $0.int64(0)
            $0.uint32(xid)
        }
    }
    static func commit(_ commit: UInt64, _ end: UInt64) -> [UInt8] {
        message("C") {
            $0.uint8(0)
            $0.uint64(commit)
            $0.uint64(end)
            $0.int64(0)
        }
    }
    static func relation(_ oid: UInt32, _ name: String, _ columns: [String], xid: UInt32? = nil)
        -> [UInt8]
    {
        message("R") {
            if let xid { $0.uint32(xid) }
            $0.uint32(oid)
            $0.append(utf8: "public\0\(name)\0d")
            $0.int16(Int16(columns.count))
            for column in columns {
                $0.uint8(0)
                $0.append(utf8: "\(column)\0")
                $0.uint32(25)
                $0.int32(-1)
            }
        }
    }
    static func insert(_ oid: UInt32, _ values: [String], xid: UInt32? = nil) -> [UInt8] {
        message("I") {
            if let xid { $0.uint32(xid) }
            $0.uint32(oid)
            $0.append(utf8: "N")
            $0.int16(Int16(values.count))
            for value in values {
                $0.append(utf8: "t")
                $0.int32(Int32(value.utf8.count))
                $0.append(utf8: value)
            }
        }
    }
    static func streamStart(_ xid: UInt32) -> [UInt8] {
        message("S") {
            $0.uint32(xid)
            $0.uint8(1)
        }
    }
    static let streamStop = message("E") { _ in }
    static func streamCommit(_ xid: UInt32, _ commit: UInt64, _ end: UInt64) -> [UInt8] {
        message("c") {
            $0.uint32(xid)
            $0.uint8(0)
            $0.uint64(commit)
            $0.uint64(end)
            $0.int64(0)
        }
    }
    static func streamAbort(_ xid: UInt32, _ subxid: UInt32) -> [UInt8] {
        message("A") {
            $0.uint32(xid)
            $0.uint32(subxid)
        }
    }
    static func content(_ text: String, at position: UInt64, isTransactional: Bool) -> [UInt8] {
        message("M") {
            $0.uint8(isTransactional ? 1 : 0)
            $0.uint64(position)
            $0.append(utf8: "p\0")
            $0.uint32(UInt32(text.utf8.count))
            $0.append(utf8: text)
        }
    }
}

@Suite struct ChangeAssemblerTests {
    private let sink: RecordingSink

    init() { sink = RecordingSink() }
    private init(sink: RecordingSink) { self.sink = sink }

    private func assembler(
        after: CapturePosition = CapturePosition(end: LogSequenceNumber(0)), last: UInt64? = nil,
        selection: TableSelection = TableSelection(), memory: Int = 1 << 20
    ) -> ChangeAssembler {
        ChangeAssembler(
            sink: sink, spool: TransactionSpool(directory: "/tmp", memoryBytesMax: memory),
            selection: selection, after: after, last: last.map { LogSequenceNumber($0) },
            describe: { relation, version throws(CaptureError) in
                CapturedTable(
                    oid: relation.oid, schema: relation.schema, name: relation.name,
                    columns: relation.columns.map {
                        CapturedColumn(name: $0.name, type: ColumnType(oid: $0.type, name: "text"))
                    }, version: version)
            })
    }

    private func send(_ messages: [[UInt8]], to assembler: ChangeAssembler) throws {
        for message in messages where !assembler.isAtEnd {
            try assembler.received(message.span.bytes, at: 1)
        }
    }

    @Test func `a transaction comes as begin, schema, changes, commit`() throws {
        let assembler = assembler()
        try send(
            [
                Sent.begin(10, xid: 7), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["x"]),
                Sent.relation(2, "u", ["b"]), Sent.insert(2, ["y"]), Sent.insert(1, ["z"]),
                Sent.commit(10, 20),
            ], to: assembler)
        #expect(
            sink.take() == [
                "begin 7", "schema t(a) v1", "insert t x 1/1", "schema u(b) v1", "insert u y 2/1",
                "insert t z 3/2", "commit 7 3 0/14",
            ])
        #expect(assembler.given == CapturePosition(end: LogSequenceNumber(20)))
    }

    @Test func `a transaction without changes is not told, but passed`() throws {
        let assembler = assembler()
        try send([Sent.begin(10, xid: 7), Sent.commit(10, 20)], to: assembler)
        #expect(sink.take() == [])
        #expect(assembler.given.end == LogSequenceNumber(20))
    }

    @Test func `what the output has is not given again`() throws {
        let assembler = assembler(after: CapturePosition(end: LogSequenceNumber(20)))
        try send(
            [
                Sent.begin(10, xid: 7), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["x"]),
                Sent.commit(10, 20), Sent.begin(20, xid: 8), Sent.insert(1, ["y"]),
                Sent.commit(20, 30),
            ], to: assembler)
        #expect(
            sink.take() == ["begin 8", "schema t(a) v1", "insert t y 1/1", "commit 8 1 0/1E"])
    }

    @Test func `a transaction that the output has in part goes on behind that part`() throws {
        let assembler = assembler(
            after: CapturePosition(
                end: LogSequenceNumber(10),
                partial: .init(commit: LogSequenceNumber(10), changes: 1)))
        let messages = [
            Sent.begin(10, xid: 7), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["x"]),
            Sent.insert(1, ["y"]), Sent.commit(10, 20),
        ]
        try send(messages, to: assembler)
        #expect(sink.take() == ["schema t(a) v1", "insert t y 2/2", "commit 7 2 0/14"])
    }

    @Test func `a connection that is lost inside a transaction repeats nothing`() throws {
        let messages = [
            Sent.begin(10, xid: 7), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["x"]),
            Sent.insert(1, ["y"]), Sent.commit(10, 20),
        ]
        for cut in 0..<messages.count {
            let sink = RecordingSink()
            let cutShort = ChangeAssemblerTests(sink: sink).assembler()
            try send(Array(messages[..<cut]), to: cutShort)
            cutShort.restarted()
            try send(messages, to: cutShort)
            #expect(
                sink.take() == [
                    "begin 7", "schema t(a) v1", "insert t x 1/1", "insert t y 2/2",
                    "commit 7 2 0/14",
                ])
        }
    }

    /// Its table is renamed in it, and emptied under the new name: that is a change, too.
    @Test func `a transaction that renames a table goes on where its connection was lost`() throws {
        sink.holds = true
        let assembler = assembler()
        let first = [
            Sent.begin(30, xid: 8), Sent.relation(1, "a", ["c"]), Sent.insert(1, ["x"]),
            Sent.relation(1, "b", ["c"]), Sent.insert(1, ["y"]),
        ]
        try send(
            [
                Sent.begin(10, xid: 7), Sent.relation(1, "a", ["c"]), Sent.insert(1, ["w"]),
                Sent.commit(10, 20),
            ] + first, to: assembler)
        #expect(
            sink.take().dropFirst(4) == [
                "begin 8", "insert a x 1/1",
                "notice table public.b had another name before; its rows are read under this one",
                "schema b(c) v2", "truncate b  2/2", "insert b y 3/3",
            ])
        for _ in 0..<2 {
            assembler.restarted()
            try send(first, to: assembler)
            #expect(sink.take() == [])
        }
        try send([Sent.insert(1, ["z"]), Sent.commit(30, 40)], to: assembler)
        #expect(sink.take() == ["insert b z 4/4", "commit 8 4 0/28"])
    }

    @Test func `a table whose description differs is told again`() throws {
        let assembler = assembler()
        try send(
            [
                Sent.begin(10, xid: 7), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["x"]),
                Sent.relation(1, "t", ["a"]), Sent.insert(1, ["y"]),
                Sent.relation(1, "t", ["a", "b"]), Sent.insert(1, ["z", "1"]), Sent.commit(10, 20),
            ], to: assembler)
        #expect(
            sink.take() == [
                "begin 7", "schema t(a) v1", "insert t x 1/1", "insert t y 2/2",
                "schema t(a,b) v2", "insert t z|1 3/3", "commit 7 3 0/14",
            ])
    }

    @Test(arguments: [1 << 20, 100])
    func `streamed transactions come at their commits, in that order`(
        memory: Int
    ) throws {
        let assembler = assembler(memory: memory)
        var expected: [String] = ["begin 8", "schema t(a) v1"]
        var messages: [[UInt8]] = []
        for round in 0..<20 {
            messages += [
                Sent.streamStart(7), Sent.relation(1, "t", ["a"], xid: 7),
                Sent.insert(1, ["seven \(round)"], xid: 7), Sent.streamStop, Sent.streamStart(8),
                Sent.relation(1, "t", ["a"], xid: 8), Sent.insert(1, ["eight \(round)"], xid: 8),
                Sent.streamStop,
            ]
            expected.append("insert t eight \(round) \(round + 1)/\(round + 1)")
        }
        messages += [Sent.streamCommit(8, 10, 20), Sent.streamCommit(7, 30, 40)]
        expected += ["commit 8 20 0/14", "begin 7"]
        for round in 0..<20 {
            expected.append("insert t seven \(round) \(round + 1)/\(round + 1)")
        }
        expected.append("commit 7 20 0/28")
        try send(messages, to: assembler)
        #expect(sink.take() == expected)
    }

    @Test func `what is rolled back in a stream is not given`() throws {
        let assembler = assembler()
        try send(
            [
                Sent.streamStart(7), Sent.relation(1, "t", ["a"], xid: 7),
                Sent.insert(1, ["kept"], xid: 7), Sent.relation(2, "u", ["b"], xid: 70),
                Sent.insert(1, ["lost"], xid: 70), Sent.streamStop, Sent.streamAbort(7, 70),
                Sent.streamStart(7), Sent.insert(2, ["after"], xid: 7), Sent.streamStop,
                Sent.streamStart(9), Sent.insert(1, ["all lost"], xid: 9), Sent.streamStop,
                Sent.streamAbort(9, 9), Sent.streamCommit(7, 10, 20), Sent.streamCommit(9, 30, 40),
            ], to: assembler)
        #expect(
            sink.take() == [
                "begin 7", "schema t(a) v1", "insert t kept 1/1", "schema u(b) v1",
                "insert u after 2/1", "commit 7 2 0/14",
            ])
    }

    @Test func `the end that was asked for is between two transactions`() throws {
        let assembler = assembler(last: 20)
        try send(
            [
                Sent.begin(10, xid: 7), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["x"]),
                Sent.commit(10, 20), Sent.begin(20, xid: 8), Sent.insert(1, ["y"]),
            ], to: assembler)
        #expect(assembler.isAtEnd)
        #expect(sink.take().last == "commit 7 1 0/14")
        let idle = ChangeAssemblerTests().assembler(last: 20)
        #expect(!idle.reached(LogSequenceNumber(19)) && idle.reached(LogSequenceNumber(20)))
    }

    @Test func `a message outside of transactions is one of its own`() throws {
        let assembler = assembler()
        let message = Sent.content("hello", at: 15, isTransactional: false)
        try send([message, message], to: assembler)
        #expect(sink.take() == ["begin 0", "message hello", "commit 0 1 0/F"])
    }

    @Test func `tables that are not selected are passed over`() throws {
        let assembler = assembler(selection: TableSelection(excluded: ["u"]))
        try send(
            [
                Sent.begin(10, xid: 7), Sent.relation(2, "u", ["b"]), Sent.insert(2, ["y"]),
                Sent.commit(10, 20),
            ], to: assembler)
        #expect(sink.take() == [])
    }

    @Test func `a stream that makes no sense is an error`() {
        let wrong: [[[UInt8]]] = [
            [Sent.insert(1, ["x"])], [Sent.commit(1, 2)], [Sent.streamStop],
            [Sent.begin(10, xid: 7), Sent.begin(20, xid: 8)],
            [Sent.begin(10, xid: 7), Sent.insert(1, ["x"])],
            [Sent.begin(10, xid: 7), Sent.streamStart(7)],
            [Sent.streamStart(7), Sent.begin(10, xid: 7)],
            [Sent.begin(10, xid: 7), Sent.relation(1, "t", ["a"]), Sent.insert(1, ["x", "y"])],
        ]
        for messages in wrong {
            #expect(throws: CaptureError.self) { try send(messages, to: assembler()) }
        }
    }
}
