import Aggregation
import Bytes
import Formats

/// A step of a kept query that was saved: how far its inputs were read then and where its output
/// ended.
struct SavedStep {
    var step = CommittedStep(number: 0, nonce: 0)
    /// All inputs have ended and all rows have left.
    var isFinished = false
    /// The run has ended here, and written nothing since.
    var isClean = false
    /// Where the output ended, if that can be said of it.
    var output: OutputMark?
    /// Of the inputs, with their watermarks.
    var positions: [UInt8] = []

    init() {}

    func write(_ target: inout OutputBuffer) {
        step.write(&target)
        target.append(isFinished ? 1 : 0 as UInt8)
        target.append(output == nil ? 0 : isClean ? 2 : 1 as UInt8)
        output?.write(&target)
        target.append(blob: positions)
    }

    init(_ reader: inout StateReader) throws(SQLError) {
        step = try CommittedStep(&reader)
        isFinished = try reader.integer(UInt8.self) != 0
        let mark = try reader.integer(UInt8.self)
        isClean = mark == 2
        if mark != 0 { output = try OutputMark(&reader) }
        positions = try reader.blob()
    }
}

/// What a query knew between two steps, as bytes: which query it is, the step, and the state of its
/// operators.
struct Snapshot {
    /// The query: another one cannot go on from here.
    var query: QueryFingerprint
    /// Under which name its steps are committed with their rows; empty: there is no such
    /// transaction.
    var transaction = ""
    var saved = SavedStep()
    /// Rows that sources keep, and operators. In format 2 the positions before them.
    var state: [UInt8] = []
    /// In format 2: the step is known to be committed.
    private(set) var isCommitted = false
    private(set) var version = Snapshot.version

    private static let magic: [UInt8] = Array("rtdstate".utf8)
    /// Goes up with every change of what is written, also by operators.
    static let version: UInt32 = 4
    /// The oldest that is read: it has no journal. Those before 4 have the query in words only.
    private static let versionMin: UInt32 = 2

    init(of query: QueryFingerprint) { self.query = query }

    /// All that comes before the state, whose length it names; the checksum of both comes behind.
    func writeHead(_ target: inout OutputBuffer, stateBytes: Int) {
        target.append(Snapshot.magic)
        target.append(bigEndian: Snapshot.version)
        query.write(&target)
        target.append(blob: Array(transaction.utf8))
        saved.write(&target)
        target.append(bigEndian: Int64(stateBytes))
    }

    /// nil: the bytes are damaged.
    init?(_ bytes: [UInt8], _ path: String) throws(SQLError) {
        guard bytes.count > 16, Array(bytes[..<8]) == Snapshot.magic else { return nil }
        var reader = StateReader(bytes)
        _ = try reader.integer(UInt64.self)
        version = try reader.integer(UInt32.self)
        guard (Snapshot.versionMin...Snapshot.version).contains(version) else {
            throw SQLError(
                "the state in \(path) has format \(version), and this rtd reads formats "
                    + "\(Snapshot.versionMin) to \(Snapshot.version)", .objectNotReady,
                hint: "Use the rtd that wrote it, or name another directory to begin anew.")
        }
        var end = StateReader(Array(bytes.suffix(4)))
        let body = bytes.rawSpan.extracting(0..<bytes.count - 4)
        guard try end.integer(UInt32.self) == CRC32C.checksum(body) else { return nil }
        query = try QueryFingerprint(&reader, isInWords: version < 4)
        if version == 2 {
            try readOld(&reader)
        } else {
            transaction = String(decoding: try reader.blob(), as: UTF8.self)
            saved = try SavedStep(&reader)
        }
        state = try reader.blob()
    }

    private mutating func readOld(_ reader: inout StateReader) throws(SQLError) {
        saved.isFinished = try reader.integer(UInt8.self) != 0
        if try reader.integer(UInt8.self) != 0 { saved.output = try OutputMark(&reader) }
        transaction = String(decoding: try reader.blob(), as: UTF8.self)
        saved.step = try CommittedStep(&reader)
        isCommitted = try reader.integer(UInt8.self) != 0
    }
}

/// A place in an output that is a regular file: what lies behind it can be cut off.
public struct OutputMark: Sendable, Equatable {
    public var device: UInt64
    public var file: UInt64
    public var size: Int64

    public init(device: UInt64, file: UInt64, size: Int64) {
        self.device = device
        self.file = file
        self.size = size
    }

    init(_ reader: inout StateReader) throws(SQLError) {
        device = try reader.integer(UInt64.self)
        file = try reader.integer(UInt64.self)
        size = try reader.integer(Int64.self)
    }

    func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: device)
        target.append(bigEndian: file)
        target.append(bigEndian: size)
    }
}

extension CommittedStep {
    init(_ reader: inout StateReader) throws(SQLError) {
        self.init(
            number: try reader.integer(UInt64.self), nonce: try reader.integer(UInt64.self))
    }

    func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: number)
        target.append(bigEndian: nonce)
    }
}
