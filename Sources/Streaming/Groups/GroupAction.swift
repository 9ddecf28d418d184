/// A request that waits for its answer; the number is the caller's own.
public struct GroupToken: Hashable, Sendable {
    public var rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// One write to the offsets topic, until it is durable. Numbers grow in the order of the appends.
public struct GroupWriteID: Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    public static func < (left: GroupWriteID, right: GroupWriteID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A record of the offsets topic; without a value it is a tombstone.
public struct GroupRecord: Equatable, Sendable {
    public var key: [UInt8]
    public var value: [UInt8]?

    public init(key: [UInt8], value: [UInt8]?) {
        self.key = key
        self.value = value
    }
}

/// What the caller has to do, in this order.
///
/// `write`: append the records to the offsets topic, as acks=all and in the order of the actions
/// (in several batches if they are many), and call `written` when all are durable, else
/// `writeFailed`. `writeTransactional`: the same, in transactional batches of the producer.
/// An answer whose token belongs to a lost connection is dropped.
public enum GroupAction: Equatable, Sendable {
    case answerJoin(GroupToken, JoinResult)
    case answerSync(GroupToken, SyncResult)
    case answerLeave(GroupToken, LeaveResult)
    case answerHeartbeat(GroupToken, ConsumerHeartbeatResult)
    /// A member of a share group is gone: what it has in its hands is free.
    case release(group: String, member: String)
    case answerOffsetCommit(GroupToken, PartitionErrors)
    case answerOffsetDelete(GroupToken, PartitionErrors)
    case answerDeleteGroups(GroupToken, [GroupDeletion])
    case write(GroupWriteID, [GroupRecord])
    case writeTransactional(GroupWriteID, [GroupRecord], TransactionalProducer)
}
