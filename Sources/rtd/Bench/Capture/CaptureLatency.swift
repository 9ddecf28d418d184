import Bytes
import ChangeDataCapture
import Formats
import KafkaClient
import Platform
import Query
import Records

/// How long a commit takes to its reader, at a steady rate of transactions of one row. The clock is
/// that of the commit's own time, so the database must be on this machine or its clock right.
struct CaptureLatency {
    let source: CaptureBenchSource
    /// Transactions a second.
    let rate: Int
    let nanoseconds: Int64
    let stop: StopSignal

    private var count: Int { max(1, Int(Double(rate) * Double(nanoseconds) / 1e9)) }

    /// To the lines of stdout, when they are written.
    func toOutput() throws -> Histogram {
        let slot = try source.makeSlot("stdout")
        let sink = TimedSink(
            LineSink(DiscardedLines(), .debezium, CaptureBench.settings(source), notices: { _ in }))
        let running = try RunningCapture(configuration(slot), sink)
        try write { sink.count >= $0 }
        try running.end()
        try source.drop(slot: slot)
        return sink.latencies
    }

    /// To a reader of committed records, through a server of its own.
    func toTopics(_ start: () throws(CommandFailure) -> PrivateServer) throws -> Histogram {
        let slot = try source.makeSlot("topics")
        let server = try start()
        defer { server.remove() }
        var connection = ConnectionOptions()
        connection.brokers = [server.address]
        let thread = try ClusterThread("bench", connection, ReportingOptions())
        defer { thread.close() }
        let settings = CaptureBench.settings(source)
        let topic = CaptureTopic.topicName([settings.topicPrefix, source.schema, "events"])
        let cluster = thread.connection.cluster
        try thread.call { () async throws(ClientError) in
            try await cluster.createTopics([NewTopic(topic)], ifMissing: true)
        }
        let sink = try TopicSink(
            thread, .debezium, settings, slot: slot, partitions: 1, notices: { _ in })
        let reader = try TopicArrivals(thread, topic)
        let running = try RunningCapture(configuration(slot), sink)
        try write { reader.count >= $0 }
        try running.end()
        try sink.finish(isWhole: true)
        reader.close()
        try source.drop(slot: slot)
        return reader.latencies
    }

    private func configuration(_ slot: String) -> CaptureConfiguration {
        CaptureConfiguration(
            source.address, slot: .durable(name: slot), publication: source.schema,
            snapshot: .never)
    }

    /// Commits at the rate, after a few that warm the way up; then waits until all have arrived.
    private func write(hasArrived: (Int) -> Bool) throws {
        let clock = SystemClock()
        let key = try source.text("SELECT coalesce(max(id), 0) FROM \(source.schema).events")
        let first = (Int(key) ?? 0) + 1
        let start = clock.monotonicNanoseconds
        for number in 0..<count where !stop.isSet {
            let due = start + Int64(number) * 1_000_000_000 / Int64(max(1, rate))
            let early = due - clock.monotonicNanoseconds
            if early > 0 { Thread.pause(nanoseconds: early) }
            try source.run(
                "INSERT INTO \(source.schema).events VALUES (\(first + number), 1, 'click', 1.5, "
                    + "now(), '{\"k\": 1}')")
        }
        let deadline = clock.monotonicNanoseconds + 20_000_000_000
        while !hasArrived(count), !stop.isSet {
            guard clock.monotonicNanoseconds < deadline else {
                throw CommandFailure("the commits did not arrive within 20 s")
            }
            Thread.pause(nanoseconds: 1_000_000)
        }
    }
}

/// A capture on a thread of its own.
private final class RunningCapture: @unchecked Sendable {
    private let capture: Capture
    private let lock = Lock()
    private let ended = Condition()
    private var result: Result<Void, any Error>?

    init(_ configuration: CaptureConfiguration, _ sink: any ChangeSink) throws {
        capture = try Capture(configuration)
        nonisolated(unsafe) let sink = sink
        Thread.start { [self] in
            let result = Result { _ = unsafe try capture.run(into: sink) }
            lock.withLock {
                self.result = result
                ended.broadcast()
            }
        }
    }

