import Records
import Streaming

/// A client of the storm: it follows its protocol as a real one does, and forgets what it has once
/// it could not be heard of for a session.
struct ConsumerStormClient {
    enum Stage: Equatable {
        case out, member
        /// Classic: has joined, is to sync.
        case joined(leads: [String])
    }

    let index: Int
    let isClassic: Bool
    let instanceID: String?
    var memberID = ""
    var epoch: Int32 = 0
    var stage = Stage.out
    var owned = TopicShares()
    var topics = ["t"]
    /// When the last request was sent that was answered well.
    var heardAt: Int64 = 0
    var token: GroupToken?

    mutating func lose() {
        owned = TopicShares()
        epoch = 0
        stage = .out
    }
}

/// Thirty clients of both protocols in one group, over a slow disk that fails at times, a broker
/// that restarts, answers that get lost, and topics that grow.
struct ConsumerGroupsStorm {
    static let session: Int64 = 10_000
    var random: SeededRandom
    var coordinator: GroupCoordinator
    let directory = TestTopics()
    var clients: [ConsumerStormClient]
    var now: Int64 = 1_000_000
    var log: [GroupRecord] = []
    var waiting: [(id: GroupWriteID, records: [GroupRecord])] = []
    var asked: [GroupToken: (client: Int, sentAt: Int64, owned: TopicShares)] = [:]
    var faults: [String] = []
    var handovers = 0
    var epochMax: Int32 = 0
    var classicCount = 0
    var consumerCount = 0
    private var nextToken: UInt64 = 0
    private var partitionCount: Int32 = 20
    private var stepCount = 0
    private var isCalm = false
    /// The log lacks what failed until the next write.
    private var hasFailed = false
    private var isRough: Bool { !isCalm && stepCount / 500 % 2 == 0 }

    init(seed: UInt64, classics: Int) {
        random = SeededRandom(state: seed)
        clients = (0..<30).map { index in
            ConsumerStormClient(
                index: index, isClassic: index < classics,
                instanceID: index % 5 == 0 ? "static\(index)" : nil)
        }
        directory.set("t", partitionCount)
        directory.set("u", 7)
        coordinator = Self.broker(0, directory)
    }

    private static func broker(_ start: Int, _ directory: TestTopics) -> GroupCoordinator {
        var configuration = GroupConfiguration()
        configuration.consumerSessionMilliseconds = Int32(session)
        configuration.consumerSizeMax = 25
        configuration.groupSizeMax = 25
        var number = start
        let coordinator = GroupCoordinator(configuration: configuration) {
            number += 1
            return String(number)
        }
        coordinator.topics = directory
        return coordinator
    }

    mutating func step() throws {
        stepCount += 1
        act(Int.random(in: 0..<clients.count, using: &random))
        if random.oneIn(2) { writeOne() }
        if random.oneIn(8) { pass(Int64.random(in: 0..<(isRough ? 3_000 : 300), using: &random)) }
        if random.oneIn(500) { try compareSnapshot() }
        if isRough, random.oneIn(600) { try restart() }
        if isRough, random.oneIn(900), partitionCount < 40 {
            partitionCount += 1
            directory.set("t", partitionCount)
            coordinator.topicsChanged()
        }
        if stepCount % 7 == 0 { checkHoldings() }
    }

    private mutating func act(_ index: Int) {
        let client = clients[index]
        guard client.token == nil else {
            if isRough, random.oneIn(80) { crash(index) }
            return
        }
        if isRough, random.oneIn(80) { return crash(index) }
        if isRough, client.stage == .member, random.oneIn(60) { return leave(index) }
        if isRough, random.oneIn(100) {
            clients[index].topics = client.topics == ["t"] ? ["t", "u"] : ["t"]
        }
        if client.isClassic { actClassic(index) } else { beat(index) }
    }

    private mutating func token(_ index: Int) -> GroupToken {
        nextToken += 1
        let token = GroupToken(nextToken)
        clients[index].token = token
        asked[token] = (index, now, clients[index].owned)
        return token
    }

    private mutating func beat(_ index: Int) {
        var client = clients[index]
        if client.memberID.isEmpty {
            client.memberID = "m\(index)-\(nextToken)"
            clients[index].memberID = client.memberID
        }
        var request = ConsumerHeartbeat(
            groupID: "g", memberID: client.memberID, memberEpoch: client.epoch,
            clientID: "c\(index)", clientHost: "/h")
        request.instanceID = client.instanceID
        request.rebalanceTimeoutMilliseconds = 60_000
        request.topics = client.topics
        request.owned = client.owned
        if index % 7 == 0 { request.assignor = "range" }
        let token = token(index)
        perform(coordinator.consumerHeartbeat(request, token: token, now: now))
    }

    private mutating func actClassic(_ index: Int) {
        let client = clients[index]
        switch client.stage {
        case .out: join(index)
        case .joined(let leads): sync(index, leads)
        case .member:
            let error = coordinator.heartbeat(
                groupID: "g", identity: identity(client), now: now)
            guard let error else { return clients[index].heardAt = now }
            clients[index].owned = TopicShares()
            clients[index].stage = .out
            if error != .rebalanceInProgress { clients[index].memberID = "" }
        }
    }

