import Formats
import Records

extension OutputBuffer {
    /// Appends a record as a JSON object on a line, the form that `rtd produce -J` reads back
    /// without a loss: null and empty differ, bytes that are not UTF-8 are base64, headers keep
    /// their order.
    ///
    /// `nestsValues` prints a value that is one JSON text without quotes around it, on one line.
    mutating func append(
        jsonRecord record: RecordView, in records: RawSpan, of source: RecordSource,
        nestsValues: Bool
    ) {
        append(source.jsonPrefix)
        append(decimal: record.offset)
        append(",")
        append(jsonMembers: record, in: records, nestsValues: nestsValues)
    }

    /// Appends what is behind topic, partition and offset, and the end of the line.
    mutating func append(
        jsonMembers record: RecordView, in records: RawSpan, nestsValues: Bool
    ) {
        append("\"timestamp\":")
        append(decimal: record.timestamp)
        append(",\"key")
        append(jsonField: record.key, records)
        append(",\"value")
        if nestsValues, let value = record.value {
            let mark = count
            append("\":")
            if !append(compactJSON: records.extracting(value)) {
                truncate(to: mark)
                append(jsonField: value, records)
            }
        } else {
            append(jsonField: record.value, records)
        }
        append(",\"headers\":[")
        if record.headerCount > 0 { append(jsonHeaders: record, records) }
        append("]}\n")
    }

    /// Appends the end of a member's name and its value: `":"text"`, `":null` or `_b64":"..."`.
    private mutating func append(jsonField field: Range<Int>?, _ records: RawSpan) {
        guard let field else { return append("\":null") }
        let bytes = records.extracting(field)
        let mark = count
        append("\":")
        if append(jsonString: bytes) { return }
        truncate(to: mark)
        append("_b64\":\"")
        Base64.encode(bytes, into: &self)
        append("\"")
    }

    private mutating func append(jsonHeaders record: RecordView, _ records: RawSpan) {
        var headers = HeaderIterator(record, in: records)
        var isFirst = true
        while let header = headers.next() {
            append(isFirst ? "[" : ",[")
            isFirst = false
            append(jsonHeaderText: records.extracting(header.name))
            append(",")
            if let value = header.value {
                append(jsonHeaderText: records.extracting(value))
            } else {
                append("null")
            }
            append("]")
        }
    }

    /// A string, or `{"b64":"..."}` of what is not UTF-8.
    mutating func append(jsonHeaderText text: RawSpan) {
        if append(jsonString: text) { return }
        append("{\"b64\":\"")
        Base64.encode(text, into: &self)
        append("\"}")
    }
}
