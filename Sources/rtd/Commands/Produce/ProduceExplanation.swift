import Bytes
import Formats
import KafkaClient
import Platform
import Records

/// `rtd produce --explain`: reads all input and tells which partition would get how much of it;
/// sends nothing and makes no topic.
enum ProduceExplanation {
    static func run(
        _ settings: ProduceSettings, _ connection: ClusterConnection
    ) async throws(CommandFailure) -> Int32 {
        try await connection.connect()
        let found: Int?
        do throws(ClientError) {
            found = try await connection.cluster.topic(settings.topic).partitions.count
        } catch .unknownTopic {
            found = nil
        } catch {
            throw connection.failure(error)
        }
        let done = Promise<Result<Int32, CommandFailure>>()
        // Reading blocks, and the loop has a broker to keep up with.
        Thread.start(stackBytes: 4 << 20) {
            do throws(CommandFailure) {
                done.set(.success(try read(settings, found, connection.place)))
            } catch {
                done.set(.failure(error))
            }
        }
        return try await done.wait().get()
    }

    private static func read(
        _ settings: ProduceSettings, _ found: Int?, _ place: String
    ) throws(CommandFailure) -> Int32 {
        let delivery = Delivery(
            skipsBadRecords: settings.skipsBadRecords, isVerbose: settings.reporting.isVerbose)
        let partitions = found.map { Int32(clamping: $0) } ?? settings.partitionsOfNewTopic
        var sink = PartitionCountingSink(settings, partitions)
        let end: ReadingEnd
        do throws(SystemError) {
            var reader = RecordReader(settings, delivery, try StopSignal())
            var parsing = settings.parserForInput
            parsing.recordBytesMax = settings.recordBytesMax ?? RecordTextLimits.recordBytesMax
            end = reader.run(parsing, into: &sink)
        } catch {
            throw CommandFailure(error)
        }
        switch end {
        case .failed(let message): throw CommandFailure(message)
        case .bad(let message): throw CommandFailure("\(message) (--on-error skip goes on)")
        case .finished, .timedOut, .stopped, .halted: break
        }
        let count = partitions == 1 ? "1 partition" : "\(partitions) partitions"
        let state =
            found == nil ? "does not exist \(place), is made with \(count)" : "has \(count)"
        let text = "\(settings.topic) \(state)\n" + sink.text
        let status = HelpCommand.print(text)
        guard status == 0, let message = delivery.state.skipMessage else { return status }
        throw CommandFailure(message, status: 3)
    }
}

/// Counts records and bytes by partition.
private struct PartitionCountingSink: ProduceSink, ~Copyable {
    private struct Share {
        var records = 0
        var bytes = 0
    }

    private let settings: ProduceSettings
    private let partitions: Int32
    private let partitioner: KeyPartitioner
    private var shares: [Int32: Share] = [:]
    private(set) var count = 0
    let isHalted = false

    /// Where records without a key are counted, whose partition is chosen as they are sent.
    private static let any: Int32 = .max

    init(_ settings: ProduceSettings, _ partitions: Int32) {
        self.settings = settings
        self.partitions = partitions
        partitioner = KeyPartitioner(choice: settings.partitioner)
    }

    var isFull: Bool { count >= settings.countMax }

    mutating func began(input: String) {}
    mutating func chunkBegan(bytes: Int) {}
    mutating func chunkEnded() {}
    func flushDelay() -> Int64? { nil }
    mutating func flush() {}

    mutating func append(_ record: ParsedRecord, in bytes: RawSpan) throws(RecordTextError) {
        guard !isFull else { throw .usage("") }
        var scratch = OutputBuffer(capacity: 256)
        let record = settings.completed(record, bytes, &scratch)
        let partition =
            scratch.isEmpty
            ? try partition(record, bytes) : try partition(record, scratch.bytes)
        shares[partition, default: Share()].records += 1
        shares[partition, default: Share()].bytes +=
            (record.key?.count ?? 0) + (record.value?.count ?? 0) + record.headers.bytes.count
        count += 1
    }

    private func partition(
        _ record: ParsedRecord, _ bytes: RawSpan
    ) throws(RecordTextError) -> Int32 {
        if let named = record.partition ?? settings.partition, named >= 0 {
            guard named < partitions else {
                let reason = "there is no partition \(named), the topic has \(partitions)"
                throw .invalid(record.place, reason: reason)
            }
            return named
        }
        if partitions == 1 { return 0 }
        guard settings.partition == nil, let key = record.key else { return Self.any }
        return partitioner.partition(key: bytes.extracting(key), partitions: partitions)
            ?? Self.any
    }

    /// A line a partition that gets something.
    var text: String {
        var text = ""
        for (partition, share) in shares.sorted(by: { $0.key < $1.key }) {
            let place = partition == Self.any ? "any partition" : "partition \(partition)"
            let records = share.records == 1 ? "1 record" : "\(share.records) records"
            text += "\(settings.topic) \(place): \(records), \(share.bytes) bytes\n"
        }
        return text
    }
}
