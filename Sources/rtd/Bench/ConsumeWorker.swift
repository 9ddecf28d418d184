import KafkaProtocol
import Platform
import Records

/// One consumer: fetches its partitions and looks at the header of every batch, as a consumer that
/// hands batches on would. Made by the main thread, then used by a thread of its own.
final class ConsumeWorker: @unchecked Sendable {
    /// What is read of one partition.
    private final class Position {
        let partition: BenchPartition
        /// Where to end or to begin again; Int64.max reads on for ever.
        let end: Int64
        var offset: Int64 = 0

        init(_ partition: BenchPartition, end: Int64) {
            self.partition = partition
            self.end = end
        }
    }

    /// The way to one broker, with the partitions that it leads.
    private final class Route {
        let connection: WireConnection
        let version: Int16
        var positions: [Position] = []
        var request: (id: Int32, sentAt: Int64)?

        init(_ address: HostPort, _ security: BenchSecurity) throws(CommandFailure) {
            connection = try WireConnection(
                address, security, receiveBytes: BenchLimits.fetchReadBytes)
            version = try connection.version(of: FetchRequest.self)
        }
    }

    let tally: Tally
    private let goal: ReadGoal
    private let sendTimes: [SendTimes]
    private let firstTimestamp: Int64
    private let fetchBytes: Int
    private let readsOnce: Bool
    private let readsCommitted: Bool
    private var routes: [Route] = []
    private let clock = SystemClock()
    private var measuredFrom: Int64 = 0

    /// `ends` are the log ends, by partition; empty to read on. `sendTimes` are those of the
    /// producers whose records have the timestamps from `firstTimestamp` on.
    init(
        _ load: BenchLoad, number: Int, partitions: [BenchPartition], crew: Crew, goal: ReadGoal,
        ends: [Int64] = [], sendTimes: [SendTimes] = [], firstTimestamp: Int64 = 0
    ) throws(CommandFailure) {
        tally = crew.tally()
        self.goal = goal
        self.sendTimes = sendTimes
        self.firstTimestamp = firstTimestamp
        fetchBytes = load.fetchBytes
        readsOnce = load.count != nil
        readsCommitted = load.transactionSpan != nil
        for partition in partitions where partition.number % load.consumers == number {
            let end = ends.isEmpty ? Int64.max : ends[partition.number]
            if end > 0 { try add(Position(partition, end: end), load.security) }
        }
        for route in routes { crew.watch(route.connection.socket) }
    }

    private func add(
        _ position: Position, _ security: BenchSecurity
    ) throws(CommandFailure) {
        let leader = position.partition.leader
        let route: Route
        if let known = routes.first(where: { $0.connection.address == leader }) {
            route = known
        } else {
            route = try Route(leader, security)
            routes.append(route)
        }
        route.positions.append(position)
    }

    func run(_ crew: Crew) throws(CommandFailure) {
        guard let window = crew.start() else { return }
        measuredFrom = window.measuredFrom
        let readsUntilGoal = !sendTimes.isEmpty || window.deadline == .max
        while !goal.isReached && !crew.isStopped && !routes.isEmpty {
            if !readsUntilGoal, clock.monotonicNanoseconds >= window.deadline { break }
            for route in routes where route.request == nil { try send(route) }
            if routes.count > 1 {
                BlockingSocket.wait(routes.map(\.connection.socket), nanoseconds: -1)
            }
            for route in routes { try receive(route, waits: routes.count == 1) }
            routes.removeAll(where: \.positions.isEmpty)
        }
    }

    private func send(_ route: Route) throws(CommandFailure) {
        var topics: [FetchRequest.FetchTopic] = []
        var places: [String: Int] = [:]
        for position in route.positions {
            let wanted = FetchRequest.FetchPartition.with {
                $0.partition = position.partition.index
                $0.fetchOffset = position.offset
                $0.partitionMaxBytes = Int32(fetchBytes)
            }
            if let place = places[position.partition.topic] {
                topics[place].partitions.append(wanted)
            } else {
                places[position.partition.topic] = topics.count
                topics.append(
                    .with {
                        $0.topic = position.partition.topic
                        $0.partitions = [wanted]
                    })
            }
        }
        let request = FetchRequest.with {
            $0.maxWaitMs = BenchLimits.fetchWaitMilliseconds
            $0.minBytes = 1
            $0.maxBytes = Int32(fetchBytes)
            $0.isolationLevel = readsCommitted ? 1 : 0
            $0.topics = topics
        }
        let now = clock.monotonicNanoseconds
        route.request = (try route.connection.send(request, version: route.version), now)
    }

    private func receive(_ route: Route, waits: Bool) throws(CommandFailure) {
        guard let request = route.request,
            let answer = try route.connection.receiveFetch(
                version: route.version, id: request.id, waits: waits)
        else { return }
        let response = answer.response
        guard response.errorCode == .none else {
            throw CommandFailure("fetch: \(response.errorCode.message)")
        }
        let now = clock.monotonicNanoseconds
        var records = 0
        var bytes = 0
        var batches = answer.batches.makeIterator()
        for topic in response.responses {
            for data in topic.partitions {
                bytes += data.records.count
                records += try take(data, batches.next() ?? [], topic.topic, route, now)
            }
        }
        if records > 0 { count(records, bytes, request.sentAt, now) }
        route.request = nil
        // A first partition with much to read would keep the others from their turn.
        if route.positions.count > 1 { route.positions.append(route.positions.removeFirst()) }
    }

    private func count(_ records: Int, _ bytes: Int, _ sentAt: Int64, _ now: Int64) {
        goal.read(records)
        tally.advance(records)
        guard sentAt >= measuredFrom else { return }
        tally.lastAt = now
        tally.records += records
        tally.batchBytes += bytes
        tally.requests += 1
        if sendTimes.isEmpty { tally.latencies.record(now - sentAt) }
    }

    /// Notes the batches of one partition; gives the number of their records.
    private func take(
        _ data: FetchResponse.PartitionData, _ batches: [RecordBatchHeader], _ topic: String,
        _ route: Route, _ now: Int64
    ) throws(CommandFailure) -> Int {
        guard
            let position = route.positions.first(where: {
                $0.partition.index == data.partitionIndex && $0.partition.topic == topic
            })
        else { return 0 }
        guard data.errorCode == .none else {
            throw CommandFailure(
                "topic \"\(topic)\" partition \(data.partitionIndex): \(data.errorCode.message)")
        }
        var records = 0
        for header in batches {
            position.offset = header.lastOffset + 1
            // The end of a transaction is a record of its own.
            if header.isControl { continue }
            records += Int(header.recordCount)
            if !sendTimes.isEmpty { try measure(header, position.partition, now) }
        }
        if position.offset >= position.end {
            if readsOnce { route.positions.removeAll { $0 === position } }
            position.offset = 0
        }
        return records
    }

    private func measure(
        _ header: RecordBatchHeader, _ partition: BenchPartition, _ now: Int64
    ) throws(CommandFailure) {
        let producer = Int(header.baseTimestamp - firstTimestamp)
        let records = Int(header.recordCount)
        guard sendTimes.indices.contains(producer),
            let sent = sendTimes[producer].take(partition.number, records)
        else {
            throw CommandFailure(
                "topic \"\(partition.topic)\" partition \(partition.index): the batch at offset "
                    + "\(header.baseOffset) is not the one that was sent next")
        }
        guard sent.first >= measuredFrom else { return }
        tally.latencies.record(from: sent.first, every: sent.interval, records, to: now)
    }
}
