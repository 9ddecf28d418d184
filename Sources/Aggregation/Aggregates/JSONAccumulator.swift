import Bytes
import Formats

/// json_agg and jsonb_agg: an array of all rows, nulls among them.
final class JSONArrayAccumulator: CollectingAccumulator {
    override func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        guard count > 0 else { return builder.appendNull() }
        var text = OutputBuffer(capacity: 256)
        let writer = JSONWriter(columns[0])
        // PostgreSQL puts each row of a record type on a line.
        let isRecord = columns[0].type.layout == .record
        text.append("[")
        for row in 0..<count {
            if row > 0 { if isRecord { text.append(", \n ") } else { text.append(", ") } }
            writer.append(row, to: &text)
        }
        text.append("]")
        try builder.append(json: text)
    }
}

/// json_object_agg and jsonb_object_agg: names and values.
final class JSONObjectAccumulator: CollectingAccumulator {
    override func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        guard count > 0 else { return builder.appendNull() }
        var text = OutputBuffer(capacity: 256)
        try JSONKeyText.check(columns[0].type)
        let names = JSONWriter(columns[0])
        let values = JSONWriter(columns[1])
        text.append("{ ")
        for row in 0..<count {
            guard !columns[0].isNull(row) else {
                throw SQLError("field name must not be null", .invalidParameterValue)
            }
            if row > 0 { text.append(", ") }
            JSONKeyText.append(row, of: names, to: &text)
            text.append(" : ")
            values.append(row, to: &text)
        }
        text.append(" }")
        try builder.append(json: text)
    }
}

extension ColumnBuilder {
    /// Appends a JSON text, in its normal form where this is a column of jsonb.
    fileprivate func append(json text: borrowing OutputBuffer) throws(SQLError) {
        guard type == .jsonb else {
            return unsafe text.bytes.withUnsafeBytes { unsafe append(bytes: $0) }
        }
        let normal = try unsafe text.bytes.withUnsafeBytes { (raw) throws(SQLError) in
            try unsafe JSONText.normalised(raw)
        }
        append(text: normal)
    }
}
