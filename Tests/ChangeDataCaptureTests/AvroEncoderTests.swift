import Bytes
import Formats
import Testing

@testable import ChangeDataCapture

/// Numbers schemas from 258 on, and keeps them.
private final class Shelf: SchemaRegistry {
    var schemas: [(subject: String, text: String)] = []
    var error: SchemaRegistrationError?

    func id(
        of schema: String, topic: [String], isKey: Bool
    ) throws(SchemaRegistrationError) -> UInt32 {
        if let error { throw error }
        schemas.append((topic.joined(separator: ".") + (isKey ? "-key" : "-value"), schema))
        return 257 + UInt32(schemas.count)
    }
}

@Suite struct AvroEncoderTests {
    typealias fixture = EnvelopeFixture

    /// Bytes in the order of the schema, with texts as they are read.
    private struct Expected {
        var bytes: [UInt8] = []

        init(_ parts: Any...) {
            for part in parts {
                if let byte = part as? Int { bytes.append(UInt8(byte)) }
                if let list = part as? [UInt8] { bytes += list }
                if let text = part as? String { bytes += [UInt8(text.utf8.count * 2)] + text.utf8 }
                if let long = part as? Int64 {
                    var buffer = OutputBuffer(capacity: 16)
                    buffer.append(avroLong: long)
                    bytes += buffer.array
                }
            }
        }
    }

    private func encoded(
        _ made: (Change, [UInt8]), _ settings: EnvelopeSettings = fixture.settings
    ) -> (key: [UInt8], value: [UInt8], shelf: Shelf, failure: SchemaRegistrationError?) {
        let shelf = Shelf()
        var encoder = EnvelopeFormat.avro.encoder(settings, shelf)
        encoder.now = 1_704_164_646_000_001
        var key = OutputBuffer()
        var value = OutputBuffer()
        _ = encoder.key(made.0, of: made.1.rawSpan, into: &key)
        _ = encoder.value(made.0, of: made.1.rawSpan, into: &value)
        return (key.array, value.array, shelf, encoder.failure)
    }

