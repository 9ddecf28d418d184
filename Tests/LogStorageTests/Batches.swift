import Bytes
import LogStorage
import Platform
import Records

/// Makes batches for tests.
enum Batches {
    static func make(
        _ values: [String], timestamp: Int64 = 1_000, producerID: Int64 = -1, epoch: Int16 = -1,
        sequence: Int32 = -1, transactional: Bool = false
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for value in values {
            var bytes = Array(value.utf8)
            bytes.withUnsafeMutableBytes {
                builder.append(key: nil, value: UnsafeRawBufferPointer($0), timestamp: timestamp)
            }
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.producerID = producerID
        attributes.producerEpoch = epoch
        attributes.baseSequence = sequence
        attributes.transactional = transactional
        return builder.finish(attributes)
    }

    /// Records with keys.
    static func keyed(
        _ values: [String: String], producerID: Int64 = -1, sequence: Int32 = -1,
        transactional: Bool = false
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            Array(key.utf8).withUnsafeBytes { key in
                Array(value.utf8).withUnsafeBytes {
                    builder.append(key: key, value: $0, timestamp: 1_000)
                }
            }
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.producerID = producerID
        attributes.producerEpoch = producerID < 0 ? -1 : 0
        attributes.baseSequence = sequence
        attributes.transactional = transactional
        return builder.finish(attributes)
    }

    /// A control batch that ends a transaction.
    static func marker(commit: Bool, producerID: Int64, epoch: Int16) -> [UInt8] {
        var builder = RecordBatchBuilder()
        let key: [UInt8] = [0, 0, 0, commit ? 1 : 0]
        let value: [UInt8] = [0, 0, 0, 0, 0, 0]
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { builder.append(key: key, value: $0, timestamp: 1_000) }
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.producerID = producerID
        attributes.producerEpoch = epoch
        attributes.transactional = true
        attributes.control = true
        return builder.finish(attributes)
    }

    static func headers(_ bytes: [UInt8]) -> [RecordBatchHeader] {
        var headers: [RecordBatchHeader] = []
        var position = 0
        while position < bytes.count,
            let header = RecordBatchHeader(bytes.span.bytes.extracting(position..<bytes.count))
        {
            headers.append(header)
            position += header.totalSize
        }
        return headers
    }
}

extension Log {
    /// Appends batches as a handler does.
    @discardableResult
    func append(
        _ batch: [UInt8], _ durability: Durability = .synced, now: Int64 = 1_000
    ) throws(LogError) -> AppendResult {
        var bytes = batch
        let headers = Batches.headers(bytes)
        let result: Result<AppendResult, LogError> = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(LogError) in
                try append(
                    buffer, headers: headers, durability: durability, nowMilliseconds: now)
            }
        }
        return try result.get()
    }

    /// All batches from `offset` on that may be read, as stored; cold ones are checked.
    func readAll(from offset: Int64? = nil, maxBytes: Int = 1 << 20) throws(LogError) -> [UInt8] {
        var next = offset ?? startOffset
        var bytes: [UInt8] = []
        while var slice = try read(
            from: next, maxBytes: maxBytes, upTo: highWatermark, minOneBatch: true)
        {
            if slice.isCold { slice = try load(slice) }
            bytes += try slice.read()
            next = slice.nextOffset
        }
        return bytes
    }

    /// The values of all records that may be read, by offset.
    func records(from offset: Int64? = nil) throws -> [Int64: String] {
        Batches.values(try readAll(from: offset))
    }
}

extension Batches {
    /// The values of the records in batches as stored, by offset.
    static func values(_ bytes: [UInt8]) -> [Int64: String] {
        var found: [Int64: String] = [:]
        var position = 0
        for header in headers(bytes) {
            let end = position + header.totalSize
            let section = bytes.span.bytes.extracting(position + RecordBatchHeader.size..<end)
            var iterator = RecordIterator(header, records: section)
            while let record = iterator.next() {
                let value = record.value.map { section.extracting($0).copied() } ?? []
                found[record.offset] = String(decoding: value, as: UTF8.self)
            }
            position = end
        }
        return found
    }
}

/// A directory of the real file system that goes away.
final class TemporaryDirectory {
    let path = "/tmp/rtd-log-\(UInt64.random(in: 0 ..< .max))"
    deinit { try? POSIXFileSystem().removeTree(path) }
}
