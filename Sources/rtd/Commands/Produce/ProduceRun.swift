import ArgumentParsing
import KafkaClient
import KafkaProtocol
import Platform

/// One run of `rtd produce` against a cluster: the reader's thread on one side, the producer on the
/// loop on the other.
final class ProduceRun: Sendable {
    private let settings: ProduceSettings
    private let connection: ClusterConnection
    private let producer: Producer
    private let delivery: Delivery
    private let stop: StopSignal
    /// Where records go; nil when that cannot be found out.
    private let route = Promise<TopicRoute?>()
    /// Records that were read ahead when nothing could be sent.
    private let counted = Promise<Int>()
    private let reading = Promise<ReadingEnd>()

    init(
        _ settings: ProduceSettings, _ configuration: ProducerConfiguration,
        _ connection: ClusterConnection
    ) throws(CommandFailure) {
        self.settings = settings
        self.connection = connection
        producer = Producer(connection.cluster, configuration)
        delivery = Delivery(
            skipsBadRecords: settings.skipsBadRecords, isVerbose: settings.reporting.isVerbose)
        do throws(SystemError) {
            stop = try StopSignal()
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Sends everything and gives the exit status; on the loop.
    func run(_ interruption: Interruption) async throws(CommandFailure) -> Int32 {
        Thread.start(stackBytes: 4 << 20) { [self] in read() }
        do throws(CommandFailure) {
            route.set(try await findTopic())
        } catch {
            throw await undelivered(error)
        }
        let drained = Promise<Bool>()
        interruption.handle { [self] in
            stop.set()
            connection.loop.post { [self] in
                connection.loop.after(ProduceLimits.drainNanoseconds) { drained.set(false) }
            }
        }
        let progress = progress()
        progress?.begin()
        Task(executorPreference: connection.loop) { [self] in
            _ = await reading.wait()
            await producer.flush()
            drained.set(true)
        }
        let isDrained = await drained.wait()
        progress?.finish()
        let end = interruption.isSignalled ? .stopped : reading.waitBlocking()
        if producer.configuration.transactionalID != nil {
            try await endTransaction(end, isDrained: isDrained)
        }
        return try verdict(end)
    }

    /// Commits if everything was read and delivered, else aborts.
    private func endTransaction(
        _ end: ReadingEnd, isDrained: Bool
    ) async throws(CommandFailure) {
        let isWhole = (end == .finished || end == .timedOut) && isDrained && delivery.goesOn
        if !isDrained { await producer.abort() }
        do throws(ClientError) {
            try await producer.endTransaction(isCommit: isWhole)
            if !isWhole {
                let what = settings.transactionSpan == nil ? "" : "last "
                delivery.update { $0.aborted = "the \(what)transaction" }
            }
        } catch {
            if isWhole { return delivery.update { $0.commitError = error } }
            guard end == .stopped else { return }
            throw CommandFailure(
                "interrupted; the transaction is left for its broker to abort: "
                    + connection.text(error))
        }
        guard end == .stopped else { return }
        throw CommandFailure("interrupted; the transaction was aborted")
    }

    // MARK: The reader's thread

    private func read() {
        var reader = RecordReader(settings, delivery, stop)
        reader.readAhead()
        guard let route = route.waitBlocking() else {
            counted.set(reader.count())
            return
        }
        let report = settings.echo == .report ? DeliveryReport(topic: settings.topic) : nil
        var sink = BatchingSink(settings, route, producer, delivery, report)
        var options = settings.parserForInput
        options.recordBytesMax = settings.textBytesMax(route)
        reading.set(reader.run(options, into: &sink))
    }

    // MARK: The topic

    private func findTopic() async throws(CommandFailure) -> TopicRoute {
        try await connection.connect()
        let partitions: Int32
        let batchBytesMax: Int
        do throws(ClientError) {
            let found = try await connection.route(
                to: settings.topic, newPartitions: settings.partitionsOfNewTopic)
            (partitions, batchBytesMax) = (found.partitions, found.batchBytesMax)
        } catch {
            throw connection.failure(error)
        }
        if let wanted = settings.partition, wanted >= partitions {
            let all =
                partitions == 1
                ? "its only one is 0" : "its partitions are 0 to \(partitions - 1)"
            throw CommandFailure(
                "topic \"\(settings.topic)\" has no partition \(wanted), \(all)")
        }
        return TopicRoute(partitions: partitions, batchBytesMax: batchBytesMax)
    }

    // MARK: The outcome

    /// The failure when nothing could be sent, with the number of records that were there.
    private func undelivered(_ failure: CommandFailure) async -> CommandFailure {
        route.set(nil)
        connection.loop.after(ProduceLimits.countNanoseconds) { [self] in counted.set(0) }
        let count = await counted.wait()
        var state = Delivery.State()
        state.read = count
        return CommandFailure("\(failure.message); \(state.summary)", status: failure.status)
    }

    private func verdict(_ end: ReadingEnd) throws(CommandFailure) -> Int32 {
        let state = delivery.state
        if let error = state.outputError {
            throw CommandFailure("\(error); \(state.summary)")
        }
        if let error = state.commitError {
            throw CommandFailure(
                "the transaction cannot be committed: \(connection.text(error))\(wayOut(error))")
        }
        if let first = state.firstFailure {
            throw CommandFailure(
                "\(connection.text(first.error)); \(state.summary), the first failure is at "
                    + "\(first.batch.origin)\(wayOut(first.error))")
        }
        switch end {
        case .failed(let message): throw CommandFailure("\(message); \(state.summary)")
        case .bad(let message):
            throw CommandFailure(
                "\(message); \(state.delivered) of \(state.read) records before it delivered"
                    + "\(state.abortion) (--on-error skip goes on)")
        case .stopped where state.delivered < state.read:
            throw CommandFailure("interrupted; \(state.summary)")
        case .finished, .halted, .stopped, .timedOut: break
        }
        if settings.reporting.isVerbose {
            StandardError.write(line: "rtd: \(state.summary)")
        }
        if let message = state.skipMessage { throw CommandFailure(message, status: 3) }
        return end == .timedOut ? 4 : 0
    }

    /// What helps against an error, in brackets.
    private func wayOut(_ error: ClientError) -> String {
        if error.isRejection { return " (--on-error skip goes on)" }
        let configuration = producer.configuration
        guard configuration.transactionalID != nil,
            error.code == .invalidProducerEpoch || error.code == .producerFenced
        else { return "" }
        let time = configuration.transactionTimeoutMilliseconds
        return
            " (the transaction was open for longer than transaction.timeout.ms=\(time), or another"
            + " producer has taken its id over; --txn-every commits in between)"
    }

    private func progress() -> ProgressLine? {
        let total = settings.totalBytes
        let delivery = delivery
        return ProgressLine(settings.reporting, on: connection.loop) {
            let state = delivery.state
            var sample = ProgressSample(records: state.delivered, bytes: state.bytesDelivered)
            if let total, total > 0 { sample.fraction = Double(state.bytesRead) / Double(total) }
            return sample
        }
    }
}