    private func identity(_ client: ConsumerStormClient) -> MemberIdentity {
        MemberIdentity(
            memberID: client.memberID, instanceID: client.instanceID, generation: client.epoch)
    }

    private mutating func join(_ index: Int) {
        let client = clients[index]
        var request = JoinRequest(
            groupID: "g", memberID: client.memberID, instanceID: client.instanceID,
            clientID: "c\(index)", clientHost: "/h", protocolType: "consumer",
            protocols: [.range(client.topics)], sessionTimeoutMilliseconds: Int32(Self.session),
            rebalanceTimeoutMilliseconds: 20_000)
        request.requiresKnownMemberID = index % 3 != 0
        let token = token(index)
        perform(coordinator.joined(request, token: token, now: now))
    }

    private mutating func sync(_ index: Int, _ leads: [String]) {
        var shares: [(memberID: String, assignment: [UInt8])] = []
        for (place, memberID) in leads.enumerated() {
            let partitions = (0..<partitionCount).filter { Int($0) % leads.count == place }
            shares.append((memberID, StormBlob.encode(partitions)))
        }
        let token = token(index)
        perform(
            coordinator.synced(
                SyncRequest(
                    groupID: "g", identity: identity(clients[index]), assignments: shares),
                token: token, now: now))
    }

    private mutating func leave(_ index: Int) {
        let client = clients[index]
        clients[index].lose()
        clients[index].heardAt = now
        nextToken += 1
        let token = GroupToken(nextToken)
        if client.isClassic {
            clients[index].memberID = ""
            let leaving = LeavingMember(memberID: client.memberID, instanceID: client.instanceID)
            perform(
                coordinator.left(groupID: "g", members: [leaving], token: token, now: now))
            return
        }
        let staysAway = client.instanceID != nil && random.oneIn(2)
        var request = ConsumerHeartbeat(
            groupID: "g", memberID: client.memberID, memberEpoch: staysAway ? -2 : -1,
            clientID: "c", clientHost: "/h")
        request.instanceID = client.instanceID
        perform(coordinator.consumerHeartbeat(request, token: token, now: now))
    }

    /// The client begins anew, sometimes with the id it had; nobody hears its answers any more.
    private mutating func crash(_ index: Int) {
        if let token = clients[index].token { asked[token] = nil }
        clients[index].token = nil
        clients[index].lose()
        if random.oneIn(2) || clients[index].instanceID != nil { clients[index].memberID = "" }
    }

    mutating func pass(_ milliseconds: Int64) {
        let end = now + milliseconds
        // Who was not heard of for a session may not go on, whatever the server thinks.
        for index in clients.indices
        where !clients[index].owned.isEmpty && clients[index].heardAt + Self.session <= end {
            crash(index)
        }
        while let next = coordinator.nextDeadline, next <= end {
            now = max(now, next)
            perform(coordinator.advance(now: now))
        }
        now = end
    }

    mutating func writeOne() {
        guard let first = waiting.first else { return }
        if isRough, random.oneIn(150) {
            // What was on its way behind a failed sync has failed too.
            hasFailed = true
            for write in waiting {
                perform(
                    coordinator.writeFailed(write.id, error: .coordinatorNotAvailable, now: now))
                waiting.removeAll { $0.id == write.id }
            }
            return
        }
        waiting.removeFirst()
        log += first.records
        perform(coordinator.written(first.id, now: now))
    }
}

extension ConsumerGroupsStorm {
    private mutating func perform(_ actions: [GroupAction]) {
        for action in actions {
            switch action {
            case .write(let id, let records):
                waiting.append((id, records))
                hasFailed = false
            case .answerHeartbeat(let token, let result): beaten(token, result)
            case .answerJoin(let token, let result): joined(token, result)
            case .answerSync(let token, let result): synced(token, result)
            default: break
            }
        }
    }

    /// The client that waits for this answer, unless it gets lost.
    private mutating func answered(
        _ token: GroupToken
    ) -> (client: Int, sentAt: Int64, owned: TopicShares)? {
        guard let ask = asked.removeValue(forKey: token) else { return nil }
        guard clients[ask.client].token == token else { return nil }
        clients[ask.client].token = nil
        return isRough && random.oneIn(40) ? nil : ask
    }

    private mutating func beaten(_ token: GroupToken, _ result: ConsumerHeartbeatResult) {
        guard let ask = answered(token) else { return }
        let index = ask.client
        switch result.error {
        case nil: break
        case .coordinatorNotAvailable: return
        case .fencedMemberEpoch: return clients[index].lose()
        default:
            clients[index].lose()
            clients[index].memberID = ""
            return
        }
        // An answer that took longer than a session is of a member that may be out.
        guard now < ask.sentAt + Self.session else { return clients[index].lose() }
        clients[index].heardAt = ask.sentAt
        clients[index].epoch = result.memberEpoch
        clients[index].stage = .member
        epochMax = max(epochMax, result.memberEpoch)
        consumerCount += 1
        if let share = result.assignment { take(index, share) }
    }

