import KafkaClient
import KafkaProtocol
import Platform

/// What became of the records: counted by the reader's thread as they are read and by the loop as
/// their batches are acknowledged.
final class Delivery: @unchecked Sendable {
    /// A batch on its way: what is told when it fails or arrives.
    struct Batch: Sendable {
        /// Batches in the order in which they were begun.
        let number: Int
        let partition: Int32
        var records: Int
        var bytes: Int
        /// Where its records are in the inputs, which have these names.
        let places: BatchPlaces
        let inputs: [String]
        /// Of the records of the whole batch, its first one.
        private(set) var first = 0

        init(
            number: Int, partition: Int32, records: Int, bytes: Int, places: BatchPlaces,
            inputs: [String]
        ) {
            self.number = number
            self.partition = partition
            self.records = records
            self.bytes = bytes
            self.places = places
            self.inputs = inputs
        }

        /// What is told of a part of it, when it was not taken as a whole.
        func part(_ range: Range<Int>) -> Batch {
            var part = self
            part.records = range.count
            part.bytes = records == 0 ? 0 : bytes * range.count / records
            part.first += range.lowerBound
            return part
        }

        /// Where the first record is: "stdin line 2".
        var origin: String {
            guard let (input, place) = places[first] else { return "the input" }
            return "\(inputs[input]) \(place)"
        }
    }

    struct State: Sendable {
        /// Records that were read and were good.
        var read = 0
        var bytesRead = 0
        var delivered = 0
        var bytesDelivered = 0
        /// Records under way.
        var underway = 0
        var failed = 0
        var firstFailure: (batch: Batch, error: ClientError)?
        /// Records that were passed over, and why the first one was.
        var skipped = 0
        var firstSkip: String?
        /// A transaction could not be committed.
        var commitError: ClientError?
        /// Somebody reads the copies on stdout.
        var isOutputWanted = true
        /// stdout cannot be written to.
        var outputError: SystemError?
        /// What counts for nothing, though it was delivered: "the transaction".
        var aborted: String?

        /// "3 of 5 records delivered"
        var summary: String {
            "\(delivered) of \(read) records delivered\(abortion)"
        }

        /// ", but the transaction was aborted"; nothing if none was.
        var abortion: String { aborted.map { ", but \($0) was aborted" } ?? "" }

        /// "2 records skipped, the first: stdin line 2: ..."; nil if none was.
        var skipMessage: String? {
            guard skipped > 0 else { return nil }
            let records = skipped == 1 ? "1 record" : "\(skipped) records"
            return "\(records) skipped, the first: \(firstSkip ?? "")"
        }
    }

    private let lock = Lock()
    private var value = State()
    private let skipsBadRecords: Bool
    private let isVerbose: Bool

    /// With `skipsBadRecords` what the broker rejects counts as skipped, and with `isVerbose` is
    /// told one by one.
    init(skipsBadRecords: Bool, isVerbose: Bool = false) {
        self.skipsBadRecords = skipsBadRecords
        self.isVerbose = isVerbose
    }

    var state: State { lock.withLock { value } }

    func update(_ change: (inout State) -> Void) {
        lock.withLock { change(&value) }
    }

    /// Whether reading goes on: nothing has failed for good.
    var goesOn: Bool {
        lock.withLock {
            value.outputError == nil && value.firstFailure == nil && value.commitError == nil
        }
    }

    var isIdle: Bool { lock.withLock { value.underway == 0 } }

    func began(_ batch: Batch, read: Int, bytesRead: Int) {
        lock.withLock {
            value.read = read
            value.bytesRead = bytesRead
            value.underway += batch.records
        }
    }

    func ended(_ batch: Batch, _ result: Result<Int64, ClientError>) {
        lock.withLock {
            value.underway -= batch.records
            switch result {
            case .success:
                value.delivered += batch.records
                value.bytesDelivered += batch.bytes
            case .failure(let error) where skipsBadRecords && error.isRejection:
                value.skipped += batch.records
                let text = "\(batch.origin): \(error)"
                value.firstSkip = value.firstSkip ?? text
                if isVerbose { StandardError.write(line: "rtd: \(text); skipped") }
            case .failure(let error):
                value.failed += batch.records
                if let first = value.firstFailure, first.batch.number <= batch.number { return }
                value.firstFailure = (batch, error)
            }
        }
    }

    func skipped(_ reason: String) {
        lock.withLock {
            value.skipped += 1
            value.firstSkip = value.firstSkip ?? reason
        }
    }
}

extension ClientError {
    /// The broker refuses these records whenever they come.
    var isRejection: Bool {
        switch code {
        case .messageTooLarge?, .recordListTooLarge?, .invalidRecord?, .invalidTimestamp?: true
        default: false
        }
    }
}
