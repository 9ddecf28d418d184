import Bytes
import Formats
import Testing

@testable import ChangeDataCapture

@Suite struct OutboxTests {
    private static let text = EnvelopeFixture.text

    private static let table = CapturedTable(
        oid: 5, schema: "public", name: "outbox",
        columns: ["id", "aggregatetype", "aggregateid", "type", "payload"].map {
            CapturedColumn(name: $0, type: text)
        } + [
            CapturedColumn(name: "raw", type: ColumnType(oid: 17, name: "bytea")),
            CapturedColumn(name: "at", type: ColumnType(oid: 20, name: "int8")),
        ], key: [0])

    private static let row: [Cell] = [
        "e1", "order", "42", "Created", "{\"a\": 1}", "\\x00fF", "1700000000000",
    ]

    private func message(
        _ kind: Change.Kind = .insert, _ row: [Cell] = row, _ properties: [String: String] = [:],
        masks: [ColumnMask] = []
    ) throws -> OutboxMessage? {
        var settings = EnvelopeFixture.settings
        settings.outbox.table = "outbox"
        settings.masks = masks
        for (name, value) in properties { #expect(try settings.set(name, value)) }
        guard let router = OutboxRouter(settings, notices: { _ in }) else { return nil }
        let (change, bytes) = EnvelopeFixture.change(
            kind, Self.table, before: kind == .delete ? row : nil,
            after: kind == .delete ? nil : row)
        #expect(router.covers(change))
        return try router.message(change, of: bytes.rawSpan)
    }

    private func text(_ bytes: [UInt8]?) -> String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `an inserted row is a message of its aggregate's topic`() throws {
        let message = try #require(try message())
        #expect(message.topic == "outbox.event.order" && text(message.key) == "42")
        #expect(text(message.value) == "{\"a\": 1}")
        #expect(message.headers.map(\.name) == ["id"] && text(message.headers[0].value) == "e1")
        #expect(message.timestamp == 1_704_164_645_123)
        var line = OutputBuffer()
        line.append(message)
        #expect(
            String(decoding: line.bytes.copied(), as: UTF8.self)
                == #"{"topic":"outbox.event.order","timestamp":1704164645123,"key":"42","#
                + #""value":"{\"a\": 1}","headers":[["id","e1"]]}"#)
    }

    @Test func `columns, topic and places go by the router's names`() throws {
        let message = try #require(
            try message(
                .read, Self.row,
                [
                    "route.by.field": "type", "route.topic.replacement": "x-${routedByValue}-y",
                    "table.field.event.key": "id", "table.field.event.timestamp": "at",
                    "table.fields.additional.placement": "type:header:kind,aggregateid:envelope",
                    "table.expand.json.payload": "true",
                ]))
        #expect(message.topic == "x-Created-y" && text(message.key) == "e1")
        #expect(message.headers.map(\.name) == ["id", "kind"])
        #expect(text(message.value) == #"{"payload":{"a":1},"aggregateid":"42"}"#)
        #expect(message.timestamp == 1_700_000_000_000)
    }

    @Test func `bytes, nulls and masks stay what they are`() throws {
        let raw = try message(.insert, Self.row, ["table.field.event.payload": "raw"])
        #expect(raw?.value == [0, 0xFF])
        var row = Self.row
        row[4] = nil
        #expect(try message(.insert, row)?.value == nil)
        row[4] = ""
        #expect(try message(.insert, row)?.value == [])
        #expect(
            try message(.insert, row, ["route.tombstone.on.empty.payload": "true"])?.value == nil)
        let masked = try message(
            .insert, Self.row, masks: [ColumnMask("payload", .length), ColumnMask("id", .drop)])
        #expect(text(masked?.value) == "8" && masked?.headers.first?.value == nil)
    }

    @Test func `deletes mean nothing, updates are refused as asked, columns must be there`() throws
    {
        #expect(try message(.delete) == nil && message(.update) == nil)
        #expect(throws: CaptureError.self) {
            _ = try message(.update, Self.row, ["table.op.invalid.behavior": "fatal"])
        }
        #expect(throws: CaptureError.self) {
            _ = try message(.insert, Self.row, ["table.field.event.key": "nosuch"])
        }
        var settings = EnvelopeSettings()
        #expect(throws: EnvelopeSettingError.self) {
            _ = try settings.set("table.fields.additional.placement", "type:nowhere")
        }
    }
}

@Suite struct SchemaEventTests {
    private func event(_ format: EnvelopeFormat, version: Int = 1, isOn: Bool = true) -> String? {
        var settings = EnvelopeFixture.settings
        settings.writesSchemas = isOn
        var encoder = format.encoder(settings)
        encoder.now = 1_704_164_646_000_001
        let table = CapturedTable(
            oid: 1, schema: "public", name: "orders", columns: EnvelopeFixture.orders.columns,
            key: [0], version: version)
        var output = OutputBuffer()
        guard encoder.schema(table, at: LogSequenceNumber(0x16_B374_D000), into: &output) else {
            return nil
        }
        return String(decoding: output.bytes.copied(), as: UTF8.self)
    }

    @Test func `a flat schema event names version, key and columns`() {
        #expect(
            event(.flat, version: 2)
                == #"{"action":"schema","schema":"public","table":"orders","version":2,"#
                + #""keys":["id"],"columns":[{"name":"id","type":"int4","optional":false},"#
                + #"{"name":"total","type":"numeric(10,2)","optional":true},"#
                + #"{"name":"note","type":"text","optional":true}],"#
                + #""metadata":{"database":"shop","lsn":"16/B374D000"}}"#)
    }

    @Test func `Debezium's schema change describes the table`() throws {
        let text = try #require(event(.debezium))
        for part in [
            #""databaseName":"shop","schemaName":"public","ddl":null"#,
            #""type":"CREATE","id":"\"shop\".\"public\".\"orders\"""#,
            #""primaryKeyColumnNames":["id"]"#,
            #"{"name":"total","jdbcType":2,"nativeType":1700,"typeName":"numeric","#
                + #""typeExpression":"numeric(10,2)","charsetName":null,"length":10,"scale":2,"#
                + #""position":2,"optional":true"#,
        ] {
            #expect(text.contains(part), "\(text)")
        }
        #expect(try #require(event(.debezium, version: 3)).contains(#""type":"ALTER""#))
    }

    @Test func `nothing is written unless asked`() {
        #expect(event(.flat, isOn: false) == nil && event(.debezium, isOn: false) == nil)
        #expect(event(.maxwell) == nil)
    }
}