    func end() throws {
        capture.stop()
        try lock.withLock { () throws in
            while result == nil { lock.wait(ended) }
            try result?.get()
        }
    }
}

/// Measures when another sink has written the transactions that it was given.
private final class TimedSink: ChangeSink, @unchecked Sendable {
    private let inner: any ChangeSink
    private let clock = SystemClock()
    private let lock = Lock()
    private var histogram = Histogram()
    /// Commit times of transactions that are not written yet.
    private var waiting: [Int64] = []

    init(_ inner: any ChangeSink) { self.inner = inner }

    var latencies: Histogram { lock.withLock { histogram } }
    var count: Int { lock.withLock { histogram.count } }
    var durable: LogSequenceNumber { inner.durable }

    func snapshotBegan(_ tables: [CapturedTable], at position: LogSequenceNumber) throws {
        try inner.snapshotBegan(tables, at: position)
    }
    func snapshotEnded(at position: LogSequenceNumber) throws {
        try inner.snapshotEnded(at: position)
    }
    func schema(_ table: CapturedTable, at position: LogSequenceNumber) throws {
        try inner.schema(table, at: position)
    }
    func begin(_ transaction: SourceTransaction) throws { try inner.begin(transaction) }
    func change(_ change: Change, of bytes: RawSpan) throws { try inner.change(change, of: bytes) }
    func notice(_ message: String) { inner.notice(message) }

    func commit(_ transaction: SourceTransaction, changes: Int) throws {
        try inner.commit(transaction, changes: changes)
        waiting.append(transaction.time)
    }

    func pause(at position: LogSequenceNumber?) throws {
        try inner.pause(at: position)
        guard !waiting.isEmpty else { return }
        let now = clock.wallMicroseconds
        lock.withLock {
            for time in waiting { histogram.record((now - time) * 1_000) }
        }
        waiting.removeAll(keepingCapacity: true)
    }
}

/// Reads a topic on a thread of its own, and measures when each change arrives.
private final class TopicArrivals: @unchecked Sendable {
    private let feed: TopicFeed
    private let signal = SourceSignal()
    private let clock = SystemClock()
    private let lock = Lock()
    private let left = Condition()
    private var histogram = Histogram()
    private var isClosed = false
    private var hasLeft = false

    init(_ thread: ClusterThread, _ topic: String) throws(ClientError) {
        feed = try TopicFeed(thread, [TopicPartition(topic, 0): 0], ends: nil, signal)
        Thread.start { [self] in
            while !lock.withLock({ isClosed }) { read() }
            lock.withLock {
                hasLeft = true
                left.broadcast()
            }
        }
    }

    var latencies: Histogram { lock.withLock { histogram } }
    var count: Int { lock.withLock { histogram.count } }

    private func read() {
        guard let fetched = try? feed.take() else {
            _ = signal.wait(nanoseconds: 50_000_000)
            return
        }
        let now = clock.wallMicroseconds
        for batch in fetched.batches {
            try? fetched.withRecords(of: batch, checked: false) { records in
                var iterator = RecordIterator(batch.header, records: records)
                while let record = iterator.next() {
                    guard let value = record.value,
                        let time = Self.commitTime(records.extracting(value))
                    else { continue }
                    lock.withLock { histogram.record((now - time) * 1_000) }
                }
            }
        }
    }

    /// `"ts_us":` of `source`, which is the first of its name.
    private static func commitTime(_ value: RawSpan) -> Int64? {
        let text = Array("\"ts_us\":".utf8)
        var start = 0
        while start + text.count < value.byteCount {
            if text.indices.allSatisfy({ value.byte(at: start + $0) == text[$0] }) { break }
            start += 1
        }
        var time: Int64 = 0
        var index = start + text.count
        while index < value.byteCount, case let digit = value.byte(at: index), 48...57 ~= digit {
            time = time &* 10 &+ Int64(digit - 48)
            index += 1
        }
        return time > 0 ? time : nil
    }

    func close() {
        lock.withLock {
            isClosed = true
            while !hasLeft { lock.wait(left) }
        }
        feed.close()
    }
}
