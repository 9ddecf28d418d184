import Streaming

/// What the log of the storm holds.
enum StormEntry {
    case record(GroupRecord, TransactionalProducer?)
    case marker(Int64, isCommitted: Bool)
}

/// The world of the storm: clients, disk, broker, and what must hold in it.
struct GroupsStorm {
    static let partitionCount: Int32 = 40
    var random: SeededRandom
    var coordinator: GroupCoordinator
    var clients: [StormClient]
    var now: Int64 = 1_000_000
    /// The durable records, and those that are on their way with their numbers.
    var log: [StormEntry] = []
    var waiting: [(id: GroupWriteID, entries: [StormEntry], producer: TransactionalProducer?)] = []
    /// Tokens that wait for an answer, with the client that asked; -1 if it has given up.
    var asked: [GroupToken: Int] = [:]
    var commits: [GroupToken: (partition: Int32, offset: Int64, producer: Int64?)] = [:]
    var committed: [Int32: Int64] = [:]
    /// What transactions under way hold back, by producer.
    var held: [Int64: [Int32: Int64]] = [:]
    private var nextToken: UInt64 = 0
    private var nextOffset: Int64 = 0
    private var stepCount = 0
    /// Rough and fair weather take turns, so that generations also come to work.
    private var isRough: Bool { stepCount / 400 % 2 == 0 }

    var leaders: [Int32: Int] = [:]
    var owners: [Int32: [Int32: Int]] = [:]
    var generationMax: Int32 = 0
    var commitCount = 0
    var stableCount = 0
    var faults: [String] = []

    init(seed: UInt64) {
        random = SeededRandom(state: seed)
        clients = (0..<30).map { index in
            StormClient(index: index, instanceID: index % 5 == 0 ? "static\(index)" : nil)
        }
        coordinator = Self.broker(0)
    }

    private static func broker(_ start: Int) -> GroupCoordinator {
        var configuration = GroupConfiguration()
        configuration.groupSizeMax = 25
        var number = start
        return GroupCoordinator(configuration: configuration) {
            number += 1
            return String(number)
        }
    }

    mutating func step() throws {
        stepCount += 1
        let index = Int.random(in: 0..<clients.count, using: &random)
        act(index)
        if random.oneIn(3) { writeOne() }
        if random.oneIn(8) { pass(Int64.random(in: 0..<(isRough ? 4_000 : 400), using: &random)) }
        if random.oneIn(12) { endTransaction(of: Int64(index)) }
        if random.oneIn(400) { try compareSnapshot() }
        if random.oneIn(800) { try restart() }
    }

    mutating func token(_ client: Int) -> GroupToken {
        nextToken += 1
        let token = GroupToken(nextToken)
        asked[token] = client
        return token
    }

    private mutating func act(_ index: Int) {
        let client = clients[index]
        switch client.state {
        case .out: join(index)
        case .joining(let token), .syncing(let token):
            if isRough, random.oneIn(60) { crash(index, token) }
        case .joined(let result):
            if isRough, random.oneIn(60) { return crash(index, nil) }
            sync(index, result)
        case .working:
            switch Int.random(in: isRough ? 0..<100 : 3..<100, using: &random) {
            case 0: leave(index)
            case 1: crash(index, nil)
            case 2:
                clients[index].topics = client.topics == ["t"] ? ["t", "u"] : ["t"]
                join(index)
            case 3..<30: commit(index)
            default: beat(index)
            }
        }
    }

    private mutating func join(_ index: Int) {
        let client = clients[index]
        let offer = GroupProtocol.range(client.topics)
        var request = JoinRequest(
            groupID: "g", memberID: client.memberID, instanceID: client.instanceID,
            clientID: "c\(index)", clientHost: "/h", protocolType: "consumer", protocols: [offer],
            sessionTimeoutMilliseconds: 10_000, rebalanceTimeoutMilliseconds: 8_000)
        request.requiresKnownMemberID = index % 3 != 0
        let token = token(index)
        clients[index].state = .joining(token)
        perform(coordinator.joined(request, token: token, now: now))
    }

    private mutating func sync(_ index: Int, _ result: JoinResult) {
        let client = clients[index]
        var assignments: [(memberID: String, assignment: [UInt8])] = []
        if !result.members.isEmpty, !result.skipAssignment {
            var assigned = result.members.map { ($0.memberID, [UInt8]()) }
            for partition in 0..<UInt8(Self.partitionCount) {
                assigned[Int.random(in: 0..<assigned.count, using: &random)].1.append(partition)
            }
            assignments = assigned.map { (memberID: $0.0, assignment: $0.1) }
        }
        let token = token(index)
        clients[index].state = .syncing(token)
        perform(
            coordinator.synced(
                SyncRequest(groupID: "g", identity: identity(client), assignments: assignments),
                token: token, now: now))
    }

