/// What a transition asks of its surroundings: answers, writes and alarms.
///
/// Owned by the `GroupCoordinator`, lent to a `Group` for the time of one event.
struct Effects {
    let configuration: GroupConfiguration
    /// Makes member ids unlike each other.
    let uniqueSuffix: () -> String
    /// The time of the event being handled, in milliseconds.
    var now: Int64 = 0
    var actions: [GroupAction] = []
    var deadlines = DeadlineHeap<AlarmOwner>()
    /// Writes that are not durable yet.
    var pending: [GroupWriteID: PendingWrite] = [:]
    /// The groups in which a producer's transaction has offsets; some may be gone.
    var transactionGroups: [Int64: Set<String>] = [:]
    private var nextWrite: UInt64 = 1
    /// The last write of the event being handled.
    var lastWrite: GroupWriteID?
    /// Members and waiting ids over all groups.
    var memberCount = 0
    /// Bytes that members have said about themselves, and of metadata records, over all groups.
    var metadataBytes = 0
    /// Offsets over all groups.
    var offsetCount = 0

    init(configuration: GroupConfiguration, uniqueSuffix: @escaping () -> String) {
        self.configuration = configuration
        self.uniqueSuffix = uniqueSuffix
    }

    /// Sets `alarm` to go off after `milliseconds`. O(1) unless it becomes earlier than its entry.
    mutating func arm(
        _ alarm: inout Alarm, after milliseconds: Int64, _ owner: @autoclosure () -> AlarmOwner
    ) {
        let deadline = now &+ milliseconds
        alarm.deadline = deadline
        if let armed = alarm.armed, armed <= deadline { return }
        alarm.armed = deadline
        deadlines.push(.init(deadline: deadline, owner: owner()))
    }

    mutating func armSession(of member: GroupMember, in group: Group) {
        arm(
            &member.session, after: Int64(member.sessionTimeout),
            .session(group: group.id, member: member.id))
    }

    /// Asks for a write; its completion runs when the caller says that it is durable.
    mutating func write(_ write: PendingWrite) {
        let id = GroupWriteID(rawValue: nextWrite)
        nextWrite += 1
        write.group?.pendingWrites += 1
        if let producer = write.producer {
            actions.append(.writeTransactional(id, write.records, producer))
        } else {
            actions.append(.write(id, write.records))
        }
        pending[id] = write
        lastWrite = id
    }

    /// Answers a LeaveGroup: at once, or when the record that it caused is durable.
    mutating func answerLeave(_ token: GroupToken, _ result: LeaveResult) {
        if let lastWrite {
            pending[lastWrite]?.completion = .leave(token, result)
        } else {
            actions.append(.answerLeave(token, result))
        }
    }

    mutating func takeActions() -> [GroupAction] {
        var taken: [GroupAction] = []
        swap(&taken, &actions)
        return taken
    }
}

/// A change of one offset, made when its record is durable.
struct OffsetChange {
    var group: Group
    var partition: TopicPartition
    /// Nil removes it.
    var offset: CommittedOffset?

    init(group: Group, _ partition: TopicPartition, _ offset: CommittedOffset?) {
        self.group = group
        self.partition = partition
        self.offset = offset
    }

    var record: GroupRecord {
        GroupRecord(
            key: OffsetRecordKey.offset(
                group: group.id, topic: partition.topic, partition: partition.partition
            ).bytes,
            value: offset?.bytes)
    }
}

/// A write that is not durable yet: what becomes true, and who is answered, when it is.
struct PendingWrite {
    enum Completion {
        case nothing
        /// The leader's assignment of one generation.
        case assignment(generation: Int32, [String: [UInt8]])
        /// A static member that took its predecessor's place in a stable group.
        case replacement(GroupToken, JoinResult)
        case join(GroupToken, JoinResult)
        case sync(GroupToken, SyncResult)
        case leave(GroupToken, LeaveResult)
        /// Of a member that the server shares out for.
        case heartbeat(GroupToken, ConsumerHeartbeatResult)
        case offsetCommit(GroupToken, PartitionErrors)
        case offsetDelete(GroupToken, PartitionErrors)
        /// The groups are dead already; they go now.
        case deletion(GroupToken?, [Group], [GroupDeletion])
    }

    var records: [GroupRecord]
    /// The group it belongs to, if it is one only.
    var group: Group?
    /// The value of that group's metadata record, if there is one among the records.
    var metadata: [UInt8]?
    var changes: [OffsetChange] = []
    /// The changes wait for this producer's transaction.
    var producer: TransactionalProducer?
    /// One of the records is the tombstone of the group's metadata record.
    var dropsMetadata = false
    var completion: Completion
    /// Answers that tell what this write makes true.
    var followers: [Completion] = []
}
