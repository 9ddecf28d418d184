import Bytes
import KafkaProtocol
import Records

@testable import KafkaClient

/// The produce side of a broker that checks sequence numbers as Kafka does, with faults to script.
final class FakeLog: @unchecked Sendable {
    struct Appended: Equatable {
        let producerID: Int64
        let epoch: Int16
        let baseSequence: Int32
        let records: Int32
        var partition: Int32 = 0
        var values: [String] = []
    }

    /// What happens to the next produce requests, one entry each; then all succeed.
    enum Fault {
        case none
        case error(ErrorCode)
        /// Appended, but the connection ends before the answer.
        case appendThenDrop
        case drop
        /// Appended, and never answered.
        case appendSilently
        /// Neither appended nor answered.
        case ignore
    }

    private(set) var batches: [Appended] = []
    var faults: [Fault] = []
    /// The topic's max.message.bytes.
    var batchBytesMax = Int.max
    /// Records with these values are rejected, each by itself.
    var rejectedValues: Set<String> = []
    /// Checksums that did not match.
    private(set) var damaged = 0
    private struct ProducerKey: Hashable {
        let partition: Int32
        let id: Int64
    }
    /// As brokers do, it keeps them by partition.
    private var epochs: [ProducerKey: (epoch: Int16, next: Int32)] = [:]

    /// Answers produce requests on `broker`.
    func serve(on broker: FakeBroker) {
        broker.onFrame(.produce) { [self, unowned broker] frame, bytes in
            guard let request = try? frame.decode(ProduceRequest.self, from: bytes) else {
                return nil
            }
            let fault = faults.isEmpty ? .none : faults.removeFirst()
            if case .drop = fault {
                broker.drop()
                return nil
            }
            if case .ignore = fault { return nil }
            var response = ProduceResponse()
            for topic in request.topicData {
                response.responses.append(
                    .with {
                        $0.name = topic.name
                        $0.topicId = topic.topicId
                        $0.partitionResponses = topic.partitionData.map {
                            append(
                                $0, bytes, fault, isLeader: broker.leader == broker.nodeID)
                        }
                    })
            }
            if case .appendThenDrop = fault {
                broker.drop()
                return nil
            }
            if request.acks == 0 { return nil }
            if case .appendSilently = fault { return nil }
            return encodeResponse(
                response, api: ProduceRequest.api, version: frame.header.apiVersion,
                correlationID: frame.header.correlationId
            ).bytes
        }
    }

    private func append(
        _ partition: ProduceRequest.PartitionProduceData, _ bytes: RawSpan, _ fault: Fault,
        isLeader: Bool
    ) -> ProduceResponse.PartitionProduceResponse {
        var answer = ProduceResponse.PartitionProduceResponse()
        answer.index = partition.index
        guard case .slice(let range) = partition.records,
            let header = try? RecordBatchCheck.validate(bytes.extracting(range))
        else {
            damaged += 1
            answer.errorCode = .corruptMessage
            return answer
        }
        guard isLeader else {
            answer.errorCode = .notLeaderOrFollower
            return answer
        }
        if case .error(let code) = fault {
            answer.errorCode = code
            return answer
        }
        guard range.count <= batchBytesMax else {
            answer.errorCode = .messageTooLarge
            return answer
        }
        let values = values(header, bytes.extracting(range))
        answer.recordErrors = values.enumerated().compactMap { place, value in
            guard rejectedValues.contains(value) else { return nil }
            return .with {
                $0.batchIndex = Int32(place)
                $0.batchIndexErrorMessage = "no \(value)"
            }
        }
        guard answer.recordErrors.isEmpty else {
            answer.errorCode = .invalidRecord
            return answer
        }
        let earlier = batches.filter { $0.partition == partition.index }
        answer.baseOffset = Int64(earlier.reduce(0) { $0 + $1.records })
        answer.errorCode = check(header, partition.index)
        if answer.errorCode == .none, !isDuplicate(header, partition.index) {
            batches.append(
                Appended(
                    producerID: header.producerID, epoch: header.producerEpoch,
                    baseSequence: header.baseSequence, records: header.recordCount,
                    partition: partition.index, values: values))
            epochs[ProducerKey(partition: partition.index, id: header.producerID)] = (
                header.producerEpoch, header.baseSequence + header.recordCount
            )
        }
        return answer
    }

    private func values(_ header: RecordBatchHeader, _ batch: RawSpan) -> [String] {
        guard let plain = try? header.decompressedRecords(batch, limit: 1 << 20) else {
            return values(
                header, records: batch.extracting(RecordBatchHeader.size..<header.totalSize))
        }
        return values(header, records: plain.span.bytes)
    }

    private func values(_ header: RecordBatchHeader, records: RawSpan) -> [String] {
        var found: [String] = []
        var iterator = RecordIterator(header, records: records)
        while let record = iterator.next() {
            let value = record.value.map { records.extracting($0).withUnsafeBytes(Array.init) }
            found.append(String(decoding: value ?? [], as: UTF8.self))
        }
        return found
    }

    /// Whether it is one of the five batches that a broker remembers of a producer.
    private func isDuplicate(_ header: RecordBatchHeader, _ partition: Int32) -> Bool {
        batches.filter {
            $0.producerID == header.producerID && $0.partition == partition
        }.suffix(5).contains {
            $0.producerID >= 0 && $0.producerID == header.producerID
                && $0.epoch == header.producerEpoch && $0.baseSequence == header.baseSequence
        }
    }

    private func check(_ header: RecordBatchHeader, _ partition: Int32) -> ErrorCode {
        let key = ProducerKey(partition: partition, id: header.producerID)
        guard header.producerID >= 0, let known = epochs[key] else { return .none }
        guard header.producerEpoch >= known.epoch else { return .invalidProducerEpoch }
        if isDuplicate(header, partition) { return .none }
        let expected = header.producerEpoch > known.epoch ? 0 : known.next
        return header.baseSequence == expected ? .none : .outOfOrderSequenceNumber
    }
}
