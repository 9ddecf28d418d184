import Bytes
import Platform
import Records

/// What is wrong with the bytes of a segment.
public enum BatchDamage: String, Sendable {
    case short = "the file ends inside a batch"
    case length = "a batch's length is impossible"
    case magic = "a batch's magic is not 2"
    case checksum = "a batch's checksum does not match its bytes"
    case offset = "a batch's base offset does not follow the one before"
    case epoch = "a batch's leader epoch is lower than the one before"
    case chain = "batch headers do not match their index"
    case missing = "bytes that were durable are missing"
}

/// Reads a segment batch by batch, with large reads, and checks each against itself and the one
/// before.
struct BatchScanner: ~Copyable {
    enum Step {
        /// A sound batch at this position.
        case batch(RecordBatchHeader, position: Int)
        case end
        case bad(BatchDamage, position: Int)
    }

    let file: any File
    /// The first byte not to be read.
    let end: Int
    private(set) var position: Int
    /// The offset that the next batch must have, or at least have if gaps are allowed.
    var expected: Int64
    var epoch: Int32
    /// A higher one is damage.
    var epochMax = Int32.max
    let allowsGaps: Bool
    private var buffer: [UInt8]
    /// The bytes in the buffer are those of the file from here on.
    private var bufferStart = 0
    private var bufferCount = 0

    static let bufferSize = 4 << 20

    init(
        _ file: any File, from position: Int, end: Int, expected: Int64, epoch: Int32 = 0,
        allowsGaps: Bool = false
    ) {
        self.file = file
        self.position = position
        self.end = end
        self.expected = expected
        self.epoch = epoch
        self.allowsGaps = allowsGaps
        buffer = [UInt8](repeating: 0, count: max(1, min(Self.bufferSize, end - position)))
    }

    /// Makes `count` bytes from `position` on available; false past the end.
    private mutating func load(_ count: Int) throws(LogError) -> Bool {
        if position >= bufferStart, position + count <= bufferStart + bufferCount { return true }
        guard position + count <= end else { return false }
        if count > buffer.count { buffer = [UInt8](repeating: 0, count: count) }
        let wanted = min(buffer.count, end - position)
        let (file, start) = (self.file, position)
        do {
            bufferCount = unsafe try buffer.withUnsafeMutableBytes { target in
                unsafe try file.read(
                    at: Int64(start),
                    into: UnsafeMutableRawBufferPointer(rebasing: target[..<wanted])
                )
            }
        } catch let error as SystemError {
            throw .system(error)
        } catch {
            throw .closed
        }
        bufferStart = position
        return bufferCount >= count
    }

    /// The bytes of the batch that `next` has just given.
    func withBatch<R, E: Error>(
        _ header: RecordBatchHeader, at position: Int, _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        let start = position - bufferStart
        return unsafe try body(buffer.span.bytes.extracting(start..<start + header.totalSize))
    }

    mutating func next() throws(LogError) -> Step {
        guard position < end else { return .end }
        guard try load(RecordBatchHeader.size) else { return .bad(.short, position: position) }
        let start = position - bufferStart
        guard
            let header = unsafe RecordBatchHeader(buffer.span.bytes.extracting(start..<bufferCount))
        else { return .bad(.short, position: position) }
        if let damage = headerDamage(header) { return .bad(damage, position: position) }
        guard try load(header.totalSize) else { return .bad(.short, position: position) }
        guard bodyMatches(header) else { return .bad(.checksum, position: position) }
        let found = position
        position += header.totalSize
        expected = header.lastOffset + 1
        epoch = header.partitionLeaderEpoch
        return .batch(header, position: found)
    }

    private func headerDamage(_ header: RecordBatchHeader) -> BatchDamage? {
        if header.magic != 2 { return .magic }
        let least = RecordBatchHeader.size - RecordBatchHeader.lengthOverhead
        if header.batchLength < least || header.totalSize > Limits.batchBytesMax { return .length }
        if header.baseOffset < expected || !allowsGaps && header.baseOffset != expected {
            return .offset
        }
        if header.lastOffsetDelta < 0 || header.baseOffset > Int64.max - (1 << 32) {
            return .offset
        }
        let isKnown =
            header.partitionLeaderEpoch >= epoch && header.partitionLeaderEpoch <= epochMax
        return isKnown ? nil : .epoch
    }

    private func bodyMatches(_ header: RecordBatchHeader) -> Bool {
        let start = position - bufferStart
        let body = unsafe buffer.span.bytes.extracting(
            start + RecordBatchHeader.checksummedFrom..<start + header.totalSize)
        return CRC32C.checksum(body) == header.checksum
    }

    /// Goes on at `position` with the batch of offset `expected`.
    mutating func move(to position: Int, expected: Int64) {
        self.position = position
        self.expected = expected
        epochMax = .max
    }

    /// Moves on to the first place behind `from` where a sound batch with an offset of at least
    /// `expected` starts; false if there is none.
    mutating func resynchronize(from: Int, limit: Int64 = .max) throws(LogError) -> Bool {
        let (lowest, lowestEpoch) = (expected, epoch)
        position = from
        while position + RecordBatchHeader.size <= end {
            guard try load(RecordBatchHeader.size) else { return false }
            let start = position - bufferStart
            if buffer[start + 16] == 2,
                let header = unsafe RecordBatchHeader(
                    buffer.span.bytes.extracting(start..<bufferCount)),
                header.baseOffset >= lowest, header.lastOffset < limit,
                header.partitionLeaderEpoch >= lowestEpoch
            {
                expected = header.baseOffset
                if headerDamage(header) == nil, try load(header.totalSize), bodyMatches(header) {
                    return true
                }
                expected = lowest
            }
            position += 1
        }
        return false
    }
}
