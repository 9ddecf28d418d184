import Bytes
import Formats
import Testing

@Suite struct AvroReadingTests {
    private func line(_ schema: String, _ body: [UInt8]) throws(FormatError) -> String {
        var output = OutputBuffer(capacity: 64)
        var writer = AvroLineWriter()
        let known = try AvroReadingSchema(Array(schema.utf8))
        try writer.append(body.rawSpan, known, to: &output)
        return String(decoding: output.array, as: UTF8.self)
    }

    private func types(_ schema: String) throws -> String {
        let fields = try AvroReadingSchema(Array(schema.utf8)).fields ?? []
        return fields.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
    }

    private func bytes(_ append: (inout OutputBuffer) -> Void) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 64)
        append(&buffer)
        return buffer.array
    }

    @Test(
        arguments: [
            ("\"null\"", [], "null"), ("\"boolean\"", [1], "true"), ("\"int\"", [3], "-2"),
            ("\"long\"", [0x80, 0x01], "64"), ("\"float\"", [0, 0, 0xC0, 0x3F], "1.5"),
            ("\"double\"", [0, 0, 0, 0, 0, 0, 0, 0xC0], "-2"),
            ("\"double\"", [0, 0, 0, 0, 0, 0, 0xF8, 0x7F], "\"NaN\""),
            ("\"string\"", [0x06, 0x22, 0x0A, 0x61], "\"\\\"\\na\""),
            ("{\"type\":\"bytes\"}", [0x02, 0xFF], "\"/w==\""),
            (#"{"type":"fixed","name":"f","size":2}"#, [0, 1], "\"AAE=\""),
            (#"{"type":"enum","name":"e","symbols":["A","B"]}"#, [2], "\"B\""),
            (#"{"type":"array","items":"int"}"#, [0x04, 2, 4, 0], "[1,2]"),
            (#"{"type":"array","items":"int"}"#, [0x03, 4, 2, 4, 2, 6, 0], "[1,2,3]"),
            (#"{"type":"map","values":"int"}"#, [0x02, 0x02, 0x61, 2, 0], "{\"a\":1}"),
            (#"["null","string"]"#, [0], "null"), (#"["null","string"]"#, [2, 2, 0x61], "\"a\""),
            (#"{"type":"int","logicalType":"date"}"#, [0x02], "\"1970-01-02\""),
            (#"{"type":"int","logicalType":"time-millis"}"#, [0xD0, 0x0F], "\"00:00:01\""),
            (
                #"{"type":"long","logicalType":"timestamp-millis"}"#, [0xD0, 0x0F],
                "\"1970-01-01T00:00:01Z\""
            ),
            (
                #"{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}"#, [0x02],
                "\"1970-01-01T00:00:00.000001\""
            ),
            (
                #"{"type":"long","connect.name":"io.debezium.time.MicroDuration"}"#,
                [0x80, 0x89, 0x7A], "\"00:00:01\""
            ),
            (#"{"type":"bytes","logicalType":"decimal","scale":2}"#, [0x04, 0xFF, 0x38], "-2.00"),
            (#"{"type":"bytes","logicalType":"decimal","scale":2}"#, [0], "null"),
            (
                #"{"type":"fixed","size":1,"name":"d","logicalType":"decimal","scale":1}"#, [5],
                "0.5"
            ),
            (
                #"{"type":"string","connect.name":"io.debezium.data.Json"}"#,
                [0x0E] + Array("{\n\"a\":1".utf8),
                "\"{\\n\\\"a\\\":1\""
            ),
            (
                #"{"type":"string","connect.name":"io.debezium.data.Json"}"#,
                [0x10] + Array("{\n\"a\":1}".utf8),
                "{\"a\":1}"
            ),
            (#"{"type":"string","logicalType":"uuid"}"#, [0], "null"),
        ] as [(String, [UInt8], String)])
    func `a value is its JSON`(schema: String, body: [UInt8], expected: String) throws {
        #expect(try line(schema, body) == expected)
    }

    @Test func `a record has the columns that its schema says`() throws {
        let schema = #"""
            {"type":"record","name":"a.R","fields":[
             {"name":"id","type":"int"},{"name":"big","type":["null","long"],"default":null},
             {"name":"name","type":["string","null"]},{"name":"price","type":{"type":"bytes",
              "scale":2,"precision":9,"logicalType":"decimal","connect.version":1}},
             {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
             {"name":"day","type":{"type":"int","connect.version":1,
              "connect.name":"io.debezium.time.Date"}},
             {"name":"u","type":{"type":"string","connect.name":"io.debezium.data.Uuid"}},
             {"name":"tags","type":{"type":"array","items":"string"}},
             {"name":"rest","type":{"type":"map","values":"long"}},
             {"name":"mix","type":["null","int","string"]},{"name":"num","type":["int","double"]},
             {"name":"n","type":{"type":"string","connect.parameters":{
              "__debezium.source.column.type":"NUMERIC"}}},
             {"name":"inner","type":{"type":"record","name":"I","fields":[
              {"name":"next","type":["null","R"]},{"name":"x","type":"I2"}]}}]}
            """#
        let other = #"{"type":"record","name":"a.I2","fields":[{"name":"y","type":"bytes"}]}"#
        let read = try AvroReadingSchema(
            Array(schema.utf8), references: [Array(other.utf8)])
        let types = try #require(read.fields).map { "\($0.name) \($0.type)" }
        #expect(
            types == [
                "id bigint", "big bigint", "name text", "price numeric",
                "at timestamp with time zone", "day date", "u uuid", "tags text[]", "rest json",
                "mix json", "num double precision", "n numeric", "inner record",
            ])
        guard case .record(let inner)? = read.fields?.last?.type else { return }
        #expect(inner == [Field("next", .json), Field("x", .record([Field("y", .bytea)]))])
    }

    @Test func `a value lacks nothing that a newer schema has a default for`() throws {
        let old = try AvroReadingSchema(
            Array(#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#.utf8))
        let new = try AvroReadingSchema(
            Array(
                #"""
                {"type":"record","name":"R","fields":[{"name":"a","type":"int"},
                 {"name":"b","type":"string","default":"x"},{"name":"c","type":["null","int"],
                 "default":null},{"name":"d","type":["int","null"],"default":7}]}
                """#.utf8))
        var output = OutputBuffer(capacity: 64)
        var writer = AvroLineWriter()
        try writer.append([2].rawSpan, old.completed(by: new), to: &output)
        #expect(String(decoding: output.array, as: UTF8.self) == #"{"a":1,"b":"x","d":7}"#)
    }

    @Test(arguments: [
        "", "\"nothing\"", "{}", "[\"null\",\"x\"]", #"{"type":"record","name":"r"}"#,
        #"{"type":"fixed","name":"f","size":-1}"#, #"{"type":"array"}"#, "17",
        String(repeating: #"{"type":"array","items":"#, count: 70) + "\"int\""
            + String(repeating: "}", count: 70),
    ])
    func `what is no schema is refused`(text: String) {
        #expect(throws: FormatError.self) { try AvroReadingSchema(Array(text.utf8)) }
    }

    private static let envelope = #"""
        {"type":"record","name":"E","fields":[{"name":"before","type":["null",{"type":"record",
         "name":"V","fields":[{"name":"id","type":"int"},{"name":"n","type":{"type":"bytes",
         "scale":2,"logicalType":"decimal"}},{"name":"m","type":{"type":"map","values":"string"}},
         {"name":"l","type":{"type":"array","items":["null","E"]}},
         {"name":"t","type":{"type":"long",
         "connect.name":"io.debezium.time.NanoTimestamp"}},{"name":"e","type":{"type":"enum",
         "name":"N","symbols":["A","B"]}},{"name":"u","type":{"type":"fixed","size":16,"name":"U",
         "logicalType":"uuid"}},{"name":"d","type":"double"},{"name":"z",
         "type":{"type":"array","items":"null"}}]}]},{"name":"op","type":"string"}]}
        """#

    @Test func `every cut of a value is refused`() throws {
        let body = bytes {
            $0.append(avroLong: 1)
            $0.append(avroLong: 5)
            $0.append(avroBytes: [1, 2])
            $0.append(avroLong: 1)
            $0.append(avroString: "k")
            $0.append(avroString: "v")
            $0.append(avroLong: 0)
            $0.append(avroLong: 0)
            $0.append(avroLong: -1)
            $0.append(avroLong: 1)
            $0.append([UInt8](repeating: 7, count: 16))
            $0.append(avroDouble: 0.25)
            $0.append(avroLong: 0)
            $0.append(avroString: "c")
        }
        let whole = try line(Self.envelope, body)
        #expect(
            whole.hasPrefix(#"{"before":{"id":5,"n":2.58,"m":{"k":"v"},"l":[],"t":"1969-12-31T"#))
        for count in 0..<body.count {
            #expect(throws: FormatError.self) { try line(Self.envelope, Array(body[..<count])) }
        }
        #expect(throws: FormatError.self) { try line(Self.envelope, body + [0]) }
    }

    @Test func `random bytes give a line of JSON or an error`() throws {
        let schemas = [
            Self.envelope, "\"string\"", #"{"type":"array","items":"null"}"#,
            #"{"type":"record","name":"L","fields":[{"name":"next","type":"L"}]}"#,
            #"{"type":"array","items":{"type":"record","name":"N","fields":[]}}"#,
        ]
        var state: UInt64 = 42
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var read = 0
        for schema in schemas {
            let known = try AvroReadingSchema(Array(schema.utf8))
            var writer = AvroLineWriter()
            for _ in 0..<500 {
                // Small bytes are lengths and branches that lead on.
                let small = random(3) > 0
                let body = (0..<random(40)).map { _ in UInt8(random(small ? 6 : 256)) }
                var output = OutputBuffer(capacity: 64)
                do throws(FormatError) {
                    try writer.append(body.rawSpan, known, to: &output)
                } catch {
                    continue
                }
                read += 1
                var cursor = JSONCursor(output.bytes)
                _ = try cursor.skip()
                try cursor.finish()
                #expect(ByteScan.firstIndex(of: 0x0A, in: output.bytes, from: 0) == nil)
            }
        }
        #expect(read > 0)
    }

    @Test func `a short value does not become a long line`() throws {
        // Elements without bytes, as many as there are numbers.
        let nulls = bytes { $0.append(avroLong: .max) }
        #expect(throws: FormatError.self) { try line(#"{"type":"array","items":"null"}"#, nulls) }
        #expect(throws: FormatError.self) {
            try line(#"{"type":"array","items":"int"}"#, bytes { $0.append(avroLong: .min) })
        }
        // Each record holds the one before it many times.
        var schema = #"{"type":"record","name":"R0","fields":[]}"#
        for level in 1...12 {
            let more = (1..<20).map { #",{"name":"f\#($0)","type":"R\#(level - 1)"}"# }.joined()
            schema =
                #"{"type":"record","name":"R\#(level)","fields":[{"name":"f0","type":"#
                + schema + "}" + more + "]}"
        }
        #expect(throws: FormatError.self) { try line(schema, []) }
        #expect(try types(schema).contains("f0 record"))
    }
}
