import Records

/// What the coordinator knows of one transactional id: the value of its record, and more while a
/// transaction is under way. A value; the coordinator holds one for each id under its lock.
struct TransactionState: Equatable, Sendable {
    /// Kafka's states by their numbers in its log (kafka/transaction-coordinator).
    enum Status: Int8, Sendable, CaseIterable {
        case empty = 0
        case ongoing
        case prepareCommit
        case prepareAbort
        case completeCommit
        case completeAbort

        /// As ListTransactions spells it.
        var name: String {
            switch self {
            case .empty: "Empty"
            case .ongoing: "Ongoing"
            case .prepareCommit: "PrepareCommit"
            case .prepareAbort: "PrepareAbort"
            case .completeCommit: "CompleteCommit"
            case .completeAbort: "CompleteAbort"
            }
        }
    }

    var producerID: Int64
    var epoch: Int16
    /// The id before epochs ran out; -1 without one.
    var previousProducerID: Int64 = -1
    /// The epoch before the last change of it, by which a repeated request is known; -1 for none.
    var lastEpoch: Int16 = -1
    var timeoutMilliseconds: Int32
    var status = Status.empty
    var partitions: Set<TopicPartition> = []
    /// Milliseconds; -1 without a transaction under way.
    var startTimestamp: Int64 = -1
    var updateTimestamp: Int64
    /// The client is of KIP-890, part 2: the epoch rises with each transaction.
    var raisesEpoch = false

    var isPrepared: Bool { status == .prepareCommit || status == .prepareAbort }

    /// A transaction is under way from now on.
    mutating func begin(at milliseconds: Int64) {
        status = .ongoing
        partitions = []
        startTimestamp = milliseconds
    }

    /// Epochs end here; the id after this one is new.
    static let epochMax = Int16.max - 1
}

/// A transactional id as the administrative requests show it.
public struct TransactionDescription: Sendable {
    public var transactionalID: String
    /// Kafka's name, such as `Ongoing`.
    public var status: String
    public var timeoutMilliseconds: Int32
    /// Milliseconds; -1 without a transaction under way.
    public var startTimestamp: Int64
    public var producerID: Int64
    public var producerEpoch: Int16
    public var topics: [TopicPartitions]

    init(_ id: String, _ state: TransactionState) {
        transactionalID = id
        status = state.status.name
        timeoutMilliseconds = state.timeoutMilliseconds
        startTimestamp = state.startTimestamp
        producerID = state.producerID
        producerEpoch = state.epoch
        topics = Dictionary(grouping: state.partitions, by: \.topic)
            .map { TopicPartitions(name: $0.key, partitions: $0.value.map(\.partition).sorted()) }
            .sorted { $0.name < $1.name }
    }

    /// Kafka's names of all states.
    public static let statusNames = TransactionState.Status.allCases.map(\.name)
}

/// Who ends or goes on with a transaction: what each request of a producer says of itself.
public struct TransactionIdentity: Sendable {
    public var transactionalID: String
    public var producerID: Int64
    public var epoch: Int16

    public init(_ transactionalID: String, producerID: Int64, epoch: Int16) {
        self.transactionalID = transactionalID
        self.producerID = producerID
        self.epoch = epoch
    }
}

/// The producer id and the epoch that a producer is to use from now on.
public struct ProducerIdentity: Equatable, Sendable {
    public var id: Int64
    public var epoch: Int16

    public init(id: Int64, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }
}
