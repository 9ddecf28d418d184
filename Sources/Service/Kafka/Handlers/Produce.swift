import Bytes
import KafkaProtocol
import Platform
import Records
import Streaming

/// Produce, key 0: v3-13 served, v0-2 advertised only, since librdkafka before 2.11.1 sends nothing
/// compressed otherwise (KAFKA-18659). acks=-1 is answered after the sync, acks=1 after the append,
/// acks=0 never. v13 names topics by id.
enum ProduceHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 3...13
    static let advertised: ClosedRange<Int16> = 0...13

    static func handle(
        _ request: ProduceRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ProduceRequest>
    ) {
        let gathering = Gathering(request, reply)
        guard [-1, 0, 1].contains(request.acks) else {
            gathering.failAll(.invalidRequiredAcks)
            return
        }
        for (place, topic) in request.topicData.enumerated() {
            let found =
                context.version >= 13
                ? context.broker.topic(id: topic.topicId) : context.broker.topic(topic.name)
            for (index, partition) in topic.partitionData.enumerated() {
                append(partition, of: found, topic.name, context, request) { result in
                    gathering.finished(place, index, result)
                }
            }
        }
        gathering.countDown()
    }

    private static func append(
        _ data: ProduceRequest.PartitionProduceData, of topic: Topic?, _ name: String,
        _ context: borrowing RequestContext, _ request: ProduceRequest,
        _ done: @escaping @Sendable (Result<Partition.Appended, StreamingError>) -> Void
    ) {
        guard let topic else {
            return done(.failure(context.version >= 13 ? .unknownTopicID : .unknownTopic(name)))
        }
        guard !topic.isInternal else {
            return done(.failure(.invalidTopicName("Topic '\(topic.name)' is the server's own.")))
        }
        guard let partition = topic.partition(data.index) else {
            return done(
                .failure(.unknownPartition(topic: topic.name, partition: data.index)))
        }
        guard case .slice(let range) = data.records else {
            return done(.failure(.invalidRecord("A produce request must contain records.")))
        }
        let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: context.frame[range])
        let header = unsafe RecordBatchHeader(UnsafeRawBufferPointer(bytes).bytes)
        if context.version < zstdFrom, header?.magic == 2, header?.codec == .zstd {
            let text = "Produce requests with version \(context.version) cannot use zstd."
            return done(.failure(.unsupportedCompression(text)))
        }
        guard let transactionalID = request.transactionalId, let header, header.isTransactional
        else {
            return unsafe partition.produce(
                bytes, acks: request.acks, settings: topic.settings, done: done)
        }
        let identity = TransactionIdentity(
            transactionalID, producerID: header.producerID, epoch: header.producerEpoch)
        let refusal = context.broker.transactions.write(
            identity, to: topic.name, partition.index, adds: context.version >= addsFrom
        ) {
            unsafe partition.produce(
                bytes, acks: request.acks, settings: topic.settings, isInTransaction: true,
                done: done)
        }
        if let refusal { done(.failure(refusal)) }
    }

    /// From this version on zstd may be used (KIP-110).
    private static let zstdFrom: Int16 = 7
    /// From this version on a partition joins the transaction by being written to (KIP-890).
    private static let addsFrom: Int16 = 12

    /// The answer under way, whose partitions come in from several threads.
    private final class Gathering: @unchecked Sendable {
        private let lock = Lock()
        private let acks: Int16
        private let reply: Reply<ProduceRequest>
        private var response = ProduceResponse()
        /// Partitions that are missing, and one for the handler itself.
        private var left = 1

        init(_ request: ProduceRequest, _ reply: Reply<ProduceRequest>) {
            acks = request.acks
            self.reply = reply
            response.responses = request.topicData.map { topic in
                var answer = ProduceResponse.TopicProduceResponse()
                answer.name = topic.name
                answer.topicId = topic.topicId
                answer.partitionResponses = topic.partitionData.map { partition in
                    var answer = ProduceResponse.PartitionProduceResponse()
                    answer.index = partition.index
                    answer.baseOffset = -1
                    return answer
                }
                left += topic.partitionData.count
                return answer
            }
        }

        func finished(
            _ topic: Int, _ partition: Int, _ result: Result<Partition.Appended, StreamingError>
        ) {
            lock.withLock {
                fill(
                    &response.responses[topic].partitionResponses[partition],
                    response.responses[topic].name, result)
            }
            countDown()
        }

        private func fill(
            _ answer: inout ProduceResponse.PartitionProduceResponse, _ topic: String,
            _ result: Result<Partition.Appended, StreamingError>
        ) {
            switch result {
            case .success(let appended):
                answer.baseOffset = appended.baseOffset
                answer.logAppendTimeMs = appended.logAppendTime
                answer.logStartOffset = appended.logStartOffset
            case .failure(let error):
                answer.errorCode = code(error)
                answer.errorMessage = error.message
                if case .rejectedRecords(let records) = error {
                    answer.recordErrors = records.map { record in
                        .with {
                            $0.batchIndex = record.index
                            $0.batchIndexErrorMessage = record.message
                        }
                    }
                }
                reply.connection.server.refused(reply, error, "\(topic)-\(answer.index)")
            }
        }

        /// An end of the transaction that is under way is waited for, which older clients know only
        /// under the name of another error that passes.
        private func code(_ error: StreamingError) -> ErrorCode {
            error == .concurrentTransactions && reply.version < addsFrom
                ? .notEnoughReplicas : ErrorCode(rawValue: error.code)
        }

        func failAll(_ code: ErrorCode) {
            for topic in response.responses.indices {
                for partition in response.responses[topic].partitionResponses.indices {
                    response.responses[topic].partitionResponses[partition].errorCode = code
                }
            }
            left = 1
            countDown()
        }

        func countDown() {
            let isLast = lock.withLock {
                left -= 1
                return left == 0
            }
            guard isLast else { return }
            if acks == 0 {
                let failed = response.responses.contains { topic in
                    topic.partitionResponses.contains { $0.errorCode != .none }
                }
                reply.sendNothing()
                // Kafka's way to tell a producer that waits for no answer.
                if failed { reply.connection.closeSoon() }
            } else {
                reply.send(response)
            }
        }
    }
}
