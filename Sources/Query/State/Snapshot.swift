import Aggregation
import Bytes
import Formats

/// What a query knew between two steps, as bytes: which query it is, how far its inputs were read,
/// where its output ended, and the state of its operators.
struct Snapshot {
    /// The query, in words: one with other words cannot go on from here.
    var fingerprint: String
    /// All inputs have ended and all rows have left.
    var isFinished = false
    /// Where the output ended, if that can be said of it.
    var output: OutputMark?
    /// Under which name its steps are committed with their rows; empty: there is no such
    /// transaction.
    var transaction = ""
    var step = CommittedStep(number: 0, nonce: 0)
    /// The step is known to be committed.
    var isCommitted = false
    /// Inputs and operators.
    var state: [UInt8] = []

    private static let magic: [UInt8] = Array("rtdstate".utf8)
    /// Goes up with every change of what is written, also by operators.
    static let version: UInt32 = 2
    /// The oldest that is read: it knows no transactions.
    private static let versionMin: UInt32 = 1

    var bytes: [UInt8] {
        var buffer = OutputBuffer(capacity: state.count + 4096)
        buffer.append(Snapshot.magic)
        buffer.append(bigEndian: Snapshot.version)
        buffer.append(blob: Array(fingerprint.utf8))
        buffer.append(isFinished ? 1 : 0 as UInt8)
        buffer.append(output == nil ? 0 : 1 as UInt8)
        if let output {
            buffer.append(bigEndian: output.device)
            buffer.append(bigEndian: output.file)
            buffer.append(bigEndian: output.size)
        }
        buffer.append(blob: Array(transaction.utf8))
        buffer.append(bigEndian: step.number)
        buffer.append(bigEndian: step.nonce)
        buffer.append(isCommitted ? 1 : 0 as UInt8)
        buffer.append(blob: state)
        buffer.append(bigEndian: CRC32C.checksum(buffer.bytes))
        return unsafe buffer.bytes.withUnsafeBytes { unsafe Array($0) }
    }

    init(fingerprint: String) { self.fingerprint = fingerprint }

    /// nil: the bytes are damaged.
    init?(_ bytes: [UInt8], _ path: String) throws(SQLError) {
        guard bytes.count > 16, Array(bytes[..<8]) == Snapshot.magic else { return nil }
        var reader = StateReader(Array(bytes[8...]))
        let version = try reader.integer(UInt32.self)
        guard (Snapshot.versionMin...Snapshot.version).contains(version) else {
            throw SQLError(
                "the state in \(path) has format \(version), and this rtd reads formats "
                    + "\(Snapshot.versionMin) to \(Snapshot.version)", .objectNotReady,
                hint: "Use the rtd that wrote it, or name another directory to begin anew.")
        }
        let body = Array(bytes.dropLast(4))
        var end = StateReader(Array(bytes.suffix(4)))
        guard try end.integer(UInt32.self) == CRC32C.checksum(body) else { return nil }
        fingerprint = String(decoding: try reader.blob(), as: UTF8.self)
        isFinished = try reader.integer(UInt8.self) != 0
        if try reader.integer(UInt8.self) != 0 {
            output = OutputMark(
                device: try reader.integer(UInt64.self), file: try reader.integer(UInt64.self),
                size: try reader.integer(Int64.self))
        }
        if version >= 2 {
            transaction = String(decoding: try reader.blob(), as: UTF8.self)
            step.number = try reader.integer(UInt64.self)
            step.nonce = try reader.integer(UInt64.self)
            isCommitted = try reader.integer(UInt8.self) != 0
        }
        state = try reader.blob()
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
}
