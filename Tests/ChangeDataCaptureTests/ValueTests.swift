import Bytes
import Formats
import Testing

@testable import ChangeDataCapture

/// A type, its text as PostgreSQL 15 prints it, and what the formats make of it.
struct ValueCase: Sendable, CustomTestStringConvertible {
    let type: ColumnType
    let modifier: Int32
    let text: String
    let debezium: String
    let flat: String

    init(
        _ oid: UInt32, _ name: String, _ text: String, debezium: String, flat: String? = nil,
        modifier: Int32 = -1
    ) {
        self.init(
            ColumnType(oid: oid, name: name), text, debezium: debezium, flat: flat,
            modifier: modifier)
    }

    init(
        _ type: ColumnType, _ text: String, debezium: String, flat: String? = nil,
        modifier: Int32 = -1
    ) {
        self.type = type
        self.modifier = modifier
        self.text = text
        self.debezium = debezium
        self.flat = flat ?? debezium
    }

    var testDescription: String { "\(type.name) \(text)" }

    static func array(_ oid: UInt32, _ name: String, _ element: ColumnType) -> ColumnType {
        ColumnType(oid: oid, name: name, category: .array, element: element)
    }

    static let int4s = array(1007, "_int4", ColumnType(oid: 23, name: "int4"))
    static let texts = array(1009, "_text", ColumnType(oid: 25, name: "text"))
    static let mood = ColumnType(
        oid: 16_500, name: "mood", schema: "public", category: .enumeration, labels: ["sad", "ok"])

    static let numbers: [ValueCase] = [
        ValueCase(16, "bool", "t", debezium: "true"),
        ValueCase(16, "bool", "f", debezium: "false"),
        ValueCase(21, "int2", "-32768", debezium: "-32768"),
        ValueCase(20, "int8", "9223372036854775807", debezium: "9223372036854775807"),
        ValueCase(26, "oid", "4000000000", debezium: "4000000000"),
        ValueCase(701, "float8", "1e+300", debezium: "1e+300"),
        ValueCase(700, "float4", "NaN", debezium: "\"NaN\""),
        ValueCase(701, "float8", "-Infinity", debezium: "\"-Infinity\""),
        ValueCase(1700, "numeric", "1.10", debezium: "1.10", modifier: 10 << 16 | 6),
        ValueCase(1700, "numeric", "-0.00000000000000000001", debezium: "-0.00000000000000000001"),
        ValueCase(1700, "numeric", "NaN", debezium: "\"NaN\""),
        ValueCase(790, "money", "$1,234.11", debezium: "1234.11"),
        ValueCase(790, "money", "-$1,234.11", debezium: "-1234.11"),
    ]

