import Bytes
import LogStorage
import Platform
import Records

/// The door to the group coordinator: puts its callers in a row, writes what it wants written, and
/// gives its answers to those who wait. Called from any loop.
public final class GroupsFront: @unchecked Sendable {
    /// What an answer is given to; dropped when the client is gone.
    private enum Waiting {
        case join(@Sendable (JoinResult) -> Void)
        case sync(@Sendable (SyncResult) -> Void)
        case heartbeat(@Sendable (ConsumerHeartbeatResult) -> Void)
        case leave(@Sendable (LeaveResult) -> Void)
        case partitions(@Sendable (PartitionErrors) -> Void)
        case deletion(@Sendable ([GroupDeletion]) -> Void)
    }

    /// What is on its way to the disk.
    private struct Write {
        enum What {
            case records(GroupWriteID)
            /// A marker, numbered like requests, and who waits for it.
            case marker(
                number: UInt64, TransactionalProducer, isCommitted: Bool,
                @Sendable (StreamingError?) -> Void)

            var id: GroupWriteID? {
                if case .records(let id) = self { id } else { nil }
            }
        }

        var what: What
        var result: Result<Void, StreamingError>?
    }

    private let clock: SessionClock
    private let commits: GroupCommit
    private let log: InternalLog

    private let lock = Lock()
    /// Told of members of share groups that are gone; set before any group is.
    private var shares: ShareGroups?
    private let coordinator: GroupCoordinator
    private var waiting: [GroupToken: Waiting] = [:]
    private var lastToken: UInt64 = 0
    /// Writes in their order; the result is there once the disk has it or has failed.
    private var writes: [Write] = []
    private var armedDeadline = Int64.max
    private var arm: (@Sendable (_ milliseconds: Int64) -> Void)?

    init(
        configuration: GroupConfiguration, log: InternalLog, commits: GroupCommit,
        clock: any Clock, random: any RandomSource
    ) {
        self.log = log
        self.commits = commits
        self.clock = SessionClock(clock)
        coordinator = GroupCoordinator(configuration: configuration) {
            MemberSuffix.text(random.next(), random.next())
        }
    }

    private var now: Int64 { clock.milliseconds }

    /// Replays the offsets topic; before anything else is called.
    func load() throws(StreamingError) {
        var failure: StreamingError?
        try log.load { record, header in
            do {
                try load(record, header)
            } catch {
                failure = .storage("\(Broker.offsetsTopic) holds a record that cannot be read")
            }
        }
        if let failure { throw failure }
        perform { $0.loaded(now: $1) }
    }

    private func load(_ record: InternalRecord, _ header: RecordBatchHeader) throws(MalformedBytes)
    {
        if header.isControl {
            guard let isCommit = TransactionMarker.isCommit(record.key) else { return }
            coordinator.loadTransactionEnd(producerID: header.producerID, isCommitted: isCommit)
            return
        }
        let producer =
            header.isTransactional
            ? TransactionalProducer(id: header.producerID, epoch: header.producerEpoch) : nil
        try coordinator.load(key: record.key, value: record.value, producer: producer)
    }

    var damageReport: String? { log.damageReport }

    /// `arm` is called whenever an earlier deadline is set: `advance` is wanted after so long.
    public func setTimer(_ arm: @escaping @Sendable (_ milliseconds: Int64) -> Void) {
        lock.withLock {
            self.arm = arm
            armedDeadline = .max
        }
        perform { _, _ in [] }
    }

    /// The time that was asked for has come.
    public func advance() {
        lock.withLock { armedDeadline = .max }
        perform { $0.advance(now: $1) }
    }

    // MARK: Requests

    public func join(_ request: JoinRequest, done: @escaping @Sendable (JoinResult) -> Void) {
        perform(.join(done)) { $0.joined(request, token: $2, now: $1) }
    }

