import Bytes
import Formats
import Testing

@Suite struct AvroTests {
    private func bytes(_ append: (inout OutputBuffer) -> Void) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 64)
        append(&buffer)
        return buffer.array
    }

    // The examples of the specification, and the ends.
    @Test(
        arguments: [
            (0, [0x00]), (-1, [0x01]), (1, [0x02]), (-2, [0x03]), (2, [0x04]), (-64, [0x7F]),
            (64, [0x80, 0x01]), (8_192, [0x80, 0x80, 0x01]),
            (Int64.max, [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
            (Int64.min, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ] as [(Int64, [UInt8])])
    func `a long is zigzag and a varint`(value: Int64, expected: [UInt8]) {
        #expect(bytes { $0.append(avroLong: value) } == expected)
    }

    @Test func `strings and bytes have their length in front`() {
        #expect(bytes { $0.append(avroString: "foo") } == [0x06, 0x66, 0x6F, 0x6F])
        #expect(bytes { $0.append(avroString: "é") } == [0x04, 0xC3, 0xA9])
        #expect(bytes { $0.append(avroBytes: [0xFF]) } == [0x02, 0xFF])
        #expect(bytes { $0.append(avroBytes: []) } == [0x00])
    }

    @Test func `floats and doubles have their lowest byte first`() {
        #expect(bytes { $0.append(avroFloat: 1.5) } == [0, 0, 0xC0, 0x3F])
        #expect(bytes { $0.append(avroDouble: -2) } == [0, 0, 0, 0, 0, 0, 0, 0xC0])
    }

    @Test(arguments: [
        ("id", "id"), ("unit price", "unit_price"), ("2nd", "_2nd"), ("größe", "gr__e"),
        ("a.b", "a_b"), ("_", "_"), ("", "_"), ("😀", "__"),
    ])
    func `a field has a name that Avro takes`(name: String, expected: String) {
        #expect(AvroName.field(name) == expected)
    }

    @Test(arguments: [
        ("shop.public.orders", "shop.public.orders"),
        ("my-shop.public.2024", "my_shop.public._2024"),
        ("1.a..b", "_1.a._.b"),
    ])
    func `a record's name has parts that Avro takes`(name: String, expected: String) {
        #expect(AvroName.full(name) == expected)
    }

    @Test func `a record that comes again is its name`() {
        let inner = AvroSchema.record(
            namespace: "a.b", name: "Value", [.init("x", .primitive(.int))],
            [.init("connect.name", json: "\"a.b.Value\"")])
        let null = AvroSchema.primitive(.null)
        let schema = AvroSchema.record(
            namespace: "a.b", name: "Envelope",
            [
                .init("before", .union([null, inner]), defaultJSON: "null"),
                .init("after", .union([null, inner])),
                .init(
                    "other",
                    .record(
                        namespace: "c", name: "Other",
                        [
                            .init("again", inner), .init("list", .array(.primitive(.string))),
                            .init("map", .map(.union([null, .primitive(.string)]))),
                        ])),
            ])
        let expected = [
            #"{"type":"record","name":"Envelope","namespace":"a.b","fields":["#,
            #"{"name":"before","type":["null",{"type":"record","name":"Value","fields":"#,
            #"[{"name":"x","type":"int"}],"connect.name":"a.b.Value"}],"default":null},"#,
            #"{"name":"after","type":["null","Value"]},"#,
            #"{"name":"other","type":{"type":"record","name":"Other","namespace":"c","#,
            #""fields":[{"name":"again","type":"a.b.Value"},"#,
            #"{"name":"list","type":{"type":"array","items":"string"}},"#,
            #"{"name":"map","type":{"type":"map","values":["null","string"]}}]}}]}"#,
        ].joined()
        #expect(schema.json == expected)
    }
}
