/// InitProducerId, key 22: gives a producer its id and epoch. v2 flexible; v3 keeps an id over
/// errors (KIP-360); v4 answers PRODUCER_FENCED; v5 abortable transactions (KIP-890).
public struct InitProducerIdRequest: KafkaRequest {
    public typealias Response = InitProducerIdResponse

    public static let api = API(key: .initProducerId, versions: 0...5, flexibleFrom: 2)

    /// nil for a producer that is only idempotent.
    public var transactionalId: String?
    public var transactionTimeoutMs: Int32 = 0
    public var producerId: Int64 = -1
    public var producerEpoch: Int16 = -1

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.nullableString(&transactionalId)
        c.int32(&transactionTimeoutMs)
        if c.version >= 3 {
            c.int64(&producerId)
            c.int16(&producerEpoch)
        }
        c.tags()
    }
}

/// The answer to `InitProducerIdRequest`.
public struct InitProducerIdResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var producerId: Int64 = -1
    public var producerEpoch: Int16 = 0

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.int64(&producerId)
        c.int16(&producerEpoch)
        c.tags()
    }
}