    public func sync(_ request: SyncRequest, done: @escaping @Sendable (SyncResult) -> Void) {
        perform(.sync(done)) { $0.synced(request, token: $2, now: $1) }
    }

    public func heartbeat(groupID: String, identity: MemberIdentity) -> GroupError? {
        lock.withLock { coordinator.heartbeat(groupID: groupID, identity: identity, now: now) }
    }

    public func heartbeat(
        _ request: ConsumerHeartbeat, done: @escaping @Sendable (ConsumerHeartbeatResult) -> Void
    ) {
        perform(.heartbeat(done)) { $0.consumerHeartbeat(request, token: $2, now: $1) }
    }

    public func shareHeartbeat(
        _ request: ConsumerHeartbeat, done: @escaping @Sendable (ConsumerHeartbeatResult) -> Void
    ) {
        perform(.heartbeat(done)) { $0.shareHeartbeat(request, token: $2, now: $1) }
    }

    /// Makes a share group that nobody has joined yet, unless there is one.
    public func makeShareGroup(
        _ groupID: String, done: @escaping @Sendable (ConsumerHeartbeatResult) -> Void
    ) {
        perform(.heartbeat(done)) { $0.shareGroupMade(groupID, token: $2, now: $1) }
    }

    public func shareDescription(of groupID: String) -> ConsumerGroupDescription {
        lock.withLock { coordinator.modernDescription(of: groupID, isShare: true) }
    }

    public func consumerDescription(of groupID: String) -> ConsumerGroupDescription {
        lock.withLock { coordinator.modernDescription(of: groupID, isShare: false) }
    }

    public func leave(
        groupID: String, members: [LeavingMember], done: @escaping @Sendable (LeaveResult) -> Void
    ) {
        perform(.leave(done)) {
            $0.left(groupID: groupID, members: members, token: $2, now: $1)
        }
    }

    public func commit(
        _ request: OffsetCommitRequest, done: @escaping @Sendable (PartitionErrors) -> Void
    ) {
        perform(.partitions(done)) { $0.offsetsCommitted(request, token: $2, now: $1) }
    }

    /// Offsets that become true when the producer's transaction commits.
    func commit(
        _ request: OffsetCommitRequest, in producer: TransactionalProducer,
        done: @escaping @Sendable (PartitionErrors) -> Void
    ) {
        perform(.partitions(done)) {
            $0.offsetsCommitted(request, in: producer, token: $2, now: $1)
        }
    }

    /// The producer's transaction is decided; `done` once the marker is on the disk, and the
    /// offsets are true or gone.
    func end(
        _ producer: TransactionalProducer, isCommitted: Bool,
        done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        let written = lock.withLock { () -> Result<(number: UInt64, end: Int64), StreamingError> in
            do throws(StreamingError) {
                try log.writeMarker(producer, isCommitted: isCommitted)
            } catch {
                return .failure(error)
            }
            lastToken += 1
            writes.append(
                Write(
                    what: .marker(
                        number: lastToken, producer, isCommitted: isCommitted, done)))
            return .success((lastToken, log.partition.log.endOffset))
        }
        switch written {
        case .failure(let error): done(error)
        case .success(let (number, end)):
            commits.commit(log.partition.log, upTo: end) { [weak self] result in
                self?.finished(result.mapError { StreamingError($0) }) {
                    if case .marker(number, _, _, _) = $0 { true } else { false }
                }
            }
        }
    }

    public func deleteOffsets(
        groupID: String, topics: [TopicPartitions],
        done: @escaping @Sendable (PartitionErrors) -> Void
    ) {
        perform(.partitions(done)) {
            $0.offsetsDeleted(groupID: groupID, topics: topics, token: $2, now: $1)
        }
    }

    public func delete(_ groups: [String], done: @escaping @Sendable ([GroupDeletion]) -> Void) {
        perform(.deletion(done)) { $0.groupsDeleted(groups, token: $2, now: $1) }
    }

