import KafkaProtocol
import Platform

/// One producer: sends batches that are ready, several requests at a time, and measures how long
/// each took to be acknowledged. Made by the main thread, then used by a thread of its own.
final class ProduceWorker: @unchecked Sendable {
    /// A request that was sent and not answered.
    private struct Sent {
        let id: Int32
        let intendedAt: Int64
        /// Nanoseconds between two records; 0 when all were meant to be sent at once.
        let interval: Double
        let records: Int
        let valueBytes: Int
        let batchBytes: Int
        let partition: Int
    }

    /// The way to one broker, and what is under way there.
    private final class Route {
        let connection: WireConnection
        let version: Int16
        var sent: [Sent] = []

        init(_ address: HostPort, _ security: BenchSecurity) throws(CommandFailure) {
            connection = try WireConnection(address, security)
            // From version 12 on a partition joins a transaction unasked, with an epoch for each.
            version = min(11, try connection.version(of: ProduceRequest.self))
        }
    }

    let tally: Tally
    private let load: BenchLoad
    private let partitions: [BenchPartition]
    private let sendTimes: SendTimes?
    private var pool: BatchPool
    private var pace: Pace
    private let limit: Int
    private let clock = SystemClock()
    private var routes: [Route] = []
    private var transactions: BenchTransactions?
    /// Acknowledged, and not committed.
    private var uncommitted: [Sent] = []
    private var routeOfPartition: [Int] = []
    private var next = 0
    private var sentRecords = 0
    private var measuredFrom: Int64 = 0
    /// Records acknowledged, by the place in `partitions`; what a consumer can read afterwards.
    private(set) var acknowledged: [Int]

    /// `sendTimes` are told of each batch before it is sent, if someone measures when it is read.
    init(
        _ load: BenchLoad, number: Int, pool: BatchPool, partitions: [BenchPartition], crew: Crew,
        sendTimes: SendTimes? = nil
    ) throws(CommandFailure) {
        self.load = load
        self.pool = pool
        tally = crew.tally()
        self.sendTimes = sendTimes
        let producers = load.producers
        self.partitions =
            partitions.count < producers
            ? [partitions[number % partitions.count]]
            : partitions.filter { $0.number % producers == number }
        acknowledged = [Int](repeating: 0, count: self.partitions.count)
        limit = load.count.map { BenchLoad.share($0, number, of: producers) } ?? Int.max
        pace = Pace(load, number: number, recordsMax: pool.recordsMax)
        var routeOf: [String: Int] = [:]
        for partition in self.partitions {
            let key = partition.leader.description
            if routeOf[key] == nil {
                routeOf[key] = routes.count
                routes.append(try Route(partition.leader, load.security))
            }
            routeOfPartition.append(routeOf[key] ?? 0)
        }
        for route in routes { crew.watch(route.connection.socket) }
        if let span = load.transactionSpan, let first = self.partitions.first {
            transactions = try BenchTransactions(
                "\(first.topic)-\(number)", span, first.leader, load.security)
        }
    }

    func run(_ crew: Crew) throws(CommandFailure) {
        guard let window = crew.start() else { return }
        measuredFrom = window.measuredFrom
        pace.begin(at: window.start)
        while sentRecords < limit, !crew.isStopped {
            let now = clock.monotonicNanoseconds
            if now >= window.deadline { break }
            try step(now, window)
        }
        for route in routes {
            while !route.sent.isEmpty && !crew.isStopped { try takeAnswer(route, waits: true) }
        }
        if !crew.isStopped { try commit() }
    }

    /// Ends the transaction once all of it is acknowledged: only now its records count.
    private func commit() throws(CommandFailure) {
        guard let transactions else { return }
        for route in routes {
            while !route.sent.isEmpty { try takeAnswer(route, waits: true) }
        }
        try transactions.commit()
        for sent in uncommitted { count(sent) }
        uncommitted = []
    }

    /// Sends one batch, or waits for an answer or for records to be due.
    private func step(_ now: Int64, _ window: RunWindow) throws(CommandFailure) {
        if transactions?.isDue(now) == true { return try commit() }
        let due = min(pace.due(now, sent: sentRecords), limit - sentRecords)
        let route = routes[routeOfPartition[next]]
        if due > 0, route.sent.count >= load.inFlightMax {
            return try takeAnswer(route, waits: true)
        }
        let wait = pace.wait(now, sent: sentRecords, due: due, left: limit - sentRecords)
        if due > 0 && wait <= 0 {
            try send(route, atMost: due, now)
            return try takeAnswers()
        }
        let busy = routes.filter { !$0.sent.isEmpty }.map(\.connection.socket)
        let untilCommit = transactions?.nanosecondsLeft(now) ?? .max
        BlockingSocket.wait(
            busy, nanoseconds: min(wait, window.deadline &- now, untilCommit))
        try takeAnswers()
    }