    /// Gives up what is not in the share any more, then takes what is new.
    private mutating func take(_ index: Int, _ share: TopicShares) {
        let had = clients[index].owned
        clients[index].owned = share
        for (topic, partitions) in share.sorted {
            for partition in partitions where !had.contains(topic, partition) {
                handovers += 1
                for other in clients
                where other.index != index && other.owned.contains(topic, partition) {
                    faults.append("\(other.index) and \(index) own \(topic.low)-\(partition)")
                }
            }
        }
    }

    private mutating func joined(_ token: GroupToken, _ result: JoinResult) {
        guard let ask = answered(token) else { return }
        let index = ask.client
        switch result.error {
        case nil: break
        case .memberIDRequired: return clients[index].memberID = result.memberID
        case .rebalanceInProgress, .coordinatorNotAvailable: return
        default: return clients[index].memberID = ""
        }
        clients[index].memberID = result.memberID
        // A sync is no sign of life to a group that is stable.
        clients[index].heardAt = ask.sentAt
        clients[index].epoch = result.generation
        clients[index].stage = .joined(leads: result.members.map(\.memberID))
    }

    private mutating func synced(_ token: GroupToken, _ result: SyncResult) {
        guard let ask = answered(token) else { return }
        let index = ask.client
        guard result.error == nil else {
            clients[index].stage = .out
            if result.error == .unknownMemberID { clients[index].memberID = "" }
            return
        }
        guard now < clients[index].heardAt + Self.session else { return clients[index].lose() }
        clients[index].stage = .member
        classicCount += 1
        take(index, StormBlob.decode(result.assignment, directory))
    }

    /// In the server's own books no partition is in two shares.
    mutating func checkHoldings() {
        var holders: [String: String] = [:]
        let described = coordinator.modernDescription(of: "g", isShare: false)
        for member in described.members {
            for (topic, partitions) in member.assigned.sorted {
                for partition in partitions {
                    let name = "\(topic.low)-\(partition)"
                    if let other = holders.updateValue(member.memberID, forKey: name) {
                        faults.append("\(other) and \(member.memberID) hold \(name)")
                    }
                }
            }
        }
    }

    /// The broker dies with what was not durable, and starts from the log.
    private mutating func restart() throws {
        asked = [:]
        waiting = []
        coordinator = Self.broker(Int(now), directory)
        for record in log { try coordinator.load(key: record.key, value: record.value) }
        perform(coordinator.loaded(now: now))
        for index in clients.indices { clients[index].token = nil }
    }

    private mutating func compareSnapshot() throws {
        guard !hasFailed else { return }
        let one = Self.broker(0, directory)
        for record in log + waiting.flatMap(\.records) {
            try one.load(key: record.key, value: record.value)
        }
        let other = Self.broker(0, directory)
        for record in coordinator.snapshot() {
            try other.load(key: record.key, value: record.value)
        }
        _ = one.loaded(now: now)
        _ = other.loaded(now: now)
        if one.modernDescription(of: "g", isShare: false)
            != other.modernDescription(of: "g", isShare: false)
            || one.description(of: "g") != other.description(of: "g")
            || Set(one.snapshot().map(\.key)) != Set(other.snapshot().map(\.key))
        {
            faults.append("the snapshot differs from the log")
        }
    }

    /// Nobody crashes any more; gives who has what in the end.
    mutating func calm() -> [TopicShares] {
        isCalm = true
        for index in clients.indices { clients[index].topics = ["t"] }
        for _ in 0..<200 {
            for index in clients.indices { act(index) }
            while !waiting.isEmpty { writeOne() }
            pass(300)
            checkHoldings()
        }
        return clients.filter { $0.stage == .member }.map(\.owned)
    }

    var partitions: Int { Int(partitionCount) }
}

/// Assignments of the classic protocol, of partitions of t.
enum StormBlob {
    static func encode(_ partitions: [Int32]) -> [UInt8] {
        var bytes: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 1, UInt8(ascii: "t")]
        bytes += [0, 0, 0, UInt8(partitions.count)]
        for partition in partitions { bytes += [0, 0, 0, UInt8(partition)] }
        return bytes + [0, 0, 0, 0]
    }

    static func decode(_ bytes: [UInt8], _ topics: TestTopics) -> TopicShares {
        var shares = TopicShares()
        guard bytes.count > 6 else { return shares }
        var place = 6
        for _ in 0..<bytes[5] {
            let length = Int(bytes[place + 1])
            let name = String(decoding: bytes[place + 2..<place + 2 + length], as: UTF8.self)
            place += 2 + length
            let count = Int(bytes[place + 3])
            place += 4
            for _ in 0..<count {
                if let id = topics.shapes[name]?.id { shares.insert(id, Int32(bytes[place + 3])) }
                place += 4
            }
        }
        return shares
    }
}
