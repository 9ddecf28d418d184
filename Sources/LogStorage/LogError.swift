public import Platform

/// Why a log refuses or fails.
public enum LogError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed; the log goes on.
    case system(SystemError)
    /// A sync or write failed earlier: the log serves reads, and takes nothing until it is
    /// reopened.
    case readOnly(String)
    /// Less than the reserve is free, or the disk is full; appends work again when space returns.
    case noSpace
    case closed
    /// Another thread is at the same work.
    case busy
    /// The offset is not in the log.
    case offsetOutOfRange(start: Int64, end: Int64)
    /// The stored bytes of these offsets are damaged; the offsets around them are served.
    case corrupt(first: Int64, last: Int64)
    /// The headers given do not cover the bytes given.
    case malformed
    case batchTooLarge(Int)
    /// KIP-98: the first sequence number is not the one expected.
    case outOfOrderSequence(producerID: Int64, expected: Int32, got: Int32)
    /// KIP-98: a newer instance of this producer has written.
    case invalidProducerEpoch(producerID: Int64, current: Int16, got: Int16)
    /// The producer has a transaction under way, and the batch is no part of one.
    case outsideTransaction(producerID: Int64)
    /// The directory was written by a newer version.
    case newerFormat(String)

    public var description: String {
        switch self {
        case .system(let error): "\(error)"
        case .readOnly(let cause): "the log is read-only after a failure: \(cause)"
        case .noSpace: "too little disk space is free"
        case .closed: "the log is closed"
        case .busy: "another thread is at it"
        case .offsetOutOfRange(let start, let end): "the offset is outside \(start)..<\(end)"
        case .corrupt(let first, let last): "offsets \(first) to \(last) are damaged on disk"
        case .malformed: "the bytes do not hold the batches announced"
        case .batchTooLarge(let size): "a batch of \(size) bytes is too large"
        case .outOfOrderSequence(let id, let expected, let got):
            "producer \(id) sent sequence \(got), expected was \(expected)"
        case .invalidProducerEpoch(let id, let current, let got):
            "producer \(id) sent epoch \(got), current is \(current)"
        case .outsideTransaction(let id):
            "producer \(id) sent a batch outside of the transaction that it has under way"
        case .newerFormat(let path): "\(path) was written by a newer version"
        }
    }
}

/// Runs a file operation and gives its failure as this target's error.
@inline(__always)
func system<T>(_ body: () throws(SystemError) -> T) throws(LogError) -> T {
    do throws(SystemError) {
        return try body()
    } catch {
        throw error.isNoSpace ? .noSpace : .system(error)
    }
}
