import Bytes
import Formats
import Records

/// Which columns of rows that go to a topic are a record's own key, time, partition, headers and
/// value; the others are members of a JSON object. Made once a query, used on its thread.
struct RecordShape {
    private let key: Int?
    private let timestamp: Int?
    private let partition: Int?
    private let headers: Int?
    /// The value itself, where no column is a member.
    private let value: Int?
    private let members: ObjectText
    private let topic: String
    private let partitionCount: Int

    /// Of the first column of a name: another one is a member, as that of a topic's own object.
    init(_ columns: [Field], topic: String, partitionCount: Int) {
        func place(_ name: String) -> Int? { columns.firstIndex { $0.name == name } }
        key = place("_key")
        timestamp = place("_timestamp")
        partition = place("_partition")
        headers = place("_headers")
        let own = [key, timestamp, partition, headers].compactMap { $0 }
        let rest = columns.indices.filter { !own.contains($0) }
        value = rest.count == 1 && columns[rest[0]].name == "_value" ? rest[0] : nil
        members = ObjectText(columns, rest)
        self.topic = topic
        self.partitionCount = partitionCount
    }

    /// A row as a record.
    struct Record {
        /// In the buffer.
        var key: Range<Int>?
        /// nil: a tombstone.
        var value: Range<Int>?
        /// Milliseconds since 1970; nil: now.
        var timestamp: Int64?
        var partition: Int?
        var headers: EncodedHeaders?
    }

    /// Writes key and value of a row into the buffer, in the place of what it holds.
    func record(
        _ batch: Batch, _ row: Int, _ buffer: inout OutputBuffer
    ) throws(SQLError) -> Record {
        buffer.removeAll()
        var record = Record()
        record.key = key.flatMap { Self.append(batch.columns[$0], row, &buffer) }
        if let value {
            record.value = Self.append(batch.columns[value], row, &buffer)
        } else {
            let start = buffer.count
            members.append(ResultChange.Place(batch: batch, row: row), to: &buffer)
            record.value = start..<buffer.count
        }
        if let timestamp { record.timestamp = try time(batch.columns[timestamp], row) }
        if let partition { record.partition = try number(batch.columns[partition], row) }
        if let headers { record.headers = try list(batch.columns[headers], row) }
        return record
    }

    /// Text and bytes as they are, other values as JSON has them; nil for NULL.
    private static func append(
        _ column: Column, _ row: Int, _ buffer: inout OutputBuffer
    ) -> Range<Int>? {
        guard !column.isNull(row) else { return nil }
        let start = buffer.count
        switch (column.type.isText, column.value(row)) {
        case (true, .text(let text)): buffer.append(utf8: text)
        case (false, .bytes(let bytes)) where column.type == .bytea: buffer.append(bytes)
        case (false, .boolean), (false, .array), (false, .record):
            JSONWriter(column).append(row, to: &buffer)
        default: TextWriter(column, TextSettings()).append(row, to: &buffer)
        }
        return start..<buffer.count
    }

    private func time(_ column: Column, _ row: Int) throws(SQLError) -> Int64? {
        guard case .integer(let microseconds) = column.value(row) else { return nil }
        guard microseconds >= 0, microseconds < Int64.max else {
            throw SQLError("a record's timestamp is not before 1970", .datetimeFieldOverflow)
        }
        return microseconds / 1_000
    }

    private func number(_ column: Column, _ row: Int) throws(SQLError) -> Int? {
        guard case .integer(let number) = column.value(row) else { return nil }
        guard number >= 0, number < Int64(partitionCount) else {
            throw SQLError(
                "topic \"\(topic)\" has no partition \(number)", .invalidParameterValue,
                hint: partitionCount == 1
                    ? "It has partition 0." : "It has partitions 0 to \(partitionCount - 1).")
        }
        return Int(number)
    }

    private func list(_ column: Column, _ row: Int) throws(SQLError) -> EncodedHeaders? {
        guard case .text(let text) = column.value(row) else { return nil }
        guard let headers = JSONRecordReader.headers(Array(text.utf8).rawSpan) else {
            throw SQLError(
                "_headers is no list of headers", .invalidParameterValue,
                hint: "Write '[[\"name\", \"value\"], ...]'.")
        }
        return headers
    }
}
