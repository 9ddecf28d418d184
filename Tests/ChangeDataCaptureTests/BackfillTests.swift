import Bytes
import Formats
import PostgresProtocol
import Testing

@testable import ChangeDataCapture

/// A capture's assembler with a backfill of one table, and the messages of its stream.
private final class BackfillRig {
    let sink = RecordingSink()
    let backfill: Backfill
    let assembler: ChangeAssembler
    let table: CatalogTable
    private var log: UInt64 = 100
    /// Stands for a large value that the stream does not carry.
    static let unchanged = "~"

    init(
        states: [BackfillState] = [BackfillState(BackfillRequest(table: "public.t"))],
        isKnown: Bool = true
    ) {
        backfill = Backfill(slot: "s", states: states, chunkRows: 3, token: "x")
        let columns = ["id", "v"].map {
            LogicalRelation.Column(isIdentity: $0 == "id", name: $0, type: 25, modifier: -1)
        }
        let relation = LogicalRelation(
            oid: 7, schema: "public", name: "t", identity: UInt8(ascii: "d"), columns: columns)
        let described = CapturedTable(
            oid: 7, schema: "public", name: "t",
            columns: columns.map {
                CapturedColumn(
                    name: $0.name, type: ColumnType(oid: 25, name: "text"),
                    isIdentity: $0.isIdentity)
            }, key: [0])
        table = CatalogTable(
            table: described, relation: relation, kind: UInt8(ascii: "r"), rowsExpected: 0,
            primaryKey: [0])
        assembler = ChangeAssembler(
            sink: sink, spool: TransactionSpool(directory: "/tmp", memoryBytesMax: 1 << 20),
            selection: TableSelection(), after: CapturePosition(end: LogSequenceNumber(0)),
            last: nil, describe: { _, _ throws(CaptureError) in described })
        assembler.backfill = backfill
        if isKnown { assembler.know(table) }
        let table = table
        assembler.tableNamed = { name throws(CaptureError) in name == "public.t" ? table : nil }
    }

    /// A chunk as it was read when the transactions from `next` on were not visible.
    func chunk(
        _ rows: [[String]], next: UInt64 = 1_000, running: String = "", isHeld: Bool = false
    ) {
        let visible = VisibleTransactions("1:\(next):\(running)")
        guard let visible else { return }
        let chunk = Backfill.Chunk(table, key: [0], visible: visible)
        var tuples = OutputBuffer()
        for row in rows {
            let start = tuples.count
            let line = Array((row.joined(separator: "\t") + "\n").utf8)
            _ = CopyRow.append(line.rawSpan, columns: 2, to: &tuples)
            chunk.places.append(start..<tuples.count)
        }
        chunk.bytes = tuples.bytes.copied()
        chunk.isHeld = isHeld
        chunk.isFull = rows.count == backfill.chunkRows
        backfill.read(chunk)
    }

    func mark(
        _ kind: StreamMark.Kind, _ word: String, slot: String = "s", isCutOff: Bool = false,
        isRepeated: Bool = false
    ) throws {
        let isTransactional = kind != .low
        let text = StreamMark(kind, slot: slot, word).text
        var message = ByteWriter()
        message.uint8(UInt8(ascii: "M"))
        message.uint8(isTransactional ? 1 : 0)
        message.uint64(log)
        message.append(utf8: StreamMark.prefix + "\0")
        message.uint32(UInt32(text.utf8.count))
        message.append(utf8: text)
        if isTransactional {
            if isRepeated { log -= 10 }
            try transaction(xid: 5, [message.bytes], isCutOff: isCutOff)
        } else {
            try assembler.received(message.bytes.rawSpan, at: log)
        }
    }

