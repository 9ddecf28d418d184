/// AddOffsetsToTxn, key 25: names a group whose offsets a transaction will commit. v3 flexible; v4
/// errors after which the transaction can only be aborted (KIP-890).
public struct AddOffsetsToTxnRequest: KafkaRequest {
    public typealias Response = AddOffsetsToTxnResponse

    public static let api = API(key: .addOffsetsToTxn, versions: 0...4, flexibleFrom: 3)

    public var transactionalId = ""
    public var producerId: Int64 = 0
    public var producerEpoch: Int16 = 0
    public var groupId = ""

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&transactionalId)
        c.int64(&producerId)
        c.int16(&producerEpoch)
        c.string(&groupId)
        c.tags()
    }
}

/// The answer to `AddOffsetsToTxnRequest`.
public struct AddOffsetsToTxnResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.tags()
    }
}