    private func identity(_ client: StormClient) -> MemberIdentity {
        MemberIdentity(
            memberID: client.memberID, instanceID: client.instanceID,
            generation: client.generation)
    }

    private mutating func beat(_ index: Int) {
        react(
            index,
            coordinator.heartbeat(groupID: "g", identity: identity(clients[index]), now: now))
    }

    private mutating func commit(_ index: Int) {
        let client = clients[index]
        guard let partition = client.owned.randomElement(using: &random) else { return }
        nextOffset += 1
        let token = token(index)
        let request = OffsetCommitRequest(
            groupID: "g", identity: identity(client),
            topics: [
                .init(name: "t", partitions: [.init(partition: partition, offset: nextOffset)])
            ])
        guard random.oneIn(3) else {
            commits[token] = (partition, nextOffset, nil)
            return perform(coordinator.offsetsCommitted(request, token: token, now: now))
        }
        let producer = TransactionalProducer(id: Int64(index), epoch: 0)
        commits[token] = (partition, nextOffset, producer.id)
        perform(coordinator.offsetsCommitted(request, in: producer, token: token, now: now))
    }

    /// Commits or aborts, once all the producer's writes are answered.
    private mutating func endTransaction(of producer: Int64) {
        guard !waiting.contains(where: { $0.producer?.id == producer }) else { return }
        let isCommitted = random.oneIn(2)
        log.append(.marker(producer, isCommitted: isCommitted))
        perform(
            coordinator.transactionEnded(
                producerID: producer, isCommitted: isCommitted, now: now))
        guard let offsets = held.removeValue(forKey: producer), isCommitted else { return }
        for (partition, offset) in offsets { becameTrue(offset, of: partition) }
    }

    private mutating func becameTrue(_ offset: Int64, of partition: Int32) {
        committed[partition] = offset
        for producer in held.keys { held[producer]?[partition] = nil }
    }

    private mutating func leave(_ index: Int) {
        let client = clients[index]
        clients[index] = StormClient(index: index, instanceID: client.instanceID)
        perform(
            coordinator.left(
                groupID: "g",
                members: [LeavingMember(memberID: client.memberID, instanceID: client.instanceID)],
                token: token(-1), now: now))
    }

    /// The client starts anew, sometimes with the id it had; nobody hears its answers any more.
    private mutating func crash(_ index: Int, _ token: GroupToken?) {
        if let token { asked[token] = -1 }
        let old = clients[index]
        clients[index] = StormClient(index: index, instanceID: old.instanceID)
        if random.oneIn(2) { clients[index].memberID = old.memberID }
    }

    /// What a client does about an error.
    private mutating func react(_ index: Int, _ error: GroupError?) {
        guard let error else { return }
        switch error {
        case .rebalanceInProgress, .coordinatorNotAvailable: clients[index].state = .out
        case .memberIDRequired: clients[index].state = .out
        default:
            clients[index] = StormClient(
                index: index, instanceID: clients[index].instanceID)
        }
    }

    mutating func pass(_ milliseconds: Int64) {
        let end = now + milliseconds
        while let next = coordinator.nextDeadline, next <= end {
            now = max(now, next)
            perform(coordinator.advance(now: now))
        }
        now = end
    }

    /// The oldest write becomes durable, or fails.
    mutating func writeOne() {
        guard !waiting.isEmpty else { return }
        let (id, entries, _) = waiting.removeFirst()
        if random.oneIn(40) {
            perform(coordinator.writeFailed(id, error: .coordinatorNotAvailable, now: now))
        } else {
            log += entries
            perform(coordinator.written(id, now: now))
        }
    }
}

extension GroupsStorm {
    mutating func perform(_ actions: [GroupAction]) {
        for action in actions {
            switch action {
            case .write(let id, let records):
                waiting.append((id, records.map { .record($0, nil) }, nil))
            case .writeTransactional(let id, let records, let producer):
                waiting.append((id, records.map { .record($0, producer) }, producer))
            case .answerJoin(let token, let result): joined(token, result)
            case .answerSync(let token, let result): synced(token, result)
            case .answerOffsetCommit(let token, let result): committed(token, result)
            case .answerLeave(let token, _): answered(token)
            case .answerOffsetDelete, .answerDeleteGroups, .answerHeartbeat, .release:
                faults.append("unasked answer")
            }
        }
    }

    /// The client that waits for this answer still.
    @discardableResult
    private mutating func answered(_ token: GroupToken) -> Int? {
        guard let client = asked.removeValue(forKey: token) else {
            faults.append("\(token) was answered twice")
            return nil
        }
        return client < 0 ? nil : client
    }