    static let times: [ValueCase] = [
        ValueCase(1082, "date", "2016-11-04", debezium: "17109", flat: "\"2016-11-04\""),
        ValueCase(1082, "date", "0044-03-15 BC", debezium: "-735160", flat: "\"0044-03-15 BC\""),
        ValueCase(1082, "date", "infinity", debezium: "2147483647", flat: "\"infinity\""),
        ValueCase(1082, "date", "5874897-12-31", debezium: "2145042905", flat: "\"5874897-12-31\""),
        ValueCase(1082, "date", "10000-01-01", debezium: "2932897", flat: "\"10000-01-01\""),
        ValueCase(
            1083, "time", "13:51:30.123456", debezium: "49890123456", flat: "\"13:51:30.123456\""),
        ValueCase(1083, "time", "24:00:00", debezium: "86400000000", flat: "\"24:00:00\""),
        ValueCase(
            1083, "time", "13:51:30.123", debezium: "49890123", flat: "\"13:51:30.123\"",
            modifier: 3),
        ValueCase(
            1266, "timetz", "13:51:30.123789+02", debezium: "\"11:51:30.123789Z\"",
            flat: "\"13:51:30.123789+02\""),
        ValueCase(
            1114, "timestamp", "2024-01-02 03:04:05.5", debezium: "1704164645500000",
            flat: "\"2024-01-02T03:04:05.5\""),
        ValueCase(
            1114, "timestamp", "2024-01-02 03:04:05.5", debezium: "1704164645500",
            flat: "\"2024-01-02T03:04:05.5\"", modifier: 3),
        ValueCase(
            1114, "timestamp", "infinity", debezium: "9223372036825200000", flat: "\"infinity\""),
        ValueCase(
            1114, "timestamp", "-infinity", debezium: "-9223372036832400000",
            flat: "\"-infinity\""),
        ValueCase(
            1114, "timestamp", "0044-03-15 12:00:00 BC", debezium: "-63517780800000000",
            flat: "\"0044-03-15T12:00:00 BC\""),
        ValueCase(
            1184, "timestamptz", "2024-01-02 01:04:05.123456+00",
            debezium: "\"2024-01-02T01:04:05.123456Z\""),
        ValueCase(1184, "timestamptz", "infinity", debezium: "\"infinity\""),
        ValueCase(
            1186, "interval", "1 year 2 mons 3 days 04:05:06.78", debezium: "37091106780000",
            flat: "\"P1Y2M3DT4H5M6.78S\""),
        ValueCase(
            1186, "interval", "-1 years -2 mons +3 days -04:05:06.78",
            debezium: "-36572706780000", flat: "\"P-1Y-2M3DT-4H-5M-6.78S\""),
        ValueCase(1186, "interval", "00:00:00", debezium: "0", flat: "\"PT0S\""),
        ValueCase(
            1186, "interval", "3000000:00:00", debezium: "10800000000000000",
            flat: "\"PT3000000H\""),
        ValueCase(
            1186, "interval", "-3000000:00:00.5", debezium: "-10800000000500000",
            flat: "\"PT-3000000H-0.5S\""),
        ValueCase(
            1186, "interval", "2562047788:00:54.775807", debezium: "9223372036854775807",
            flat: "\"PT2562047788H54.775807S\""),
    ]

    static let others: [ValueCase] = [
        ValueCase(25, "text", "a\"b\\c\n\u{1}é", debezium: "\"a\\\"b\\\\c\\n\\u0001é\""),
        ValueCase(1042, "bpchar", "ab   ", debezium: "\"ab   \"", modifier: 9),
        ValueCase(17, "bytea", "\\x0102ff", debezium: "\"AQL/\""),
        ValueCase(17, "bytea", "\\x", debezium: "\"\""),
        ValueCase(1560, "bit", "1", debezium: "true", flat: "\"1\"", modifier: 1),
        ValueCase(1560, "bit", "101", debezium: "\"BQ==\"", flat: "\"101\"", modifier: 3),
        ValueCase(1562, "varbit", "1000000001", debezium: "\"AQI=\"", flat: "\"1000000001\""),
        ValueCase(
            3802, "jsonb", "{\"a\": [1, null]}", debezium: "\"{\\\"a\\\": [1, null]}\"",
            flat: "{\"a\": [1, null]}"),
        ValueCase(
            114, "json", "{\n \"a\": 1}", debezium: "\"{\\n \\\"a\\\": 1}\"", flat: "{\"a\":1}"),
        ValueCase(
            2950, "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            debezium: "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
        ValueCase(
            600, "point", "(1,2)",
            debezium: "{\"x\":1,\"y\":2,\"wkb\":\"AQEAAAAAAAAAAADwPwAAAAAAAABA\",\"srid\":null}",
            flat: "\"(1,2)\""),
        ValueCase(869, "inet", "10.0.0.1/8", debezium: "\"10.0.0.1/8\""),
        ValueCase(
            ColumnType(oid: 3904, name: "int4range", category: .range), "[1,6)",
            debezium: "\"[1,6)\""),
        ValueCase(mood, "ok", debezium: "\"ok\""),
        ValueCase(
            ColumnType(oid: 17_000, name: "pair", schema: "public", category: .composite),
            "(1,\"a b\")", debezium: "\"(1,\\\"a b\\\")\""),
        ValueCase(
            ColumnType(oid: 17_001, name: "hstore", schema: "public"),
            "\"k\"=>\"v\\\"w\", \"n\"=>NULL",
            debezium: "\"{\\\"k\\\":\\\"v\\\\\\\"w\\\",\\\"n\\\":null}\"",
            flat: "{\"k\":\"v\\\"w\",\"n\":null}"),
        ValueCase(
            ColumnType(oid: 17_002, name: "vector", schema: "public"), "[1,2.5]",
            debezium: "[1,2.5]"),
        ValueCase(22, "int2vector", "1 2", debezium: "\"1 2\""),
    ]

    static let arrays: [ValueCase] = [
        ValueCase(int4s, "{{1,2},{3,NULL}}", debezium: "[[1,2],[3,null]]"),
        ValueCase(int4s, "{}", debezium: "[]"),
        ValueCase(int4s, "[0:1]={7,8}", debezium: "[7,8]"),
        ValueCase(
            texts, "{a,\"b,c\",\"d\\\"e\",NULL,\"\",\"NULL\",\"x\\\\y\"}",
            debezium: "[\"a\",\"b,c\",\"d\\\"e\",null,\"\",\"NULL\",\"x\\\\y\"]"),
        ValueCase(
            array(1115, "_timestamp", ColumnType(oid: 1114, name: "timestamp")),
            "{\"2024-01-02 03:04:05.5\"}", debezium: "[1704164645500000]",
            flat: "[\"2024-01-02T03:04:05.5\"]"),
        ValueCase(
            array(3807, "_jsonb", ColumnType(oid: 3802, name: "jsonb")),
            "{\"{\\\"a\\\": 1}\"}", debezium: "[\"{\\\"a\\\": 1}\"]", flat: "[{\"a\": 1}]"),
        ValueCase(
            array(1020, "_box", ColumnType(oid: 603, name: "box")), "{(1,1),(0,0);(2,2),(0,0)}",
            debezium: "[\"(1,1),(0,0)\",\"(2,2),(0,0)\"]"),
        ValueCase(
            array(791, "_money", ColumnType(oid: 790, name: "money")), "{\"$1,000.50\",$2.00}",
            debezium: "[1000.50,2.00]"),
        ValueCase(array(16_501, "_mood", mood), "{sad,ok}", debezium: "[\"sad\",\"ok\"]"),
    ]
}

@Suite struct ValueTests {
    @Test(arguments: ValueCase.numbers + ValueCase.times + ValueCase.others + ValueCase.arrays)
    func `each type is what Debezium makes of it, and readable in flat lines`(_ one: ValueCase) {
        #expect(EnvelopeFixture.value(.debezium, one.text, one.type, one.modifier) == one.debezium)
        #expect(EnvelopeFixture.value(.flat, one.text, one.type, one.modifier) == one.flat)
    }