    public func offsets(
        groupID: String, topics: [TopicPartitions]?, requireStable: Bool, memberID: String? = nil,
        memberEpoch: Int32 = -1
    ) -> OffsetFetchResult {
        lock.withLock {
            coordinator.offsetsFetched(
                groupID: groupID, topics: topics, requireStable: requireStable,
                memberID: memberID, memberEpoch: memberEpoch)
        }
    }

    public func description(of groupID: String) -> GroupDescription {
        lock.withLock { coordinator.description(of: groupID) }
    }

    public func listing(states: [String], types: [String]) -> [GroupListing] {
        lock.withLock { coordinator.listing(states: states, types: types) }
    }

    /// Topics were made, removed, or have got partitions.
    func topicsChanged() {
        lock.withLock { coordinator.topicsChanged() }
    }

    func setTopics(_ topics: any TopicDirectory, _ shares: ShareGroups) {
        lock.withLock {
            coordinator.topics = topics
            self.shares = shares
            coordinator.configsOfGroup = { [weak shares] in shares?.configs(of: $0) ?? [:] }
        }
    }

    func topicsDeleted(_ names: Set<String>) {
        perform { $0.topicsDeleted(names, now: $1) }
    }

    // MARK: Actions

    private func perform(
        _ waiter: Waiting, _ call: (GroupCoordinator, Int64, GroupToken) -> [GroupAction]
    ) {
        let token = lock.withLock {
            lastToken += 1
            let token = GroupToken(lastToken)
            waiting[token] = waiter
            return token
        }
        perform { coordinator, now in call(coordinator, now, token) }
    }

    /// Calls the coordinator and does what it asks for. Records are appended under the lock, so
    /// that they lie in the order of the events; answers and waits for the disk come after it.
    private func perform(_ call: (GroupCoordinator, Int64) -> [GroupAction]) {
        var effects = Effects()
        let timer = lock.withLock { () -> (() -> Void)? in
            run(call(coordinator, now), &effects)
            return takeTimer()
        }
        for answer in effects.answers { answer() }
        for (id, end) in effects.appended {
            commits.commit(log.partition.log, upTo: end) { [weak self] result in
                self?.written(id, result.mapError { StreamingError($0) })
            }
        }
        timer?()
    }

    /// What is left to do once the lock is free.
    private struct Effects {
        var answers: [() -> Void] = []
        var appended: [(id: GroupWriteID, end: Int64)] = []
    }

    private func run(_ actions: [GroupAction], _ effects: inout Effects) {
        for action in actions {
            switch action {
            case .write(let id, let records):
                write(id, records, in: nil, &effects)
            case .writeTransactional(let id, let records, let producer):
                write(id, records, in: producer, &effects)
            case .answerJoin(let token, let result):
                if case .join(let done)? = waiting.removeValue(forKey: token) {
                    effects.answers.append { done(result) }
                }
            case .answerSync(let token, let result):
                if case .sync(let done)? = waiting.removeValue(forKey: token) {
                    effects.answers.append { done(result) }
                }
            case .answerHeartbeat(let token, let result):
                if case .heartbeat(let done)? = waiting.removeValue(forKey: token) {
                    effects.answers.append { done(result) }
                }
            case .release(let group, let member):
                let shares = self.shares
                effects.answers.append { shares?.release(group: group, member: member) }
            case .answerLeave(let token, let result):
                if case .leave(let done)? = waiting.removeValue(forKey: token) {
                    effects.answers.append { done(result) }
                }
            case .answerOffsetCommit(let token, let result),
                .answerOffsetDelete(let token, let result):
                if case .partitions(let done)? = waiting.removeValue(forKey: token) {
                    effects.answers.append { done(result) }
                }
            case .answerDeleteGroups(let token, let result):
                if case .deletion(let done)? = waiting.removeValue(forKey: token) {
                    effects.answers.append { done(result) }
                }
            }
        }
    }

