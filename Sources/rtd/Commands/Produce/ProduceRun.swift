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
        delivery = Delivery(skipsBadRecords: settings.skipsBadRecords)
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
        _ = await drained.wait()
        progress?.finish()
        let end = interruption.isSignalled ? .stopped : reading.waitBlocking()
        return try verdict(end)
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
        do throws(ClientError) {
            let topic = try await topic()
            let count = Int32(clamping: topic.partitions.count)
            if let wanted = settings.partition, wanted >= count {
                throw CommandFailureBox(
                    "topic \"\(settings.topic)\" has no partition \(wanted); its partitions are "
                        + (count == 1 ? "0 only" : "0 to \(count - 1)"))
            }
            return TopicRoute(partitions: count, batchBytesMax: await batchBytesMax())
        } catch {
            throw connection.failure(error)
        }
    }
}
