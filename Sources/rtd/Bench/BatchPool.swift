import Bytes
import Platform
import Records

/// A record batch that is ready to be sent.
struct ReadyBatch: Sendable {
    var bytes: [UInt8]
    let records: Int
    /// Bytes of the values, before compression.
    let valueBytes: Int
}

/// The batches of one producer, encoded before the clock starts so that making them costs the
/// measurement nothing. Without producer ids none has to be touched when it is sent again; in
/// transactions each gets them and its checksum then.
///
/// Beside the full batches there is one of each power of two records below, so that any number of
/// records that are due can be sent.
struct BatchPool: Sendable {
    /// The full ones, then one of each power of two, ascending.
    private var batches: [ReadyBatch]
    private let fullCount: Int
    private var next = 0

    /// `timestamp` in milliseconds goes into the records; it tells a consumer who sent them.
    init(_ load: BenchLoad, timestamp: Int64, seed: UInt64) {
        var values = ValueSource(load, seed: seed)
        let most = load.recordsPerBatch
        let first = Self.batch(most, load, &values, timestamp)
        let poolBytes = min(BenchLimits.poolBytes, BenchLimits.poolsBytesMax / load.producers)
        var batches = [first]
        for _ in 1..<max(2, min(poolBytes / first.bytes.count, 64)) {
            batches.append(Self.batch(most, load, &values, timestamp))
        }
        fullCount = batches.count
        var count = 1
        while count < most {
            batches.append(Self.batch(count, load, &values, timestamp))
            count *= 2
        }
        self.batches = batches
    }

    private static func batch(
        _ count: Int, _ load: BenchLoad, _ values: inout ValueSource, _ timestamp: Int64
    ) -> ReadyBatch {
        var builder = RecordBatchBuilder()
        var valueBytes = 0
        for _ in 0..<count {
            let value = values.next()
            builder.append(
                key: nil, value: 0..<value.count, in: value.rawSpan, timestamp: timestamp)
            valueBytes += value.count
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.codec = load.codec
        attributes.transactional = load.transactionSpan != nil
        return ReadyBatch(
            bytes: builder.finish(attributes), records: count, valueBytes: valueBytes)
    }

    /// Where the largest batch of at most `count` records is; `count` is at least 1.
    mutating func place(atMost count: Int) -> Int {
        if count >= recordsMax {
            next = next + 1 == fullCount ? 0 : next + 1
            return next
        }
        return fullCount + Int.bitWidth - 1 - count.leadingZeroBitCount
    }

    /// The log writes offsets into the bytes, which no checksum covers.
    subscript(place: Int) -> ReadyBatch {
        get { batches[place] }
        _modify { yield &batches[place] }
    }

    /// Records of a full batch.
    var recordsMax: Int { batches[0].records }
}

/// Values one after the other: lines of a file, or bytes of which a part is random and the rest
/// compresses well.
struct ValueSource {
    private let lines: [[UInt8]]
    private let size: Int
    private let randomBytes: Int
    private var random: SeededRandom
    private var position = 0

    init(_ load: BenchLoad, seed: UInt64) {
        lines = load.values
        size = load.valueBytes
        randomBytes = Int((Double(size) * load.randomRatio).rounded())
        random = SeededRandom(seed: seed)
    }

    mutating func next() -> [UInt8] {
        if !lines.isEmpty {
            defer { position = position + 1 == lines.count ? 0 : position + 1 }
            return lines[position]
        }
        var value = [UInt8](repeating: 0x61, count: size)
        var place = 0
        while place < randomBytes {
            var word = random.next()
            for _ in 0..<min(8, randomBytes - place) {
                value[place] = UInt8(truncatingIfNeeded: word)
                word >>= 8
                place += 1
            }
        }
        return value
    }
}
