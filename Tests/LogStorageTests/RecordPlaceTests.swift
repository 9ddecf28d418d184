import Bytes
import Records
import Testing

/// A record, as every way of looking at it must see it.
private struct Seen: Equatable {
    var offset: Int64
    var timestamp: Int64
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [UInt8] = []
    var headerCount = 0
}

/// A key or a value.
private func field(_ reader: inout ByteReader) -> [UInt8]? {
    let length = Int(reader.varint())
    if length < -1 { reader.fail() }
    return length < 0 ? nil : reader.array(length)
}

/// The records of a batch's section, number by number as KIP-98 has them; nil if one is malformed.
private func decoded(_ header: RecordBatchHeader, _ section: [UInt8]) -> [Seen]? {
    var reader = ByteReader(section.rawSpan)
    var records: [Seen] = []
    while records.count < header.recordCount {
        let length = Int(reader.varint())
        let end = reader.position + length
        guard length >= 6, length <= reader.remaining else { return nil }
        _ = reader.int8()
        let time = reader.varlong()
        let offset = header.baseOffset + Int64(reader.varint())
        let (key, value) = (field(&reader), field(&reader))
        let headerCount = Int(reader.varint())
        let headerBytes = end - reader.position
        guard !reader.failed, headerBytes >= 0, headerCount >= 0, headerCount <= headerBytes / 2
        else { return nil }
        let isAppendTime = header.attributes & 0x08 != 0
        records.append(
            Seen(
                offset: offset,
                timestamp: isAppendTime ? header.maxTimestamp : header.baseTimestamp &+ time,
                key: key, value: value, headers: reader.array(headerBytes),
                headerCount: headerCount))
    }
    return records
}

/// The same by the iterator.
private func iterated(_ header: RecordBatchHeader, _ section: [UInt8]) -> [Seen]? {
    let span = section.rawSpan
    var iterator = RecordIterator(header, records: span)
    var seen: [Seen] = []
    while let record = iterator.next() {
        seen.append(
            Seen(
                offset: record.offset, timestamp: record.timestamp,
                key: record.key.map { span.extracting($0).copied() },
                value: record.value.map { span.extracting($0).copied() },
                headers: span.extracting(record.headers).copied(),
                headerCount: record.headerCount))
    }
    return iterator.failed ? nil : seen
}

/// What is left of them where no headers are wanted.
private func values(_ records: [Seen]?) -> [Seen]? {
    records?.filter { $0.value != nil }
        .map { Seen(offset: $0.offset, timestamp: $0.timestamp, key: $0.key, value: $0.value) }
}

/// The values, up to `limit` at a time.
private func taken(_ header: RecordBatchHeader, _ section: [UInt8], _ limit: Int) -> [Seen]? {
    let span = section.rawSpan
    let values = RecordValues()
    var header = header
    var position = 0
    var seen: [Seen] = []
    while header.recordCount > 0 {
        guard values.take(limit, from: span, &header, &position) else { return nil }
        while values.count > 0 {
            let start = Int(values.starts[0])
            let value = span.extracting(start..<start + Int(values.byteCounts[0])).copied()
            let (keyStart, keyBytes) = (Int(values.keyStarts[0]), Int(values.keyByteCounts[0]))
            let key =
                keyBytes < 0
                ? nil : span.extracting(keyStart..<keyStart + keyBytes).copied()
            seen.append(
                Seen(
                    offset: values.offsets[0], timestamp: values.timestamps[0], key: key,
                    value: value))
            values.drop(1)
        }
    }
    return seen
}

private func isSeenAlike(_ header: RecordBatchHeader, _ section: [UInt8]) -> Bool {
    let records = decoded(header, section)
    return iterated(header, section) == records && taken(header, section, 256) == values(records)
}

private func bytes(_ count: Int, _ seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
}

/// A batch of records of all shapes; each has one of these keys, values, times and headers.
private func batch(
    _ count: Int, keys: [Int?], values: [Int?], times: [Int64], headers: [Int]
) -> [UInt8] {
    var builder = RecordBatchBuilder()
    for index in 0..<count {
        let key = keys[index % keys.count].map { bytes($0, index) }
        let value = values[index % values.count].map { bytes($0, index + 7) }
        let encoded = EncodedHeaders(
            (0..<headers[index % headers.count]).map {
                RecordHeader(key: "k\($0)", value: $0 % 2 == 0 ? [1, 2] : nil)
            })
        let all = (key ?? []) + (value ?? [])
        let split = key?.count ?? 0
        builder.append(
            key: key.map { _ in 0..<split }, value: value.map { _ in split..<all.count },
            in: all.rawSpan, timestamp: times[index % times.count], headers: encoded)
    }
    return builder.finish()
}

private func split(_ batch: [UInt8]) -> (RecordBatchHeader, [UInt8])? {
    guard let header = RecordBatchHeader(batch.rawSpan) else { return nil }
    return (header, Array(batch[RecordBatchHeader.size...]))
}

@Suite struct RecordPlaceTests {
    @Test func `records of all shapes are seen alike one by one and many at a time`() throws {
        let times: [Int64] = [1_000, 1_001, 900, 70_000, 5_000_000, -3_000_000_000_000]
        let shapes: [(keys: [Int?], values: [Int?], headers: [Int])] = [
            ([nil], [68], [0]), ([nil, 0, 1, 63, 64, 9_000], [0, 5, nil, 70], [0, 1, 3]),
            ([3], [nil], [0, 70]), ([nil], [1, 63, 64, 8_191, 8_192, 1_100_000], [0]),
        ]
        for shape in shapes {
            for count in [1, 2, 255, 256, 257, 700] {
                let size = shape.values.contains(1_100_000) ? min(count, 7) : count
                var (header, section) = try #require(
                    split(
                        batch(
                            size, keys: shape.keys, values: shape.values, times: times,
                            headers: shape.headers)))
                header.baseOffset = 40
                let records = try #require(decoded(header, section))
                #expect(iterated(header, section) == records)
                for limit in [1, 3, 256, 1_000] {
                    #expect(taken(header, section, limit) == values(records))
                }
                header.attributes |= 0x08
                #expect(isSeenAlike(header, section))
            }
        }
    }

    @Test func `numbers of more than two bytes are read`() throws {
        let (header, section) = try #require(
            split(batch(20_000, keys: [nil], values: [2], times: [1_000], headers: [0])))
        #expect(isSeenAlike(header, section))
        #expect(taken(header, section, 256)?.last?.offset == 19_999)
    }

    @Test func `damaged records are refused however they are looked at`() throws {
        let (header, section) = try #require(
            split(
                batch(
                    5, keys: [nil, 4], values: [6, nil, 90], times: [1_000, 900_000],
                    headers: [0, 2])))
        for end in section.indices { #expect(isSeenAlike(header, Array(section[..<end]))) }
        let others: [UInt8] = [0, 1, 2, 3, 0x0c, 0x40, 0x7f, 0x80, 0x81, 0xfe, 0xff]
        for index in section.indices {
            for other in others {
                var damaged = section
                damaged[index] = other
                #expect(isSeenAlike(header, damaged))
            }
        }
        for count in [-1, 0, 3, 6, 1_000_000] as [Int32] {
            var other = header
            other.recordCount = count
            #expect(isSeenAlike(other, section))
        }
    }
}