    func transaction(xid: UInt32, _ messages: [[UInt8]], isCutOff: Bool = false) throws {
        log += 10
        var begin = ByteWriter()
        begin.uint8(UInt8(ascii: "B"))
        begin.uint64(log)
        begin.int64(0)
        begin.uint32(xid)
        var commit = ByteWriter()
        commit.uint8(UInt8(ascii: "C"))
        commit.uint8(0)
        commit.uint64(log)
        commit.uint64(log + 5)
        commit.int64(0)
        for message in [begin.bytes] + messages + (isCutOff ? [] : [commit.bytes]) {
            try assembler.received(message.rawSpan, at: log)
        }
    }

    func change(_ tag: Unicode.Scalar, old: [String]? = nil, new: [String]? = nil) -> [UInt8] {
        var message = ByteWriter()
        message.uint8(UInt8(ascii: tag))
        message.uint32(7)
        for (kind, row) in [(UInt8(ascii: "K"), old), (UInt8(ascii: "N"), new)] {
            guard let row else { continue }
            message.uint8(kind)
            message.int16(Int16(row.count))
            for value in row {
                guard value != Self.unchanged else {
                    message.uint8(UInt8(ascii: "u"))
                    continue
                }
                message.uint8(UInt8(ascii: "t"))
                message.int32(Int32(value.utf8.count))
                message.append(utf8: value)
            }
        }
        return message.bytes
    }

    var truncate: [UInt8] {
        var message = ByteWriter()
        message.uint8(UInt8(ascii: "T"))
        message.uint32(1)
        message.uint8(0)
        message.uint32(7)
        return message.bytes
    }

    func rows() -> [String] {
        sink.take().filter { $0.hasPrefix("read") }
            .map { String($0.split(separator: " ")[2]) }
    }
}

@Suite struct BackfillTests {
    @Test func `of a chunk that is read again no changed keys are kept`() throws {
        let rig = BackfillRig()
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"], ["2", "b"], ["3", "c"]])
        try rig.mark(.low, id)
        try rig.transaction(
            xid: 2, [rig.change("I", new: ["4", "d"]), rig.change("D", old: ["1", ""])])
        #expect(rig.backfill.changedKeys == 2)
        try rig.transaction(xid: 3, [rig.truncate, rig.change("I", new: ["5", "e"])])
        #expect(rig.backfill.changedKeys == 0)
        try rig.mark(.high, id)
        #expect(rig.rows() == [])
        #expect(rig.backfill.wantsChunk)
    }

    @Test func `a chunk whose marks another server need not have is read again`() throws {
        let rig = BackfillRig()
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"]])
        try rig.mark(.low, id)
        rig.backfill.forgetMarks()
        #expect(rig.backfill.wantsChunk)
        // One that comes all the same is of nothing.
        try rig.mark(.high, id)
        #expect(rig.rows() == [])
        let second = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"]])
        try rig.mark(.low, second)
        try rig.mark(.high, second, isCutOff: true)
        // The one that has come, in part, comes again with the rest.
        rig.backfill.forgetMarks()
        #expect(!rig.backfill.wantsChunk)
    }

    @Test func `rows come at the second mark, but for those that changed in between`() throws {
        let rig = BackfillRig()
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"], ["2", "b"], ["3", "c"]])
        try rig.transaction(xid: 9, [rig.change("U", new: ["1", "early"])])
        try rig.mark(.low, id)
        try rig.transaction(xid: 10, [rig.change("U", new: ["2", "new"])])
        try rig.mark(.high, id)
        #expect(rig.rows() == ["1|a", "3|c"])
        #expect(rig.backfill.states.first?.after == ["3"] && rig.backfill.wantsChunk)
        // The last chunk is one that is not full.
        let next = try #require(rig.backfill.begin())
        #expect(next.state.after == ["3"] && next.state.rows == 2)
        rig.chunk([["4", "d"]])
        try rig.mark(.low, next.id)
        try rig.mark(.high, next.id)
        #expect(rig.backfill.isDone)
        #expect(rig.sink.take().contains("notice backfill of public.t is done: 3 rows"))
    }

