/// ListTransactions, key 66: the transactional ids of a coordinator (KIP-664). Flexible; v1 filters
/// by age (KIP-994), v2 by a regular expression (KIP-1152).
public struct ListTransactionsRequest: KafkaRequest {
    public typealias Response = ListTransactionsResponse

    public static let api = API(key: .listTransactions, versions: 0...2, flexibleFrom: 0)

    /// Empty for all, as the next.
    public var stateFilters: [String] = []
    public var producerIdFilters: [Int64] = []
    /// Milliseconds that a transaction has been under way at least; -1 for all.
    public var durationFilter: Int64 = -1
    /// What the whole of an id matches; nil or empty for all.
    public var transactionalIdPattern: String?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.strings(&stateFilters)
        c.int64s(&producerIdFilters)
        if c.version >= 1 { c.int64(&durationFilter) }
        if c.version >= 2 { c.nullableString(&transactionalIdPattern) }
        c.tags()
    }
}

/// The answer to `ListTransactionsRequest`.
public struct ListTransactionsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var unknownStateFilters: [String] = []
    public var transactionStates: [TransactionState] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.strings(&unknownStateFilters)
        c.array(&transactionStates)
        c.tags()
    }
}

extension ListTransactionsResponse {
    /// An element of `transactionStates`.
    public struct TransactionState: MessageStruct {
        public var transactionalId = ""
        public var producerId: Int64 = 0
        public var transactionState = ""

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&transactionalId)
            c.int64(&producerId)
            c.string(&transactionState)
            c.tags()
        }
    }
}
