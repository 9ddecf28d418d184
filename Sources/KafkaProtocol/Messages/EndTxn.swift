/// EndTxn, key 26: commits or aborts a transaction. v3 flexible; v5 answers with the producer id
/// and the epoch of the next transaction (KIP-890, part 2).
public struct EndTxnRequest: KafkaRequest {
    public typealias Response = EndTxnResponse

    public static let api = API(key: .endTxn, versions: 0...5, flexibleFrom: 3)

    public var transactionalId = ""
    public var producerId: Int64 = 0
    public var producerEpoch: Int16 = 0
    /// False aborts.
    public var committed = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&transactionalId)
        c.int64(&producerId)
        c.int16(&producerEpoch)
        c.bool(&committed)
        c.tags()
    }
}

/// The answer to `EndTxnRequest`.
public struct EndTxnResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    /// v5 and later; -1 with an error.
    public var producerId: Int64 = -1
    public var producerEpoch: Int16 = -1

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        if c.version >= 5 {
            c.int64(&producerId)
            c.int16(&producerEpoch)
        }
        c.tags()
    }
}