    @Test func `a row that is deleted or gets another key meanwhile is not brought back`() throws {
        let rig = BackfillRig()
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"], ["2", "b"], ["3", "c"]])
        try rig.mark(.low, id)
        try rig.transaction(
            xid: 10,
            [rig.change("D", old: ["1", ""]), rig.change("U", old: ["2", ""], new: ["9", "b"])])
        try rig.mark(.high, id)
        #expect(rig.rows() == ["3|c"])
    }

    @Test func `a row whose change leaves a value out comes with that of the chunk`() throws {
        let rig = BackfillRig()
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"], ["2", "b"], ["3", "c"]])
        try rig.mark(.low, id)
        try rig.transaction(
            xid: 10,
            [
                rig.change("U", new: ["1", BackfillRig.unchanged]),
                // The output has this one whole.
                rig.change("U", new: ["2", "new"]),
                rig.change("U", new: ["2", BackfillRig.unchanged]),
                // And this one is no row any more.
                rig.change("U", new: ["3", BackfillRig.unchanged]),
                rig.change("D", old: ["3", ""]),
            ])
        try rig.mark(.high, id)
        #expect(rig.rows() == ["1|a"])
    }

    @Test func `a row that gets another key without its large value is read again`() throws {
        let move = { (rig: BackfillRig, old: String, new: String) in
            rig.change("U", old: [old, ""], new: [new, BackfillRig.unchanged])
        }
        let request = { (key: String) in
            BackfillRequest(table: "public.t", condition: "{\"id\":\"\(key)\"}")
        }
        // Who reads all of the changes in their order knows the value.
        let rig = BackfillRig(states: [])
        try rig.transaction(xid: 10, [move(rig, "1", "2")])
        #expect(rig.backfill.isDone)
        rig.sink.tellsKeysApart = true
        try rig.transaction(xid: 11, [move(rig, "3", "4"), move(rig, "1", "4")])
        #expect(rig.backfill.states.map(\.request) == [request("4")])
        // What is being read has perhaps not seen it.
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["4", "old"]])
        try rig.mark(.low, id)
        try rig.transaction(xid: 12, [move(rig, "7", "4")])
        try rig.mark(.high, id)
        #expect(rig.rows().isEmpty && rig.backfill.wantsChunk)
        // Many are all of them.
        for key in 100..<200 { try rig.transaction(xid: 13, [move(rig, "1", "\(key)")]) }
        #expect(rig.backfill.states.map(\.request).contains(BackfillRequest(table: "public.t")))
        #expect(rig.backfill.states.count < 100)
        // While rows are read, nobody has seen all of them.
        let reading = BackfillRig()
        _ = try #require(reading.backfill.begin())
        try reading.transaction(xid: 10, [move(reading, "1", "2")])
        #expect(reading.backfill.states.map(\.request).contains(request("2")))
    }

    @Test func `a table that is new is read behind the transactions that were open`() throws {
        let rig = BackfillRig(states: [])
        rig.sink.holds = true
        try rig.mark(.table, "public.gone")
        #expect(rig.backfill.isDone && rig.backfill.accepted == 1)
        try rig.mark(.table, "public.t")
        #expect(rig.sink.take().contains { $0.hasPrefix("truncate t") })
        #expect(
            rig.backfill.states == [BackfillState(BackfillRequest(table: "public.t"), behind: 5)])
        let text = String(decoding: BackfillState.json(rig.backfill.states), as: UTF8.self)
        #expect(BackfillState.read(text) == rig.backfill.states)
        let snapshot = try #require(VisibleTransactions("4:9:4"))
        #expect(snapshot.isBehind(3) && !snapshot.isBehind(5) && !snapshot.isBehind(9))
    }

    @Test func `a table without key is read under a lock and replaces what was given`() throws {
        let rig = BackfillRig(states: [])
        try rig.mark(.table, "public.t")
        let id = try #require(rig.backfill.begin()).id
        try rig.transaction(xid: 9, [rig.change("I", new: ["1", "a"])])
        _ = rig.sink.take()
        let chunk = Backfill.Chunk(
            rig.table, key: [], visible: try #require(VisibleTransactions("0:0:")))
        chunk.isHeld = true
        var tuple = OutputBuffer()
        _ = CopyRow.append(Array("1\ta\n".utf8).rawSpan, columns: 2, to: &tuple)
        chunk.places = [0..<tuple.count]
        chunk.bytes = tuple.bytes.copied()
        rig.backfill.read(chunk)
        try rig.mark(.high, id)
        let lines = rig.sink.take().filter { $0.hasPrefix("truncate") || $0.hasPrefix("read") }
        #expect(lines.map { $0.prefix(4) } == ["trun", "read"] && rig.backfill.isDone)
    }

    /// Its commit was in the log, and in the stream, before the chunk's snapshot saw it.
    @Test func `a chunk that missed what the stream had given before is read again`() throws {
        let rig = BackfillRig()
        try rig.transaction(xid: 800, [rig.change("U", new: ["1", "new"])])
        for (next, running) in [(700 as UInt64, ""), (900, "800,801")] {
            let id = try #require(rig.backfill.begin()).id
            rig.chunk([["1", "old"]], next: next, running: running)
            try rig.mark(.low, id)
            try rig.mark(.high, id)
            #expect(rig.rows().isEmpty && rig.backfill.wantsChunk)
        }
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "new"]], next: 900)
        try rig.mark(.low, id)
        try rig.mark(.high, id)
        #expect(rig.rows() == ["1|new"] && rig.backfill.isDone)
    }

    @Test func `a truncate between the marks has the chunk read again`() throws {
        let rig = BackfillRig()
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"]])
        try rig.mark(.low, id)
        try rig.transaction(xid: 10, [rig.truncate])
        try rig.mark(.high, id)
        #expect(rig.rows().isEmpty && rig.backfill.wantsChunk)
    }

    @Test func `requests come through the stream, once, and only to their capture`() throws {
        let rig = BackfillRig(states: [])
        #expect(!rig.backfill.wantsChunk)
        try rig.mark(.backfill, "public.t:v > 'a'", slot: "other")
        #expect(rig.backfill.isDone)
        try rig.mark(.backfill, "public.t:v > 'a'")
        try rig.mark(.backfill, "public.t:v > 'a'")
        #expect(
            rig.backfill.states.map(\.request)
                == [BackfillRequest(table: "public.t", condition: "v > 'a'")])
        // Marks are no messages of the database's users.
        #expect(!rig.sink.take().contains { $0.hasPrefix("message") })
    }

    @Test func `a backfill is given up, or rests, when it is told so through the stream`() throws {
        let wanted = ["public.t", "public.t:v > 'a'", "public.u"].compactMap { BackfillRequest($0) }
        let rig = BackfillRig(states: wanted.map { BackfillState($0) })
        try rig.mark(.pause, "", slot: "other")
        #expect(rig.backfill.wantsChunk)
        try rig.mark(.pause, "")
        #expect(!rig.backfill.wantsChunk && rig.backfill.begin() == nil)
        try rig.mark(.resume, "")
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"]])
        try rig.mark(.low, id)
        try rig.mark(.cancel, "public.t:v > 'a'")
        #expect(rig.backfill.states.map(\.request.text) == ["public.t", "public.u"])
        try rig.mark(.cancel, "public.t")
        #expect(rig.backfill.states.map(\.request.text) == ["public.u"])
        try rig.mark(.high, id)
        #expect(rig.rows().isEmpty && rig.backfill.wantsChunk)
    }

    @Test func `the rows of a partition are read from it`() throws {
        var table = BackfillRig().table
        table.partition = "public.p1"
        let request = BackfillRequest(table: "public.t", partition: "42")
        #expect(request.partition == "42" && request.text == "public.t:tableoid = 42")
        #expect(BackfillRequest("t:tableoid = x")?.partition == nil)
        #expect(
            table.copy(BackfillState(request), key: [0], limit: 5)
                == "COPY (SELECT \"id\", \"v\" FROM ONLY public.p1 ORDER BY \"id\" USING "
                + "OPERATOR(pg_catalog.<) LIMIT 5) TO STDOUT")
    }

    @Test func `what is known of tables is kept in a comment`() {
        var memory = SourceMemory()
        memory.names = ["1": "public.t", "2": "x.\"ü"]
        memory.partitions = ["3": "3:740,4:741"]
        memory.filters = ["public.t": "id > 2 AND v = 'a'"]
        #expect(SourceMemory(comment: memory.comment) == memory)
        #expect(SourceMemory(comment: SourceMemory().comment) == SourceMemory())
        for other in [nil, "", "rtd: its rows are not read yet", "orders of the shop"] {
            #expect(SourceMemory(comment: other) == nil)
        }
    }

    @Test func `values that an update leaves out are looked up when that is asked for`() throws {
        let rig = BackfillRig(states: [])
        var asked: [UInt32] = []
        rig.assembler.fill = { _, row, bytes, xid throws(CaptureError) in
            asked.append(xid)
            var whole = OutputBuffer()
            _ = CopyRow.append(Array("1\tlarge".utf8).rawSpan, columns: 2, to: &whole)
            return TupleCursor.filled(bytes, row, from: whole.bytes, 0..<whole.count)
        }
        try rig.transaction(
            xid: 9,
            [
                rig.change("U", new: ["1", BackfillRig.unchanged]),
                rig.change("U", new: ["1", "small"]),
            ])
        #expect(asked == [9])
        #expect(
            rig.sink.take().filter { $0.hasPrefix("update") }
                == ["update t 1|large 1/1", "update t 1|small 2/2"])
    }

    @Test func `a connection that is lost before the commit repeats no row`() throws {
        let rig = BackfillRig()
        let id = try #require(rig.backfill.begin()).id
        rig.chunk([["1", "a"], ["2", "b"]])
        try rig.mark(.low, id)
        try rig.mark(.high, id, isCutOff: true)
        #expect(rig.rows() == ["1|a", "2|b"] && !rig.backfill.isDone)
        rig.assembler.restarted()
        try rig.mark(.low, id)
        try rig.mark(.high, id, isRepeated: true)
        #expect(rig.rows().isEmpty && rig.backfill.isDone)
    }

    @Test func `rows that replace a table are not repeated either`() throws {
        for isKnown in [false, true] {
            let rig = BackfillRig(isKnown: isKnown)
            let id = try #require(rig.backfill.begin()).id
            rig.chunk([["1", "a"], ["2", "b"]], isHeld: true)
            try rig.mark(.high, id, isCutOff: true)
            let given = rig.sink.take()
            #expect(given.contains { $0.hasPrefix("truncate") } == isKnown)
            #expect(given.filter { $0.hasPrefix("read") }.count == 2)
            // That the output has rows of it by now is no reason to replace them.
            rig.assembler.restarted()
            try rig.mark(.high, id, isRepeated: true)
            let rest = rig.sink.take().filter { $0.hasPrefix("read") || $0.hasPrefix("truncate") }
            #expect(rest == [])
            #expect(rig.backfill.isDone)
        }
    }

    @Test func `a snapshot's text says what it sees`() throws {
        let snapshot = try #require(VisibleTransactions("10:20:12,15"))
        #expect(snapshot.contains(9) && snapshot.contains(11) && snapshot.contains(19))
        #expect(!snapshot.contains(12) && !snapshot.contains(15) && !snapshot.contains(20))
        // The upper half counts the rounds of the lower one.
        let wrapped = try #require(VisibleTransactions("4294967300:4294967310:"))
        #expect(wrapped.contains(4_294_967_295) && wrapped.contains(13) && !wrapped.contains(14))
        #expect(VisibleTransactions("1:2") == nil && VisibleTransactions("a:b:") == nil)
    }

    @Test func `states are kept as JSON and read back`() {
        let states = [
            BackfillState(BackfillRequest(table: "a.b")),
            BackfillState(
                BackfillRequest(table: "public.t", condition: "x = 'a:\"b'"), after: ["1", "é\n"],
                rows: 17),
        ]
        let text = String(decoding: BackfillState.json(states), as: UTF8.self)
        #expect(BackfillState.read(text) == states)
        #expect(BackfillState.read("{}").isEmpty && BackfillState.read("x").isEmpty)
        #expect(BackfillRequest("t")?.table == "public.t" && BackfillRequest(":x") == nil)
    }

    @Test func `a chunk is read in the order of the key's index, behind the last one`() {
        var table = BackfillRig().table
        let text = table.table.columns[0]
        #expect(
            table.copy(
                BackfillState(
                    BackfillRequest(table: "public.t", condition: "v <> 'x'"), after: ["it's"]),
                key: [0], limit: 5)
                == "COPY (SELECT \"id\", \"v\" FROM ONLY \"public\".\"t\" WHERE (v <> 'x') AND "
                + "((\"id\") OPERATOR(pg_catalog.>) ('it''s'::\"pg_catalog\".\"text\")) "
                + "ORDER BY \"id\" USING OPERATOR(pg_catalog.<) LIMIT 5) TO STDOUT")
        var other = KeyColumn(text)
        (other.less, other.equal) = ("OPERATOR(x.<)", "OPERATOR(x.=)")
        (other.greater, other.collation) = ("OPERATOR(x.>)", "pg_catalog.\"C\"")
        table.keyColumns = [0: other]
        let order =
            " ORDER BY \"id\" COLLATE pg_catalog.\"C\" USING OPERATOR(x.<), "
            + "\"v\" USING OPERATOR(pg_catalog.<) LIMIT 5"
        let all = "SELECT \"id\", \"v\" FROM ONLY \"public\".\"t\""
        func next(_ after: [String]?) -> String {
            let request = BackfillRequest(table: "public.t")
            return table.copy(BackfillState(request, after: after), key: [0, 1], limit: 5)
        }
        #expect(
            next(nil)
                == "COPY (\(all)\(order)) TO STDOUT")
        let (a, b) = ("'a'::\"pg_catalog\".\"text\"", "'b'::\"pg_catalog\".\"text\"")
        #expect(
            next(["a", "b"])
                == "COPY (SELECT * FROM ((\(all) WHERE (\"id\" COLLATE pg_catalog.\"C\" "
                + "OPERATOR(x.=) \(a) AND \"v\" OPERATOR(pg_catalog.>) \(b))\(order)) UNION ALL "
                + "(\(all) WHERE (\"id\" COLLATE pg_catalog.\"C\" OPERATOR(x.>) \(a))\(order))) "
                + "AS parts\(order)) TO STDOUT")
    }

    @Test func `a row is read again by the operators of its key`() {
        var table = BackfillRig().table
        var key = KeyColumn(table.table.columns[0])
        key.equal = "OPERATOR(x.=)"
        table.keyColumns = [0: key]
        let request = BackfillRequest(table: table.table, key: [0], values: ["it's \"a\""])
        #expect(request.text == "public.t:{\"id\":\"it's \\\"a\\\"\"}" && request.isSingle)
        let found = BackfillState.read(
            String(decoding: BackfillState.json([BackfillState(request)]), as: UTF8.self))
        #expect(found.map(\.request) == [request])
        #expect(
            table.copy(BackfillState(request), key: [0], limit: 5).contains(
                " WHERE (\"id\" OPERATOR(x.=) 'it''s \"a\"'::\"pg_catalog\".\"text\") ORDER"))
        // A key of other columns than now: all rows.
        let other = BackfillRequest(table: "public.t", condition: "{\"gone\":\"1\"}")
        #expect(!table.copy(BackfillState(other), key: [0], limit: 5).contains("WHERE"))
    }
}
