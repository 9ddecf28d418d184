import KafkaProtocol
import Platform
import Records

/// The transactions of one producer of the benchmark, over a connection to their coordinator. Used
/// by the producer's thread.
final class BenchTransactions {
    private let connection: WireConnection
    let id: String
    private let span: TransactionSpan
    private var producerID: Int64 = -1
    private var epoch: Int16 = -1
    /// The next sequence number, by the place of the partition.
    private var sequences: [Int: Int32] = [:]
    /// Places of partitions that are in the transaction.
    private var joined: Set<Int> = []
    private var records = 0
    private var begunAt: Int64 = 0

    private static let patienceMilliseconds = 30_000
    private static let pauseMilliseconds = 1

    /// Finds the coordinator and gets a producer id.
    init(
        _ id: String, _ span: TransactionSpan, _ broker: HostPort, _ security: BenchSecurity
    ) throws(CommandFailure) {
        self.id = id
        self.span = span
        connection = try Self.coordinator(of: id, broker, security)
        let request = InitProducerIdRequest.with {
            $0.transactionalId = id
            $0.transactionTimeoutMs = 60_000
            $0.producerId = -1
            $0.producerEpoch = -1
        }
        let connection = connection
        let answer = try Self.patiently(.initProducerId) { () throws(CommandFailure) in
            let answer = try connection.ask(request)
            return (answer, answer.errorCode)
        }
        producerID = answer.producerId
        epoch = answer.producerEpoch
    }

    private static func coordinator(
        of id: String, _ broker: HostPort, _ security: BenchSecurity
    ) throws(CommandFailure) -> WireConnection {
        let broker = try WireConnection(broker, security)
        let request = FindCoordinatorRequest.with {
            $0.key = id
            $0.keyType = 1
            $0.coordinatorKeys = [id]
        }
        let address = try patiently(.findCoordinator) { () throws(CommandFailure) in
            let answer = try broker.ask(request)
            if let found = answer.coordinators.first {
                return ((found.host, found.port), found.errorCode)
            }
            return ((answer.host, answer.port), answer.errorCode)
        }
        let found = HostPort(host: address.0, port: UInt16(truncatingIfNeeded: address.1))
        return found == broker.address ? broker : try WireConnection(found, security)
    }

    /// Puts producer, numbers and checksum into a batch before it is sent.
    func stamp(
        _ batch: inout [UInt8], records count: Int, for partition: BenchPartition, at place: Int,
        now: Int64
    ) throws(CommandFailure) {
        if records == 0 { begunAt = now }
        if joined.insert(place).inserted { try add(partition) }
        let sequence = sequences[place] ?? 0
        RecordBatchPatch.setProducer(
            &batch, id: producerID, epoch: epoch, baseSequence: sequence)
        sequences[place] = Int32((Int64(sequence) + Int64(count)) & Int64(Int32.max))
        records += count
    }

    /// Records or time of the transaction are used up.
    func isDue(_ now: Int64) -> Bool {
        guard records > 0 else { return false }
        return switch span {
        case .records(let count): records >= count
        case .time(let duration): now - begunAt >= duration.nanosecondsClamped
        }
    }

    /// Until time ends the transaction; Int64.max if it does not.
    func nanosecondsLeft(_ now: Int64) -> Int64 {
        guard records > 0, case .time(let duration) = span else { return .max }
        return max(0, begunAt + duration.nanosecondsClamped - now)
    }

    /// Ends the transaction; all of it has been acknowledged.
    func commit() throws(CommandFailure) {
        guard records > 0 else { return }
        let request = EndTxnRequest.with {
            $0.transactionalId = id
            $0.producerId = producerID
            $0.producerEpoch = epoch
            $0.committed = true
        }
        // From version 5 on each end raises the epoch.
        let version = min(4, try connection.version(of: EndTxnRequest.self))
        _ = try Self.patiently(.endTxn) { [connection] () throws(CommandFailure) in
            let answer = try connection.ask(request, version: version)
            return (answer, answer.errorCode)
        }
        records = 0
        joined = []
    }

    private func add(_ partition: BenchPartition) throws(CommandFailure) {
        let request = AddPartitionsToTxnRequest.with {
            $0.v3AndBelowTransactionalId = id
            $0.v3AndBelowProducerId = producerID
            $0.v3AndBelowProducerEpoch = epoch
            $0.v3AndBelowTopics = [
                .with {
                    $0.name = partition.topic
                    $0.partitions = [partition.index]
                }
            ]
        }
        let version = min(3, try connection.version(of: AddPartitionsToTxnRequest.self))
        _ = try Self.patiently(.addPartitionsToTxn) { [connection] () throws(CommandFailure) in
            let answer = try connection.ask(request, version: version)
            let results = answer.resultsByTopicV3AndBelow.flatMap(\.resultsByPartition)
            return (answer, results.first?.partitionErrorCode ?? .none)
        }
    }

    /// Asks again while the coordinator is busy with the last end, or is still being made.
    private static func patiently<Answer>(
        _ api: APIKey, _ ask: () throws(CommandFailure) -> (Answer, ErrorCode)
    ) throws(CommandFailure) -> Answer {
        for _ in 0..<patienceMilliseconds / pauseMilliseconds {
            let (answer, code) = try ask()
            if code == .none { return answer }
            guard code.retriable || code == .concurrentTransactions else {
                throw CommandFailure("\(api.name) was refused: \(code.message)")
            }
            Processes.pause(milliseconds: pauseMilliseconds)
        }
        throw CommandFailure("\(api.name) found the coordinator busy all the time")
    }
}
