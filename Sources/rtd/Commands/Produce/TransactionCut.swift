import KafkaClient
import Platform

/// Ends a transaction between two records of `rtd produce --txn-every` and says when the next end
/// is due; used on the reader's thread.
struct TransactionCut {
    private let producer: Producer
    private let delivery: Delivery
    private let spanNanoseconds: Int64?
    private let spanRecords: Int?
    /// Records that are committed.
    private var committed = 0
    /// Monotonic nanoseconds at the first record of the transaction.
    private var began: Int64 = 0

    init?(_ span: TransactionSpan?, _ producer: Producer, _ delivery: Delivery) {
        guard let span, producer.configuration.transactionalID != nil else { return nil }
        self.producer = producer
        self.delivery = delivery
        switch span {
        case .records(let count): (spanRecords, spanNanoseconds) = (count, nil)
        case .time(let duration):
            (spanRecords, spanNanoseconds) = (nil, duration.nanosecondsClamped)
        }
    }

    /// The count of records at which the transaction ends.
    var nextCount: Int {
        guard let spanRecords else { return .max }
        let (sum, isOver) = committed.addingReportingOverflow(spanRecords)
        return isOver ? .max : sum
    }

    /// Records are about to come; `count` have come so far.
    mutating func chunkBegan(_ count: Int, _ now: Int64) {
        if count == committed { began = now }
    }

    /// Nanoseconds until the transaction is to end; nil if nothing is in it or time has no say.
    func delay(_ count: Int, _ now: Int64) -> Int64? {
        guard let spanNanoseconds, count > committed else { return nil }
        return max(0, began + spanNanoseconds - now)
    }

    /// Commits what was sent, and blocks until that is done; a failure is the delivery's.
    mutating func commit(_ count: Int) {
        let done = Promise<ClientError?>()
        let producer = producer
        let delivery = delivery
        Task(executorPreference: producer.loop) {
            await producer.flush()
            guard delivery.goesOn else { return done.set(nil) }
            do throws(ClientError) {
                try await producer.endTransaction(isCommit: true)
                done.set(nil)
            } catch {
                done.set(error)
            }
        }
        if let error = done.waitBlocking() { delivery.update { $0.commitError = error } }
        committed = count
    }
}