    @Test func `an insert has these bytes`() {
        let made = encoded(fixture.change(.insert, after: ["1", "1.10", nil]))
        #expect(made.key == [0, 0, 0, 1, 2, 2])
        let (position, now) = (Int64(0x16_B374_D000), Int64(1_704_164_646_000_001))
        let commit: Int64 = 1_704_164_645_123_456
        let transaction = "741:\(Int64(0x16_B374_D848))"
        let expected = Expected(
            // The number of the schema; no old row; the new one: 1, "1.10", null.
            [0, 0, 0, 1, 3] as [UInt8], 0, 2, 2, 2, "1.10", 0,
            "1.2.3", "postgresql", "store", commit / 1_000, 2, commit, 2, commit * 1_000, 0,
            "false", "shop", 2, "[null,\"\(position)\"]", "public", "orders", 2, Int64(741), 2,
            position, 0, "c", 2, now / 1_000, 2, now, 2, now * 1_000, 2,
            transaction, Int64(1), Int64(1), 0)
        #expect(made.value == expected.bytes)
        #expect(
            made.shelf.schemas.map(\.subject) == [
                "store.public.orders-key", "store.public.orders-value",
            ])
    }

    @Test func `the schemas are those of Confluent's converter`() throws {
        let made = encoded(fixture.change(.insert, after: ["1", "1.10", nil]))
        #expect(
            made.shelf.schemas[0].text
                == #"{"type":"record","name":"Key","namespace":"store.public.orders","fields":"#
                + #"[{"name":"id","type":"int"}],"connect.name":"store.public.orders.Key"}"#)
        let text = try #require(made.shelf.schemas.last?.text)
        let start = [
            #"{"type":"record","name":"Envelope","namespace":"store.public.orders","fields":["#,
            #"{"name":"before","type":["null",{"type":"record","name":"Value","fields":["#,
            #"{"name":"id","type":"int"},"#,
            #"{"name":"total","type":["null",{"type":"string","connect.parameters":{"#,
            #""__debezium.source.column.type":"NUMERIC","__debezium.source.column.length":"10","#,
            #""__debezium.source.column.scale":"2"}}],"default":null},"#,
            #"{"name":"note","type":["null","string"],"default":null}],"#,
            #""connect.name":"store.public.orders.Value"}],"default":null},"#,
            #"{"name":"after","type":["null","Value"],"default":null},"#,
            #"{"name":"source","type":{"type":"record","name":"Source","#,
            #""namespace":"io.debezium.connector.postgresql","fields":["#,
        ].joined()
        #expect(text.prefix(start.count) == start)
        let snapshot = [
            #"{"name":"snapshot","type":[{"type":"string","connect.version":1,"#,
            #""connect.parameters":{"allowed":"true,first,first_in_data_collection,"#,
            #"last_in_data_collection,last,false,incremental"},"connect.default":"false","#,
            #""connect.name":"io.debezium.data.Enum"},"null"],"default":"false"}"#,
        ].joined()
        #expect(text.contains(snapshot))
        let end = [
            #"{"name":"unavailable","type":["null",{"type":"array","items":"string"}],"#,
            #""default":null}],"connect.version":2,"#,
            #""connect.name":"store.public.orders.Envelope"}"#,
        ].joined()
        #expect(text.suffix(end.count) == end)
    }

    /// The bytes of a row's only value, and its type in the schema.
    private func value(
        _ type: ColumnType, _ modifier: Int32, _ cell: Cell,
        _ settings: EnvelopeSettings = fixture.settings, isNullable: Bool = false
    ) -> (bytes: [UInt8], schema: String, failure: SchemaRegistrationError?) {
        let table = CapturedTable(
            oid: 1, schema: "s", name: "t",
            columns: [
                CapturedColumn(name: "v", type: type, modifier: modifier, isNullable: isNullable)
            ])
        let made = encoded(fixture.change(.insert, table, after: [cell]), settings)
        let end = made.value.firstIndex(of: 10) ?? 0
        // Behind the number and two branches, before the version "1.2.3".
        let bytes = made.failure == nil ? Array(made.value[7..<max(7, end)]) : []
        // What has no room for the value is not registered.
        #expect(made.shelf.schemas.count == (made.failure == nil ? 1 : 0))
        let schema = made.shelf.schemas.last?.text ?? ""
        let start = schema.ranges(of: #"{"name":"v","type":"#).first?.upperBound
        let rest = start.map { schema[$0...] } ?? ""
        let stop = rest.ranges(of: #"],"connect.name":"store.s.t.Value""#).first?.lowerBound
        return (bytes, String(stop.map { rest[..<$0].dropLast() } ?? rest), made.failure)
    }

    private func type(_ oid: UInt32, _ name: String) -> ColumnType {
        ColumnType(oid: oid, name: name)
    }

    @Test func `values have the bytes of their types`() {
        #expect(value(type(16, "bool"), -1, "t").bytes == [1])
        #expect(value(type(21, "int2"), -1, "-32768").bytes == [0xFF, 0xFF, 0x03])
        let short = value(type(21, "int2"), -1, "1").schema
        #expect(short == #"{"type":"int","connect.type":"int16"}"#)
        #expect(value(type(701, "float8"), -1, "-2").bytes == [0, 0, 0, 0, 0, 0, 0, 0xC0])
        #expect(value(type(700, "float4"), -1, "NaN").bytes == [0, 0, 0xC0, 0x7F])
        #expect(value(type(17, "bytea"), -1, "\\x0102ff").bytes == [6, 1, 2, 0xFF])
        #expect(value(type(1560, "bit"), 3, "101").bytes == [2, 5])
        #expect(
            value(type(1560, "bit"), 3, "101").schema
                == #"{"type":"bytes","connect.version":1,"connect.parameters":{"length":"3"},"#
                + #""connect.name":"io.debezium.data.Bits"}"#)
        #expect(value(type(25, "text"), -1, "\"é\"").bytes == [8] + Array("\"é\"".utf8))
        #expect(value(type(1700, "numeric"), -1, "NaN").bytes == [6] + Array("NaN".utf8))
        #expect(value(type(25, "text"), -1, nil, isNullable: true).bytes == [0])
        #expect(value(type(25, "text"), -1, "x", isNullable: true).bytes == [2, 2, 120])
    }

    @Test func `times are numbers whose meaning the schema tells`() {
        #expect(value(type(1082, "date"), -1, "1970-01-03").bytes == [4])
        #expect(
            value(type(1082, "date"), -1, "1970-01-03").schema
                == #"{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}"#)
        #expect(value(type(1114, "timestamp"), 3, "1970-01-01 00:00:00.001").bytes == [2])
        var settings = fixture.settings
        settings.times = .connect
        #expect(
            value(type(1114, "timestamp"), -1, "1970-01-01 00:00:00.001", settings).schema
                == #"{"type":"long","connect.version":1,"connect.name":"#
                + #""org.apache.kafka.connect.data.Timestamp","logicalType":"timestamp-millis"}"#)
    }

    @Test func `a precise decimal is its unscaled value`() {
        var settings = fixture.settings
        settings.decimals = .precise
        let made = value(type(1700, "numeric"), 10 << 16 | 6, "-1.10", settings)
        #expect(made.bytes == [2, 0x92])
        let schema = [
            #"{"type":"bytes","scale":2,"precision":10,"connect.version":1,"#,
            #""connect.parameters":{"scale":"2","connect.decimal.precision":"10"},"#,
            #""connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}"#,
        ].joined()
        #expect(made.schema == schema)
        // Scale 4, 101111.
        #expect(
            value(type(1700, "numeric"), -1, "10.1111", settings).bytes
                == [8, 6, 0x01, 0x8A, 0xF7])
        let failed = value(type(1700, "numeric"), 10 << 16 | 6, "NaN", settings)
        guard case .failed(let reason)? = failed.failure else {
            Issue.record("NaN has no unscaled value")
            return
        }
        #expect(reason.contains("column \"v\" of s.t holds NaN"))
    }

    @Test func `an array is one block, and widens its type for more dimensions`() {
        let flat = value(ValueCase.int4s, -1, "{1,NULL,-3}")
        #expect(flat.bytes == [6, 2, 2, 0, 2, 5, 0])
        #expect(flat.schema == #"{"type":"array","items":["null","int"]}"#)
        #expect(value(ValueCase.int4s, -1, "{}").bytes == [0])
        #expect(value(ValueCase.int4s, -1, "[0:1]={7,8}").bytes == [4, 2, 14, 2, 16, 0])
        #expect(
            value(ValueCase.texts, -1, "{a,\"b,\\\"\",\"\"}").bytes
                == [6, 2, 2, 97, 2, 6, 98, 44, 34, 2, 0, 0])
        let deep = value(ValueCase.int4s, -1, "{{1},{NULL}}")
        #expect(deep.bytes == [4, 4, 2, 2, 2, 0, 4, 2, 0, 0, 0])
        let inner = #"{"type":"array","items":["null","int"]}"#
        #expect(deep.schema == #"{"type":"array","items":["null","int",\#(inner)]}"#)
    }

    @Test func `properties of Debezium choose the types`() {
        var settings = fixture.settings
        settings.binaries = .base64
        settings.hstores = .map
        settings.decimals = .double
        let binary = value(type(17, "bytea"), -1, "\\x0102ff", settings)
        #expect((binary.bytes, binary.schema) == ([8] + Array("AQL/".utf8), "\"string\""))
        let pairs = value(type(16_600, "hstore"), -1, "\"k\"=>\"v\", \"n\"=>NULL", settings)
        #expect(pairs.bytes == [4, 2, 107, 2, 2, 118, 2, 110, 0, 0])
        #expect(pairs.schema == #"{"type":"map","values":["null","string"]}"#)
        let decimal = value(type(1700, "numeric"), -1, "-2", settings)
        #expect(decimal.bytes == [0, 0, 0, 0, 0, 0, 0, 0xC0])
        let vector = value(type(16_601, "vector"), -1, "[-2]", settings)
        #expect(vector.bytes == [2, 0, 0, 0, 0, 0, 0, 0, 0xC0, 0])
        #expect(vector.schema.hasPrefix(#"{"type":"array","items":"double","connect.version":1"#))
    }

    @Test func `null in a column that may hold none widens its type`() {
        let made = value(type(25, "text"), -1, nil)
        #expect((made.bytes, made.failure) == ([0], nil))
        #expect(made.schema == #"["null","string"],"default":null"#)
    }

    @Test func `what the registry refuses stays`() {
        let shelf = Shelf()
        shelf.error = .failed("no")
        var encoder = EnvelopeFormat.avro.encoder(fixture.settings, shelf)
        let made = fixture.change(.insert, after: ["1", "1.10", nil])
        #expect(encoder.failure == nil)
        for _ in 0..<2 {
            var output = OutputBuffer()
            _ = encoder.value(made.0, of: made.1.rawSpan, into: &output)
            #expect(encoder.failure == .failed("no"))
            shelf.error = nil
        }
    }

    @Test func `a delete by its key has zeros for what may not be null`() {
        let table = CapturedTable(
            oid: 1, schema: "s", name: "t",
            columns: [
                CapturedColumn(name: "id", type: fixture.int4, isIdentity: true, isNullable: false),
                CapturedColumn(name: "a", type: fixture.text, isNullable: false),
                CapturedColumn(name: "b", type: fixture.text),
            ], key: [0])
        let made = encoded(
            fixture.change(.delete, table, before: ["5", nil, nil], beforeIsKey: true))
        #expect(made.value.prefix(10) == [0, 0, 0, 1, 3, 2, 10, 0, 0, 0])
    }
}
