import Bytes
import Formats
import Foundation
import Testing

@testable import ChangeDataCapture

@Suite struct EnvelopeTests {
    private let fixture = EnvelopeFixture.self

    @Test func `Debezium's envelope has its fields, one by one`() {
        let line = fixture.value(.debezium, fixture.change(.insert, after: ["1", "1.10", nil]))
        #expect(
            line
                == "{\"before\":null,\"after\":{\"id\":1,\"total\":1.10,\"note\":null},"
                + "\"source\":{\"version\":\"1.2.3\",\"connector\":\"postgresql\","
                + "\"name\":\"store\",\"ts_ms\":1704164645123,\"ts_us\":1704164645123456,"
                + "\"ts_ns\":1704164645123456000,\"snapshot\":\"false\",\"db\":\"shop\","
                + "\"sequence\":\"[null,\\\"97500057600\\\"]\",\"schema\":\"public\","
                + "\"table\":\"orders\",\"txId\":741,\"lsn\":97500057600,\"xmin\":null},"
                + "\"op\":\"c\",\"ts_ms\":1704164646000,\"ts_us\":1704164646000001,"
                + "\"ts_ns\":1704164646000001000,\"transaction\":{\"id\":\"741:97500059720\","
                + "\"total_order\":1,\"data_collection_order\":1}}")
    }

    @Test func `a delete has the old key before and nothing after`() {
        let made = fixture.change(.delete, before: ["7", nil, nil], beforeIsKey: true)
        let line = fixture.value(.debezium, made) ?? ""
        #expect(line.hasPrefix("{\"before\":{\"id\":7},\"after\":null,"))
        #expect(fixture.key(.debezium, made) == "{\"id\":7}")
    }

    @Test func `a value that the stream does not carry is left out and named`() throws {
        let made = fixture.change(.update, after: ["1", "2.00", .unchanged])
        let line = fixture.value(.debezium, made) ?? ""
        #expect(
            line.hasPrefix(
                "{\"before\":null,\"after\":{\"id\":1,\"total\":2.00},\"unavailable\":[\"note\"],"))
        var settings = fixture.settings
        #expect(try settings.set("unavailable.value.placeholder", "__gone"))
        let marked = fixture.value(.debezium, made, settings) ?? ""
        #expect(marked.contains("\"after\":{\"id\":1,\"total\":2.00,\"note\":\"__gone\"},\"source"))
    }

    @Test func `the old row of REPLICA IDENTITY FULL fills in what the new one lacks`() {
        let made = fixture.change(
            .update, before: ["1", "1.00", "long"], after: ["1", "2.00", .unchanged])
        for format in [EnvelopeFormat.debezium, .flat, .maxwell] {
            let line = fixture.value(format, made) ?? ""
            #expect(line.contains("{\"id\":1,\"total\":2.00,\"note\":\"long\"}"))
            #expect(!line.contains("unavailable"))
        }
    }

    @Test func `an update of the key becomes a delete and an insert`() {
        let made = fixture.change(
            .update, before: ["1", nil, nil], beforeIsKey: true, after: ["2", "1.00", "x"])
        guard let (old, new) = made.0.halves(of: made.1.rawSpan) else {
            Issue.record("the key has moved")
            return
        }
        var encoder = EnvelopeFormat.debezium.encoder(fixture.settings)
        let first = fixture.value(&encoder, old, made.1) ?? ""
        let second = fixture.value(&encoder, new, made.1) ?? ""
        #expect(first.hasPrefix("{\"before\":{\"id\":1},\"after\":null,"))
        #expect(first.contains("\"op\":\"d\"") && first.contains("\"total_order\":1,"))
        #expect(second.hasPrefix("{\"before\":null,\"after\":{\"id\":2,"))
        #expect(second.contains("\"op\":\"c\"") && second.contains("\"total_order\":2,"))
        let partial = fixture.change(
            .update, before: ["1", nil, nil], beforeIsKey: true, after: ["2", nil, .unchanged])
        #expect(partial.0.halves(of: partial.1.rawSpan) == nil)
        let moves1 = partial.0.movesKey(in: partial.1.rawSpan)
        #expect(moves1)
        let same = fixture.change(.update, before: ["1", nil, nil], after: ["1", nil, nil])
        #expect(same.0.halves(of: same.1.rawSpan) == nil)
    }

    @Test func `a flat line has keys, columns, what changed, and where it stands`() {
        let made = fixture.change(
            .update, before: ["1", "1.00", "a"], after: ["1", "2.00", "a"], order: 3)
        #expect(
            fixture.value(.flat, made)
                == "{\"action\":\"update\",\"schema\":\"public\",\"table\":\"orders\","
                + "\"keys\":{\"id\":1},\"columns\":{\"id\":1,\"total\":2.00,\"note\":\"a\"},"
                + "\"changes\":{\"total\":1.00},\"metadata\":{\"database\":\"shop\","
                + "\"lsn\":\"16/B374D000\",\"xid\":741,\"commit_lsn\":\"16/B374D848\","
                + "\"commit_timestamp\":\"2024-01-02T03:04:05.123456Z\",\"ordinal\":3,"
                + "\"snapshot\":false}}")
    }

    @Test func `Maxwell's line has data and the old values of changed columns`() {
        let made = fixture.change(
            .update, before: ["1", "1.00", "a"], after: ["1", "2.00", "a"], order: 3)
        #expect(
            fixture.value(.maxwell, made)
                == "{\"database\":\"shop\",\"schema\":\"public\",\"table\":\"orders\","
                + "\"type\":\"update\",\"ts\":1704164645,\"xid\":741,\"xoffset\":2,"
                + "\"data\":{\"id\":1,\"total\":2.00,\"note\":\"a\"},\"old\":{\"total\":1.00}}")
    }

    @Test func `wal2json's line names each column's type`() {
        let made = fixture.change(.update, after: ["1", "2.00", "a"])
        #expect(
            fixture.value(.wal2json, made)
                == "{\"action\":\"U\",\"schema\":\"public\",\"table\":\"orders\",\"columns\":["
                + "{\"name\":\"id\",\"type\":\"integer\",\"value\":1},"
                + "{\"name\":\"total\",\"type\":\"numeric(10,2)\",\"value\":2.00},"
                + "{\"name\":\"note\",\"type\":\"text\",\"value\":\"a\"}],"
                + "\"identity\":[{\"name\":\"id\",\"type\":\"integer\",\"value\":1}]}")
    }

    @Test func `SQL finds rows by their identity`() {
        #expect(
            fixture.value(.sql, fixture.change(.insert, after: ["1", "2.00", "it's"]))
                == "INSERT INTO \"public\".\"orders\" (\"id\", \"total\", \"note\") "
                + "OVERRIDING SYSTEM VALUE VALUES (1, '2.00', 'it''s');")
        #expect(
            fixture.value(.sql, fixture.change(.update, after: ["1", "2.00", .unchanged]))
                == "UPDATE \"public\".\"orders\" SET \"total\" = '2.00' WHERE \"id\" = 1;")
        #expect(
            fixture.value(
                .sql,
                fixture.change(
                    .update, before: ["1", nil, nil], beforeIsKey: true, after: ["2", nil, "x"]))
                == "UPDATE \"public\".\"orders\" SET \"id\" = 2, \"total\" = NULL, "
                + "\"note\" = 'x' WHERE \"id\" = 1;")
        #expect(
            fixture.value(
                .sql, fixture.change(.delete, before: ["1", nil, nil], beforeIsKey: true))
                == "DELETE FROM \"public\".\"orders\" WHERE \"id\" = 1;")
    }

    @Test func `SQL finds one row of a table without a key by all its values`() {
        let table = CapturedTable(
            oid: 3, schema: "public", name: "log",
            columns: [
                CapturedColumn(name: "a", type: fixture.int4, isIdentity: true),
                CapturedColumn(name: "b", type: fixture.text, isIdentity: true),
            ], identity: .full)
        #expect(
            fixture.value(.sql, fixture.change(.delete, table, before: ["1", nil]))
                == "DELETE FROM \"public\".\"log\" WHERE ctid = (SELECT ctid FROM "
                + "\"public\".\"log\" WHERE \"a\"::text = '1' AND \"b\" IS NULL LIMIT 1);")
    }

    @Test func `SQL sets no column that is always generated, unless it has changed`() {
        let columns = [
            CapturedColumn(name: "id", type: fixture.int4, isIdentity: true),
            CapturedColumn(name: "n", type: fixture.int4, isAlwaysGenerated: true),
            CapturedColumn(name: "v", type: fixture.text),
        ]
        let table = CapturedTable(oid: 4, schema: "public", name: "g", columns: columns, key: [0])
        #expect(
            fixture.value(.sql, fixture.change(.update, table, after: ["1", "7", "b"]))
                == "UPDATE \"public\".\"g\" SET \"v\" = 'b' WHERE \"id\" = 1;")
        let full = CapturedTable(
            oid: 5, schema: "public", name: "g", columns: columns, identity: .full, key: [0])
        let alter = "ALTER TABLE \"public\".\"g\" ALTER COLUMN \"n\" SET GENERATED"
        #expect(
            fixture.value(
                .sql,
                fixture.change(.update, full, before: ["1", "7", "b"], after: ["1", "8", "b"]))
                == "\(alter) BY DEFAULT;UPDATE \"public\".\"g\" SET \"n\" = 8 "
                + "WHERE \"id\" = 1;\(alter) ALWAYS;")
    }

    @Test func `SQL inserts rows without columns`() {
        let table = CapturedTable(
            oid: 4, schema: "public", name: "e", columns: [], identity: .full)
        #expect(
            fixture.value(.sql, fixture.change(.insert, table, after: []))
                == "INSERT INTO \"public\".\"e\" DEFAULT VALUES;")
        #expect(
            fixture.value(.sql, fixture.change(.delete, table, before: []))
                == "DELETE FROM \"public\".\"e\" WHERE ctid = (SELECT ctid FROM "
                + "\"public\".\"e\" WHERE true LIMIT 1);")
    }

    @Test func `CSV tells names first, null from empty, and quotes what it must`() {
        var encoder = EnvelopeFormat.csv.encoder(fixture.settings)
        let first = fixture.change(.insert, after: ["1", nil, ""])
        let second = fixture.change(.insert, after: ["2", "1.00", "a,\"b\""], order: 2)
        #expect(
            fixture.value(&encoder, first.0, first.1)
                == "action,schema,table,commit_lsn,ordinal,id,total,note\n"
                + "insert,public,orders,16/B374D848,1,1,,\"\"")
        #expect(
            fixture.value(&encoder, second.0, second.1)
                == "insert,public,orders,16/B374D848,2,2,1.00,\"a,\"\"b\"\"\"")
    }

    @Test func `masks hide values in every format`() {
        var settings = fixture.settings
        settings.masks = [
            ColumnMask("orders.note", .sha256(salt: "")), ColumnMask("tot*", .drop),
        ]
        let made = fixture.change(.insert, after: ["1", "2.00", "abc"])
        for format in EnvelopeFormat.allCases where format != .none && format != .avro {
            let line = fixture.value(format, made, settings) ?? ""
            #expect(
                line.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
            #expect(!line.contains("abc'") && !line.contains("\"abc\""))
            #expect(!line.contains("2.00") && !line.contains("total\""))
        }
        settings.masks = [ColumnMask("public.orders.note", .truncate(2))]
        #expect(fixture.value(.flat, made, settings)?.contains("\"note\":\"ab\"") == true)
        settings.masks = [ColumnMask("note", .length)]
        #expect(fixture.value(.flat, made, settings)?.contains("\"note\":3") == true)
    }

    @Test func `an image is what it says`() {
        var settings = fixture.settings
        let made = fixture.change(
            .update, before: ["1", "1.00", "a"], after: ["1", "2.00", "b"])
        func start(_ image: RowImage) -> String {
            settings.image = image
            let line = fixture.value(.debezium, made, settings) ?? ""
            return String(
                line.prefix(upTo: line.range(of: ",\"source\"")?.lowerBound ?? line.endIndex))
        }
        let (old, new) =
            ("{\"id\":1,\"total\":1.00,\"note\":\"a\"}", "{\"id\":1,\"total\":2.00,\"note\":\"b\"}")
        #expect(start(.both) == "{\"before\":\(old),\"after\":\(new)")
        #expect(start(.new) == "{\"before\":null,\"after\":\(new)")
        #expect(start(.old) == "{\"before\":\(old),\"after\":null")
        #expect(start(.keys) == "{\"before\":{\"id\":1},\"after\":{\"id\":1}")
    }

    @Test func `skipped operations give nothing`() throws {
        var settings = fixture.settings
        #expect(try settings.set("skipped.operations", "t, d"))
        let made = fixture.change(.delete, before: ["1", nil, nil], beforeIsKey: true)
        #expect(fixture.value(.debezium, made, settings) == nil)
        #expect(fixture.value(.debezium, fixture.change(.truncate), settings) == nil)
        #expect(fixture.value(.debezium, fixture.change(.truncate)) != nil)
    }

    @Test func `the changes of a transaction are written as if each were the first`() {
        let other = CapturedTable(
            oid: 16_401, schema: "public", name: "others", columns: fixture.orders.columns,
            key: [0])
        var encoder = EnvelopeFormat.debezium.encoder(fixture.settings)
        let insert = { fixture.change(.insert, $1, after: ["1", "1.10", nil], order: $0) }
        let update = { fixture.change(.update, after: ["1", "2.00", "x"], order: $0) }
        let changes: [(Change, [UInt8])] =
            [1, 2, 3, 4].map { insert($0, fixture.orders) }
            + [5, 6, 7].map { insert($0, other) } + [8, 9, 10].map { update($0) }
            + [insert(11, fixture.orders)]
        for (number, made) in changes.enumerated() {
            var made = made
            // Later there was another read.
            encoder.now = number < 7 ? 1_704_164_646_000_001 : 1_704_164_647_000_001
            made.0.position = LogSequenceNumber(1 << (number * 6))
            var alone = EnvelopeFormat.debezium.encoder(fixture.settings)
            alone.now = encoder.now
            #expect(
                fixture.value(&encoder, made.0, made.1) == fixture.value(&alone, made.0, made.1))
        }
    }

    @Test func `a transaction's changes name the commit before it and no other`() {
        var encoder = EnvelopeFormat.debezium.encoder(fixture.settings)
        var output = OutputBuffer()
        for number in 1...3 {
            let commit = LogSequenceNumber(UInt64(number) * 1_000)
            let transaction = SourceTransaction(
                xid: UInt32(number), commit: commit, end: commit, time: 0)
            for order in 1...4 {
                var made = fixture.change(.insert, after: ["1", "1.10", nil], order: order)
                made.0.transaction = transaction
                let line = fixture.value(&encoder, made.0, made.1) ?? ""
                let last = number == 1 ? "null" : "\\\"\(number - 1)000\\\""
                #expect(line.contains("\"sequence\":\"[\(last),"))
                #expect(line.contains("\"txId\":\(number),"))
                #expect(line.contains("{\"id\":\"\(number):\(number)000\","))
                #expect(
                    line.hasSuffix("\"total_order\":\(order),\"data_collection_order\":\(order)}}"))
            }
            _ = encoder.commit(transaction, changes: 4, into: &output)
        }
    }

    @Test func `schemas describe the payload that they stand beside`() {
        var settings = fixture.settings
        settings.hasSchemas = true
        let made = fixture.change(.insert, after: ["1", "1.10", nil])
        let line = fixture.value(.debezium, made, settings) ?? ""
        var cursor = JSONCursor(Array(line.utf8).rawSpan)
        #expect(throws: Never.self) {
            _ = try cursor.skip()
            try cursor.finish()
        }
        #expect(line.hasPrefix("{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\""))
        #expect(line.contains("\"name\":\"store.public.orders.Envelope\""))
        #expect(line.contains("{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"}"))
        #expect(line.contains("\"payload\":{\"before\":null"))
        #expect(
            fixture.key(.debezium, made, settings)
                == "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\","
                + "\"optional\":false,\"field\":\"id\"}],\"optional\":false,"
                + "\"name\":\"store.public.orders.Key\"},\"payload\":{\"id\":1}}")
    }

    @Test func `names match with their wildcards`() {
        func matches(_ pattern: String, _ name: String) -> Bool {
            NamePattern.matches(Array(pattern.utf8)[...], Array(name.utf8)[...])
        }
        #expect(matches("a*b*c", "aXbbYc"))
        #expect(!matches("a*b*c", "aXbbY"))
        #expect(matches("*", "") && matches("?b", "ab") && !matches("?b", "b"))
    }
}
