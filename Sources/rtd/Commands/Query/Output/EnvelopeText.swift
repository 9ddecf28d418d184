import Formats

/// Rows as JSON objects, one at a time; made once a query.
final class ObjectText {
    private let places: [Int]
    /// What stands before each value: `{"a":`, `,"b":`.
    private let leads: [[UInt8]]
    private var batch: Batch?
    private var writers: [JSONWriter] = []

    /// `places` are the columns that are written.
    init(_ columns: [Field], _ places: [Int]) {
        self.places = places
        let names = RowText.distinct(places.map { columns[$0].name })
        leads = names.enumerated().map { index, name in
            var buffer = OutputBuffer(capacity: 64)
            buffer.append(UInt8(ascii: index == 0 ? "{" : ","))
            buffer.append(jsonString: name)
            buffer.append(UInt8(ascii: ":"))
            return (0..<buffer.count).map { buffer.bytes.byte(at: $0) }
        }
    }

    func append(_ place: ResultChange.Place, to buffer: inout OutputBuffer) {
        if batch !== place.batch {
            batch = place.batch
            writers = places.map { JSONWriter(place.batch.columns[$0]) }
        }
        if writers.isEmpty { buffer.append(UInt8(ascii: "{")) }
        for (lead, writer) in zip(leads, writers) {
            buffer.append(lead)
            writer.append(place.row, to: &buffer)
        }
        buffer.append(UInt8(ascii: "}"))
    }
}

/// Changes as Debezium's envelopes, without the schema block, and the keys of records.
final class EnvelopeText {
    private let row: ObjectText
    private let key: ObjectText?
    /// `"version":...,"connector":...` of the source block, up to its times.
    private let source: String
    private let table: String

    /// `table` is what the source block calls the result.
    init(_ columns: [Field], key: [Int]?, table: String) {
        row = ObjectText(columns, Array(columns.indices))
        self.key = key.map { ObjectText(columns, $0) }
        source = "{\"version\":\"\(Program.version)\",\"connector\":\"rtd\",\"name\":\"rtd\","
        var name = OutputBuffer(capacity: 64)
        name.append(jsonString: table)
        self.table = name.bytes.text(0..<name.count)
    }

    /// False: the result has no key.
    func appendKey(_ place: ResultChange.Place, to buffer: inout OutputBuffer) -> Bool {
        key?.append(place, to: &buffer)
        return key != nil
    }

    func appendRow(_ place: ResultChange.Place, to buffer: inout OutputBuffer) {
        row.append(place, to: &buffer)
    }

    func appendEnvelope(
        _ change: ResultChange, milliseconds: Int64, to buffer: inout OutputBuffer
    ) {
        buffer.append("{\"before\":")
        append(change.before, to: &buffer)
        buffer.append(",\"after\":")
        append(change.after, to: &buffer)
        buffer.append(",\"source\":")
        buffer.append(utf8: source)
        appendTimes(milliseconds, to: &buffer)
        buffer.append(",\"snapshot\":\"false\",\"db\":\"rtd\",\"sequence\":null,")
        buffer.append(utf8: "\"schema\":\"public\",\"table\":\(table)}")
        buffer.append(utf8: ",\"op\":\"\(change.operation)\",")
        appendTimes(milliseconds, to: &buffer)
        buffer.append(",\"transaction\":null}")
    }

    private func append(_ place: ResultChange.Place?, to buffer: inout OutputBuffer) {
        guard let place else { return buffer.append("null") }
        row.append(place, to: &buffer)
    }

    private func appendTimes(_ milliseconds: Int64, to buffer: inout OutputBuffer) {
        buffer.append("\"ts_ms\":")
        buffer.append(decimal: milliseconds)
        buffer.append(",\"ts_us\":")
        buffer.append(decimal: milliseconds &* 1_000)
        buffer.append(",\"ts_ns\":")
        buffer.append(decimal: milliseconds &* 1_000_000)
    }
}

/// The refusal of `upsert` for a result whose rows nothing tells apart.
enum UpsertKey {
    static func require(_ key: [Int]?) throws(SQLError) -> [Int] {
        if let key { return key }
        throw SQLError(
            "format upsert needs a key, and the rows of this query have none",
            .invalidColumnReference,
            hint: "The columns of GROUP BY, DISTINCT or a PRIMARY KEY are one, if they are "
                + "selected.")
    }
}
