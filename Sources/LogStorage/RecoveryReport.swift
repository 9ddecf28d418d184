/// Something wrong that was found in a log's files.
public struct LogFinding: Equatable, Sendable, CustomStringConvertible {
    public var path: String
    /// Byte in the file; nil if it is about the whole of it.
    public var position: Int?
    /// The offsets it takes away, if any.
    public var offsets: Range<Int64>?
    /// A sentence without a full stop.
    public var cause: String

    public var description: String {
        let place = position.map { ", byte \($0)" } ?? ""
        let range = offsets.map { ", offsets \($0.lowerBound) to \($0.upperBound - 1)" } ?? ""
        return "\(path)\(place)\(range): \(cause)"
    }
}

/// What opening a log has found and done.
public struct RecoveryReport: Equatable, Sendable {
    /// The log was not closed in order.
    public var isUnclean = false
    /// Bytes beyond the mark that were sound and kept.
    public var recoveredBytes: Int64 = 0
    /// Bytes of a torn tail that were cut off; none of them was acknowledged.
    public var cutBytes: Int64 = 0
    /// Base offsets of segments whose index was lost or damaged, and is rebuilt.
    public var rebuiltIndexes: [Int64] = []
    /// The leader epoch begun by this start.
    public var raisedEpoch: Int32?
    /// Damage below the mark: its offsets are quarantined, the others are served.
    public var findings: [LogFinding] = []

    public init() {}
}