    private func send(_ route: Route, atMost due: Int, _ now: Int64) throws(CommandFailure) {
        let slot = pool.place(atMost: due)
        let place = next
        next = next + 1 == partitions.count ? 0 : next + 1
        let partition = partitions[place]
        try transactions?.stamp(
            &pool[slot].bytes, records: pool[slot].records, for: partition, at: place, now: now)
        let batch = pool[slot]
        let request = ProduceRequest.with {
            $0.transactionalId = transactions?.id
            $0.acks = load.acks
            $0.timeoutMs = 30_000
            $0.topicData = [
                .with {
                    $0.name = partition.topic
                    $0.partitionData = [
                        .with {
                            $0.index = partition.index
                            $0.records = .external(batch.bytes.count)
                        }
                    ]
                }
            ]
        }
        let intended = pace.intended(sentRecords, now: now)
        sendTimes?.add(partition.number, at: intended, every: pace.interval, batch.records)
        let id = try route.connection.send(request, version: route.version, payload: batch.bytes)
        sentRecords += batch.records
        let entry = Sent(
            id: id, intendedAt: intended, interval: pace.interval, records: batch.records,
            valueBytes: batch.valueBytes, batchBytes: batch.bytes.count, partition: place)
        // Nobody answers acks=0, so what is written counts.
        if load.acks == 0 { count(entry) } else { route.sent.append(entry) }
    }

    /// Takes the answers that are there.
    private func takeAnswers() throws(CommandFailure) {
        for route in routes {
            while !route.sent.isEmpty {
                let left = route.sent.count
                try takeAnswer(route, waits: false)
                if route.sent.count == left { break }
            }
        }
    }

    private func takeAnswer(_ route: Route, waits: Bool) throws(CommandFailure) {
        guard let oldest = route.sent.first else { return }
        let partition = partitions[oldest.partition]
        let came = try route.connection.receive(waits: waits) { frame throws(CommandFailure) in
            let response = try route.connection.decode(
                ProduceRequest.self, frame, version: route.version, id: oldest.id)
            guard let answer = response.responses.first?.partitionResponses.first else {
                throw CommandFailure("\(partition.leader) has answered without a partition")
            }
            guard answer.errorCode == .none else {
                throw CommandFailure(
                    "topic \"\(partition.topic)\" partition \(partition.index): "
                        + (answer.errorMessage ?? answer.errorCode.message))
            }
        }
        guard came else { return }
        route.sent.removeFirst()
        if transactions == nil { count(oldest) } else { uncommitted.append(oldest) }
    }

    private func count(_ sent: Sent) {
        let now = clock.monotonicNanoseconds
        let records = sent.records
        acknowledged[sent.partition] += records
        tally.advance(records)
        guard sent.intendedAt >= measuredFrom else { return }
        tally.records += records
        tally.valueBytes += sent.valueBytes
        tally.batchBytes += sent.batchBytes
        tally.requests += 1
        tally.lastAt = now
        tally.latencies.record(from: sent.intendedAt, every: sent.interval, records, to: now)
    }

    /// The partition that `acknowledged[place]` is about.
    func partitionNumber(_ place: Int) -> Int { partitions[place].number }
}

extension Histogram {
    /// Counts `records` that were meant to be sent one after another and ended together.
    mutating func record(from first: Int64, every interval: Double, _ records: Int, to end: Int64) {
        guard interval > 0 else { return record(end - first, times: records) }
        for number in 0..<records {
            record(end - first - Int64(Double(number) * interval))
        }
    }
}

/// When the records of one producer are meant to be sent, and when a batch is worth sending.
struct Pace {
    /// Nanoseconds between two records; 0 without a rate.
    let interval: Double
    private let linger: Int64
    private let recordsMax: Int
    private var start: Int64 = 0
    private let offset: Double

    init(_ load: BenchLoad, number: Int, recordsMax: Int) {
        interval = load.rate > 0 ? 1e9 * Double(load.producers) / Double(load.rate) : 0
        // So that the producers do not all send at the same instants.
        offset = interval * Double(number) / Double(load.producers)
        linger = load.lingerNanoseconds
        self.recordsMax = recordsMax
    }

    mutating func begin(at time: Int64) { start = time + Int64(offset) }

    /// Records that are due at `now` and were not sent.
    func due(_ now: Int64, sent: Int) -> Int {
        guard interval > 0 else { return Int.max }
        guard now >= start else { return 0 }
        return max(0, Int(Double(now - start) / interval) + 1 - sent)
    }

    /// When record `number` was meant to be sent.
    func intended(_ number: Int, now: Int64) -> Int64 {
        interval > 0 ? start + Int64(Double(number) * interval) : now
    }

    /// Nanoseconds until the next batch is to be sent; 0 or less for now.
    func wait(_ now: Int64, sent: Int, due: Int, left: Int) -> Int64 {
        guard interval > 0, due < min(recordsMax, left) else { return 0 }
        let first = intended(sent, now: now)
        let full = intended(sent + min(recordsMax, left) - 1, now: now)
        return min(first + linger, full) - now
    }
}
