import ArgumentParsing
import Bytes
import Formats
import KafkaClient
import KafkaProtocol
import Platform

/// What `rtd consume --exec` does with a turn of records: a command gets them, and what it prints
/// is written to another topic in one transaction with the offsets of the group (KIP-98, KIP-447).
///
/// The end of the command's output is what says that its answer to the turn is whole, so each turn
/// is a run of its own. On the thread that prints, which blocks meanwhile; heartbeats go on.
final class Transform: @unchecked Sendable {
    private let command: String
    private let connection: ClusterConnection
    private let settings: ProduceSettings
    private let configuration: ProducerConfiguration
    private let span: TransactionSpan
    private let clock = SystemClock()
    private var producer: Producer
    private var delivery = Delivery(skipsBadRecords: false)
    private var consumer: GroupConsumer?
    private var route = TopicRoute(partitions: 1, batchBytesMax: ProduceLimits.topicBatchBytes)
    /// Records of the turn, and monotonic nanoseconds at the first of them.
    private var count = 0
    private var began: Int64 = 0
    /// A turn was taken back: nothing counts until partitions are given anew, from what the group
    /// has committed.
    private var isSpoiled = false

    /// Throws for options and properties that do not go together.
    init?(
        _ options: ConsumeOptions, _ connection: ClusterConnection
    ) throws(CommandFailure) {
        guard let command = options.command, let target = options.targetTopic else { return nil }
        guard !options.topics.contains(target) else {
            throw CommandFailure(
                "consume: --to \"\(target)\" is read too, which would never end",
                status: UsageError.exitStatus)
        }
        self.command = command
        self.connection = connection
        span = options.transactionSpan ?? .time(.seconds(1))
        var written = ProduceOptions()
        written.topic = target
        written.transactionalID = options.transactionalID
        written.keyDelimiter = options.keyDelimiter
        written.delimiter = options.delimiter
        switch options.format {
        case .json: written.format = .json
        case .lengthPrefixed: written.format = .lengthPrefixed
        case .lines, .raw, nil: break
        }
        do throws(UsageError) {
            var settings = try ProduceSettings(written)
            settings.apply(connection.properties, written)
            self.settings = settings
        } catch {
            throw CommandFailure("consume: \(error.message)", status: UsageError.exitStatus)
        }
        configuration = try ProduceSettings.producer(written, connection.properties)
        producer = Producer(connection.cluster, configuration)
    }

    /// Finds the topic and takes the transactional id over, before the group is joined: what a
    /// former process has left open is decided then, and the offsets are those that hold.
    func begin(_ consumer: GroupConsumer) async throws(ConsumeError) {
        self.consumer = consumer
        do throws(ClientError) {
            route = try await connection.route(to: settings.topic, newPartitions: 1)
            try await producer.initializeTransactions()
        } catch {
            throw .client(error)
        }
    }

    // MARK: Turns

    func added(_ records: Int) {
        if count == 0 { began = clock.monotonicNanoseconds }
        count += records
    }

    /// The turn is given up; its records are read again.
    func dropped() { count = 0 }

    /// Partitions were given, to be read from the offsets that the group has committed.
    func assigned() {
        isSpoiled = false
        count = 0
    }

    /// Whether the turn ends with what it holds.
    func isFull(bytes: Int) -> Bool {
        if bytes >= ConsumeLimits.turnBytes { return true }
        switch span {
        case .records(let most): return count >= most
        case .time: return nanosecondsLeft.map { $0 <= 0 } ?? false
        }
    }

    /// How long the turn waits for more; nil if nothing is in it.
    var nanosecondsLeft: Int64? {
        guard count > 0 else { return nil }
        let limit =
            switch span {
            case .time(let duration): duration.nanosecondsClamped
            case .records: ConsumeLimits.turnNanoseconds
            }
        return began + limit - clock.monotonicNanoseconds
    }

    /// Runs the command for a turn and commits its output with `offsets`. False if the partitions
    /// are others' now; throws if it cannot be done.
    func run(_ records: RawSpan, _ offsets: [TopicPartition: Int64]) throws(ConsumeError) -> Bool {
        count = 0
        guard !isSpoiled, let consumer else { return false }
        do throws(ConsumeError) {
            try send(try output(of: records))
            try commit(offsets, consumer)
            return true
        } catch {
            isSpoiled = true
            abort()
            guard case .client(.membershipLost) = error else { throw error }
            try renew()
            return false
        }
    }

    /// What the command prints for these records.
    private func output(of records: RawSpan) throws(ConsumeError) -> [UInt8] {
        let child: ChildProcess
        do throws(SystemError) {
            child = try ChildProcess.start(
                "/bin/sh", ["-c", command], input: .pipe, output: .pipe)
        } catch {
            throw .message("\(error)")
        }
        let input = records.copied()
        Thread.start {
            // A command need not read all that it gets; whether that is right its status says.
            try? child.input?.write(input.rawSpan)
            child.input?.close()
        }
        let limit = ConsumeLimits.turnOutputBytesMax
        let output = child.output?.readAll(limit: limit + 1) ?? []
        child.output?.close()
        let status = child.wait().status
        guard status == 0 else {
            throw .message(
                "the command of --exec ended with status \(status); nothing of this turn counts"
            )
        }
        guard output.count <= limit else {
            throw .message("the command of --exec printed more than \(limit) bytes in one turn")
        }
        return output
    }

    private func send(_ output: [UInt8]) throws(ConsumeError) {
        var options = settings.parser
        options.recordBytesMax = settings.textBytesMax(route)
        var sink = BatchingSink(settings, route, producer, delivery, nil)
        sink.began(input: "--exec")
        sink.chunkBegan(bytes: output.count)
        do throws(RecordTextError) {
            var parser = try RecordParser(options)
            try parser.parse(output.rawSpan, atEnd: true, into: &sink)
        } catch {
            try check()
            throw .message("the output of --exec, \(error)")
        }
        sink.chunkEnded()
        sink.flush()
    }

    /// Throws what a delivery has failed with.
    private func check() throws(ConsumeError) {
        if let failure = delivery.state.firstFailure { throw .client(failure.error) }
    }

    private func commit(
        _ offsets: [TopicPartition: Int64], _ consumer: GroupConsumer
    ) throws(ConsumeError) {
        let (producer, delivery) = (producer, delivery)
        let failure = waitFor { () async throws(ClientError) in
            await producer.flush()
            if let failure = delivery.state.firstFailure { throw failure.error }
            try await consumer.commit(offsets, in: producer)
            try await producer.endTransaction(isCommit: true)
        }
        if let failure { throw .client(failure) }
    }

    /// What cannot be aborted now is by the next process, or by time.
    private func abort() {
        let producer = producer
        _ = waitFor { () async throws(ClientError) in
            try await producer.endTransaction(isCommit: false)
        }
    }

    /// After an abort a producer sends nothing more.
    private func renew() throws(ConsumeError) {
        let renewed = Producer(connection.cluster, configuration)
        producer = renewed
        delivery = Delivery(skipsBadRecords: false)
        let failure = waitFor { () async throws(ClientError) in
            try await renewed.initializeTransactions()
        }
        if let failure { throw .client(failure) }
    }

    /// Runs `body` on the client's loop and blocks this thread until it is done.
    private func waitFor(
        _ body: @escaping @Sendable () async throws(ClientError) -> Void
    ) -> ClientError? {
        let done = Promise<ClientError?>()
        Task(executorPreference: connection.loop) {
            do throws(ClientError) {
                try await body()
                done.set(nil)
            } catch {
                done.set(error)
            }
        }
        return done.waitBlocking()
    }
}