    @Test func `decimals follow decimal.handling.mode`() throws {
        let numeric = EnvelopeFixture.numeric
        func value(_ mode: String, _ text: String, scale: Int32?) throws -> String {
            var settings = EnvelopeFixture.settings
            #expect(try settings.set("decimal.handling.mode", mode))
            let modifier = scale.map { 20 << 16 | $0 + 4 } ?? -1
            return EnvelopeFixture.value(.debezium, text, numeric, modifier, settings)
        }
        #expect(try value("string", "1.10", scale: 2) == "\"1.10\"")
        #expect(try value("double", "1.10", scale: 2) == "1.1")
        #expect(try value("precise", "1.10", scale: 2) == "\"bg==\"")
        #expect(try value("precise", "-1.28", scale: 2) == "\"gA==\"")
        #expect(try value("precise", "-2.00", scale: 2) == "\"/zg=\"")
        #expect(try value("precise", "0", scale: 0) == "\"AA==\"")
        #expect(try value("precise", "10.1111", scale: nil) == "{\"scale\":4,\"value\":\"AYr3\"}")
    }

    @Test func `times follow time.precision.mode`() throws {
        let timestamp = ColumnType(oid: 1114, name: "timestamp")
        func value(_ mode: String) throws -> String {
            var settings = EnvelopeFixture.settings
            #expect(try settings.set("time.precision.mode", mode))
            return EnvelopeFixture.value(
                .debezium, "2024-01-02 03:04:05.123456", timestamp, -1, settings)
        }
        #expect(try value("connect") == "1704164645123")
        #expect(try value("microseconds") == "1704164645123456")
        #expect(try value("nanoseconds") == "1704164645123456000")
        #expect(try value("isostring") == "\"2024-01-02T03:04:05.123456Z\"")
    }

    @Test func `a mode that there is not is refused with those that there are`() {
        var settings = EnvelopeSettings()
        #expect(throws: EnvelopeSettingError.self) {
            try settings.set("decimal.handling.mode", "exact")
        }
    }
}
