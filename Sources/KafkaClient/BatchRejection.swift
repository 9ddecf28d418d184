import KafkaProtocol

/// Which records of a batch a broker does not take, and why (KIP-467).
struct BatchRejection {
    /// Ascending, from 0.
    private(set) var places: [Int] = []
    /// One for each of the places.
    private(set) var errors: [ClientError] = []

    /// Nil if the answer names none of the batch's records.
    init?(
        _ answer: ProduceResponse.PartitionProduceResponse, of partition: TopicPartition,
        records: Int
    ) {
        // With several the code is that of any of them; Java's client gives this one then too.
        let code = answer.recordErrors.count == 1 ? answer.errorCode : .invalidRecord
        for flaw in answer.recordErrors.sorted(by: { $0.batchIndex < $1.batchIndex }) {
            let place = Int(flaw.batchIndex)
            guard place > places.last ?? -1, place < records else { continue }
            places.append(place)
            let detail = flaw.batchIndexErrorMessage ?? answer.errorMessage
            errors.append(.partition(partition, code, detail: detail))
        }
        if places.isEmpty { return nil }
    }
}
