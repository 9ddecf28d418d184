import Formats
import KafkaClient
import KafkaProtocol
import Platform
import Query

/// The transactions of one kept query at one cluster: a producer with a transactional id for all
/// its topics, and a group of the same name, whose offsets are how far the query has read and whose
/// metadata is the step. Used by the query's thread.
final class TopicTransaction: ResultTransaction {
    let thread: ClusterThread
    private let brokers: String?
    private var name = ""
    private var made: Producer?
    /// Takes the step where the query reads no topic of this cluster.
    private var firstTopic: String?

    init(_ thread: ClusterThread, brokers: String?) {
        self.thread = thread
        self.brokers = brokers
    }

    /// A topic that is written within.
    func add(_ topic: String) { firstTopic = firstTopic ?? topic }

    /// Of all that is written; there is one once it has begun.
    var producer: Producer {
        if let made { return made }
        let idle = Producer(thread.connection.cluster)
        made = idle
        return idle
    }

    func begin(_ name: String, openMilliseconds: Int64) throws(SQLError) -> CommittedStep? {
        self.name = name
        var configuration = ProducerConfiguration()
        configuration.transactionalID = name
        configuration.transactionTimeoutMilliseconds =
            thread.connection.properties.transactionTimeout?.millisecondsClamped
            ?? openMilliseconds
        let cluster = thread.connection.cluster
        let producer = Producer(cluster, configuration)
        made = producer
        do throws(ClientError) {
            let offsets = try thread.call { () async throws(ClientError) in
                // Whatever was under way has ended then, so the offsets tell.
                try await producer.initializeTransactions()
                return try await cluster.committedOffsets(of: name)
            }
            return offsets.values.compactMap { $0.metadata.flatMap { CommittedStep($0) } }
                .max { $0.number < $1.number }
        } catch {
            throw Self.failure(error, name, "cannot begin a transaction")
        }
    }

    func commit(_ step: CommittedStep, _ read: [ReadOffset]) throws(SQLError) {
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for place in read where place.brokers == brokers {
            offsets[TopicPartition(place.topic, place.partition)] = CommittedOffset(
                offset: place.next, metadata: step.text)
        }
        if offsets.isEmpty, let firstTopic {
            offsets[TopicPartition(firstTopic, 0)] = CommittedOffset(
                offset: 0, metadata: step.text)
        }
        let producer = producer
        let known = offsets
        let name = name
        do throws(ClientError) {
            try thread.call { () async throws(ClientError) in
                try await producer.commitOffsets(known, of: name)
                try await producer.endTransaction(isCommit: true)
            }
        } catch {
            throw Self.failure(error, name, "the last step may not be committed")
        }
    }

    func abandon() {
        guard let producer = made else { return }
        thread.call { () async in await producer.abandonTransaction() }
    }

    func end() {
        guard let producer = made else { return }
        thread.call { () async in await producer.close() }
    }

    /// The words for what a transaction fails with; nil: it is nothing of transactions.
    static func failure(_ error: ClientError, _ name: String) -> SQLError? {
        if case .unsupported(let api, _, _) = error,
            [.initProducerId, .addOffsetsToTxn, .addPartitionsToTxn, .txnOffsetCommit, .endTxn]
                .contains(api)
        {
            return SQLError(
                "the cluster has no transactions, which --state needs to write each result once: "
                    + error.description, .featureNotSupported,
                hint: "CREATE TABLE t WITH (connector = 'kafka', topic = '...', "
                    + "\"sink.delivery-guarantee\" = 'at-least-once') and INSERT INTO t does "
                    + "without.")
        }
        guard let code = error.code, fencing.contains(code) else { return nil }
        return SQLError(
            "another rtd query has taken over \"\(name)\"", .objectInUse,
            hint: "It has a copy of this state and goes on with it. If none runs, the transaction "
                + "was open for too long and was aborted: start this one again.",
            detail: error.description)
    }

    private static let fencing: Set<ErrorCode> = [
        .producerFenced, .invalidProducerEpoch, .invalidProducerIdMapping, .invalidTxnState,
    ]

    private static func failure(_ error: ClientError, _ name: String, _ what: String) -> SQLError {
        failure(error, name)
            ?? SQLError(
                "\(what): \(error.description)", .inputOutputError,
                hint: "Start the query again: it finds out what is committed and goes on there.")
    }
}
