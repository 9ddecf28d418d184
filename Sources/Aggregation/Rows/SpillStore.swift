import Formats

/// Where operators of finite queries put rows that do not fit their memory: files below `--temp`.
/// It belongs to one query and is used on its thread; what it holds is gone with it.
public protocol SpillStore: AnyObject {
    /// A new, empty run.
    func makeRun() throws(SQLError) -> any SpillRun
}

/// Bytes that are written once, front to back, and then read in pieces.
public protocol SpillRun: AnyObject {
    func append(_ bytes: RawSpan) throws(SQLError)
    /// Up to `count` bytes from `offset` on; none at the end.
    func read(_ offset: Int, _ count: Int) throws(SQLError) -> [UInt8]
}

/// Writes strings of bytes, two a record, to a run.
struct SpillWriter: ~Copyable {
    private static let blockSize = 64 * 1024
    let run: any SpillRun
    private var buffer = OutputBuffer(capacity: SpillWriter.blockSize)

    init(_ run: any SpillRun) { self.run = run }

    mutating func append(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
    ) throws(SQLError) {
        buffer.append(bigEndian: UInt32(first.count))
        buffer.append(bigEndian: UInt32(second.count))
        unsafe buffer.append(first)
        unsafe buffer.append(second)
        if buffer.count >= SpillWriter.blockSize { try flush() }
    }

    mutating func flush() throws(SQLError) {
        guard buffer.count > 0 else { return }
        try run.append(buffer.bytes)
        buffer.removeAll()
    }
}

/// Reads the records of a run again, in order.
final class SpillReader {
    private static let blockSize = 256 * 1024
    private let run: any SpillRun
    private var offset = 0
    private var buffer: [UInt8] = []
    private var position = 0
    /// Of the current record, as places in the buffer.
    private var first = 0..<0
    private var second = 0..<0

    init(_ run: any SpillRun) { self.run = run }

    /// Goes to the next record; false at the end.
    func next() throws(SQLError) -> Bool {
        guard try have(8) else { return false }
        let sizes = (integer(position), integer(position + 4))
        position += 8
        guard try have(sizes.0 + sizes.1) else {
            throw SQLError("a temporary file ends too early", .inputOutputError)
        }
        first = position..<(position + sizes.0)
        second = first.upperBound..<(first.upperBound + sizes.1)
        position = second.upperBound
        return true
    }

    private func integer(_ place: Int) -> Int {
        buffer[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    private func have(_ count: Int) throws(SQLError) -> Bool {
        while buffer.count - position < count {
            let more = try run.read(offset, max(SpillReader.blockSize, count))
            if more.isEmpty { return false }
            offset += more.count
            buffer.removeSubrange(..<position)
            position = 0
            buffer += more
        }
        return true
    }

    /// Calls `body` with the current record's parts, which live as long as the call.
    func withRecord<Result>(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Result
    ) -> Result {
        unsafe buffer.withUnsafeBytes { bytes in
            unsafe body(
                UnsafeRawBufferPointer(rebasing: bytes[first]),
                UnsafeRawBufferPointer(rebasing: bytes[second]))
        }
    }

    /// The order of the first parts of two current records.
    func isBefore(_ other: SpillReader) -> Bool {
        unsafe withRecord { mine, _ in
            unsafe other.withRecord { theirs, _ in unsafe compareBytes(mine, theirs) < 0 }
        }
    }
}

/// How much memory an operator of a finite query may take before it spills, and where to.
struct SpillBudget {
    let store: any SpillStore
    let memoryMax: Int
}