    private mutating func joined(_ token: GroupToken, _ result: JoinResult) {
        guard let index = answered(token) else { return }
        guard case .joining(token) = clients[index].state else { return }
        if let error = result.error {
            if error == .memberIDRequired { clients[index].memberID = result.memberID }
            return react(index, error)
        }
        if result.generation < generationMax {
            faults.append("generation \(result.generation) after \(generationMax)")
        }
        generationMax = max(generationMax, result.generation)
        if !result.members.isEmpty {
            let leader = leaders[result.generation] ?? index
            if leader != index {
                faults.append("\(leader) and \(index) lead generation \(result.generation)")
            }
            leaders[result.generation] = index
            if result.members.count > 25 { faults.append("the group is too large") }
        }
        clients[index].memberID = result.memberID
        clients[index].generation = result.generation
        clients[index].owned = []
        clients[index].state = .joined(result)
    }

    private mutating func synced(_ token: GroupToken, _ result: SyncResult) {
        guard let index = answered(token) else { return }
        guard case .syncing(token) = clients[index].state else { return }
        if let error = result.error { return react(index, error) }
        clients[index].state = .working
        clients[index].owned = result.assignment.map { Int32($0) }
        stableCount += 1
        let generation = clients[index].generation
        for partition in clients[index].owned {
            let owner = owners[generation, default: [:]][partition] ?? index
            if owner != index {
                faults.append("\(owner) and \(index) own \(partition) in \(generation)")
            }
            owners[generation, default: [:]][partition] = index
        }
    }

    private mutating func committed(_ token: GroupToken, _ result: PartitionErrors) {
        let error = result.topics[0].partitions[0].error
        if error == nil, let commit = commits[token] {
            if let producer = commit.producer {
                held[producer, default: [:]][commit.partition] = commit.offset
            } else {
                becameTrue(commit.offset, of: commit.partition)
            }
            commitCount += 1
        }
        commits[token] = nil
        guard let index = answered(token), case .working = clients[index].state else { return }
        react(index, error)
    }

    /// The broker dies with what was not durable, and starts from the log.
    mutating func restart() throws {
        asked = [:]
        commits = [:]
        waiting = []
        coordinator = Self.broker(Int(now))
        try Self.replay(log, into: coordinator)
        perform(coordinator.loaded(now: now))
        checkCommitted()
        for index in clients.indices {
            switch clients[index].state {
            case .joining, .syncing: clients[index].state = .out
            case .out, .joined, .working: break
            }
        }
        // Generations that nobody was told an assignment of may come again.
        let durable = owners.keys.max() ?? 0
        leaders = leaders.filter { $0.key <= durable }
        generationMax = durable
    }

    private mutating func checkCommitted() {
        let fetched = coordinator.offsetsFetched(
            groupID: "g",
            topics: [TopicPartitions(name: "t", partitions: Array(0..<Self.partitionCount))],
            requireStable: false)
        for partition in fetched.topics[0].partitions
        where partition.offset != committed[partition.partition] ?? -1 {
            faults.append("partition \(partition.partition) is at \(partition.offset)")
        }
    }

    private static func replay(
        _ entries: [StormEntry], into coordinator: GroupCoordinator
    ) throws {
        for entry in entries {
            switch entry {
            case .record(let record, let producer):
                try coordinator.load(key: record.key, value: record.value, producer: producer)
            case .marker(let producer, let isCommitted):
                coordinator.loadTransactionEnd(producerID: producer, isCommitted: isCommitted)
            }
        }
    }

    /// A snapshot, and the log with what is on its way, replay to the same state.
    mutating func compareSnapshot() throws {
        let one = Self.broker(0)
        try Self.replay(log + waiting.flatMap(\.entries), into: one)
        _ = one.loaded(now: now)
        let other = Self.broker(0)
        try Self.replay(coordinator.snapshot().map { .record($0, nil) }, into: other)
        for (producer, records) in coordinator.openTransactions() {
            try Self.replay(records.map { .record($0, producer) }, into: other)
        }
        _ = other.loaded(now: now)
        let open = (one.openTransactions(), other.openTransactions())
        if one.snapshot() != other.snapshot()
            || one.description(of: "g") != other.description(of: "g")
            || open.0.map(\.producer) != open.1.map(\.producer)
            || open.0.map(\.records) != open.1.map(\.records)
        {
            faults.append("the snapshot differs from the log")
        }
    }

    /// No client acts any more: the disk catches up, the time passes, and all are answered.
    mutating func calm() {
        for _ in 0..<100 {
            while !waiting.isEmpty { writeOne() }
            pass(10_000)
        }
        if !asked.isEmpty { faults.append("\(asked.count) requests were never answered") }
        checkCommitted()
        if coordinator.description(of: "g").state != .empty { faults.append("not empty") }
    }
}
