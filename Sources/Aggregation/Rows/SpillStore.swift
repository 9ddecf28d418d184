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
    let run: any SpillRun
    private let blockSize: Int
    private var buffer: OutputBuffer

    init(_ run: any SpillRun, blockSize: Int = 64 * 1024) {
        self.run = run
        self.blockSize = blockSize
        buffer = OutputBuffer(capacity: blockSize)
    }

    mutating func append(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
    ) throws(SQLError) {
        buffer.append(bigEndian: UInt32(first.count))
        buffer.append(bigEndian: UInt32(second.count))
        unsafe buffer.append(first)
        unsafe buffer.append(second)
        if buffer.count >= blockSize { try flush() }
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

    /// Among runs that are merged: of equal records the one of the lowest order comes first.
    private let order: Int

    init(_ run: any SpillRun, order: Int = 0) {
        self.run = run
        self.order = order
    }

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

    /// Writes the current record to another run.
    func copy(to writer: inout SpillWriter) throws(SQLError) {
        let failure = unsafe withRecord { key, row -> SQLError? in
            do throws(SQLError) {
                try unsafe writer.append(key, row)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// The order of the first parts of two current records.
    func isBefore(_ other: SpillReader) -> Bool {
        let difference = unsafe withRecord { mine, _ in
            unsafe other.withRecord { theirs, _ in unsafe compareBytes(mine, theirs) }
        }
        return difference == 0 ? order < other.order : difference < 0
    }
}

/// How much memory an operator of a finite query may take before it spills, and where to.
struct SpillBudget {
    let store: any SpillStore
    private let shares: SpillShares
    /// How many times the rows at hand have been parted already.
    let level: Int

    /// Rows that do not fit after so many partings are rows of one key.
    private static let levelMax = 4

    init(_ store: any SpillStore, _ shares: SpillShares, level: Int = 0) {
        self.store = store
        self.shares = shares
        self.level = level
    }

    var memoryMax: Int { shares.each }

    /// For the parts of what was parted.
    var deeper: SpillBudget { SpillBudget(store, shares, level: level + 1) }

    /// True if an operator must put its rows on disk now. Where parting them does not help it may
    /// take the memory of the whole query, and fails beyond that.
    ///
    /// `keepsOn`: what is in memory stays there while the parts are worked on.
    func isExceeded(by node: Operator, keepsOn: Bool = false) throws(SQLError) -> Bool {
        let memory = node.memory
        guard memory > (keepsOn ? shares.each >> (level + 1) : shares.each) else { return false }
        if level < SpillBudget.levelMax { return true }
        guard memory > shares.total else { return false }
        throw MemoryGuard.exceeded(
            memory, shares.total,
            detail: "The rows of one key do not fit in \(node.name), and cannot be parted.")
    }
}

/// The memory of a query, shared evenly by its operators that can spill.
final class SpillShares {
    let total: Int
    private var users = 0

    init(total: Int) { self.total = total }

    func join() { users += 1 }

    var each: Int { total / max(1, users) }
}