    private func write(
        _ id: GroupWriteID, _ records: [GroupRecord], in producer: TransactionalProducer?,
        _ effects: inout Effects
    ) {
        writes.append(Write(what: .records(id)))
        do throws(StreamingError) {
            try log.write(
                records.map { InternalRecord(key: $0.key, value: $0.value) }, in: producer)
            effects.appended.append((id, log.partition.log.endOffset))
        } catch {
            finish(.failure(error), &effects) { $0.id == id }
        }
    }

    private func written(_ id: GroupWriteID, _ result: Result<Void, StreamingError>) {
        finished(result) { $0.id == id }
    }

    private func finished(
        _ result: Result<Void, StreamingError>, _ isIt: (Write.What) -> Bool
    ) {
        var effects = Effects()
        lock.withLock { finish(result, &effects, isIt) }
        for answer in effects.answers { answer() }
        for (id, end) in effects.appended {
            commits.commit(log.partition.log, upTo: end) { [weak self] result in
                self?.written(id, result.mapError { StreamingError($0) })
            }
        }
    }

    /// Tells the coordinator of finished writes, in the order of the writes.
    private func finish(
        _ result: Result<Void, StreamingError>, _ effects: inout Effects,
        _ isIt: (Write.What) -> Bool
    ) {
        if let index = writes.firstIndex(where: { isIt($0.what) }) { writes[index].result = result }
        while let first = writes.first, let result = first.result {
            writes.removeFirst()
            switch (first.what, result) {
            case (.records(let id), .success):
                run(coordinator.written(id, now: now), &effects)
            case (.records(let id), .failure):
                run(coordinator.writeFailed(id, error: .storageError, now: now), &effects)
            case (.marker(_, let producer, let isCommitted, let done), .success):
                let actions = coordinator.transactionEnded(
                    producerID: producer.id, isCommitted: isCommitted, now: now)
                run(actions, &effects)
                effects.answers.append { done(nil) }
            case (.marker(_, _, _, let done), .failure(let error)):
                effects.answers.append { done(error) }
            }
        }
    }

    private func takeTimer() -> (() -> Void)? {
        guard let arm, let deadline = coordinator.nextDeadline, deadline < armedDeadline else {
            return nil
        }
        armedDeadline = deadline
        let wait = max(0, deadline - now)
        return { arm(wait) }
    }

    /// Writes a snapshot of all groups at the front of a new segment, if much has been appended.
    func compact() throws(StreamingError) {
        let snapshot = try lock.withLock { () throws(StreamingError) -> Range<Int64>? in
            // A marker under way decides what would be written behind the snapshot.
            guard log.wantsSnapshot, writes.allSatisfy({ $0.what.id != nil }) else { return nil }
            let snapshot = try log.writeSnapshot(
                coordinator.snapshot().map { InternalRecord(key: $0.key, value: $0.value) })
            // What is not decided yet lies behind it.
            for (producer, records) in coordinator.openTransactions() {
                try log.write(
                    records.map { InternalRecord(key: $0.key, value: $0.value) }, in: producer)
            }
            return snapshot.lowerBound..<log.partition.log.endOffset
        }
        if let snapshot { log.forgetOlder(than: snapshot) }
    }
}

/// What makes a member id unlike all others: a random UUID (RFC 9562, version 4), as Kafka's is.
enum MemberSuffix {
    static func text(_ first: UInt64, _ second: UInt64) -> String {
        let high = first & ~0xf000 | 0x4000
        let low = second & ~(0b11 << 62) | 0b10 << 62
        let digits = Array((Hexadecimal.digits(high) + Hexadecimal.digits(low)).utf8)
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return groups.map { String(decoding: digits[$0], as: UTF8.self) }.joined(separator: "-")
    }
}

/// A number as the 16 digits of its bytes.
enum Hexadecimal {
    static func digits(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
