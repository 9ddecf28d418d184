/// What a client keeps and asks for at most; past a limit it waits or fails, it never grows.
enum Limits {
    /// The largest answer that is read. A fetch may bring one batch larger than it asked for
    /// (KIP-74), and brokers allow batches up to 100 MiB.
    static let responseBytesMax = 128 << 20
    /// Bytes of the buffer that a connection reads into, until it meets a larger frame.
    static let readBufferBytes = 64 << 10
    /// A frame up to this size is copied out of the read buffer when someone keeps it.
    static let copiedFrameBytesMax = 16 << 10
    /// Read buffers kept for reuse, and the largest of them.
    static let pooledBuffersMax = 4
    static let pooledBufferBytesMax = 32 << 20
    /// Reads in a row before a connection lets the others of its loop have a turn.
    static let readsPerTurnMax = 64
    /// Pieces up to this size are gathered for one write; larger ones are sent from where they lie.
    static let gatheredPieceBytesMax = 32 << 10
    /// Requests that a connection has sent and not got an answer to.
    static let requestsInFlightMax = 1_024
    /// Addresses of brokers whose origin is remembered.
    static let advertisementsMax = 10_000
    /// How long a broker that the cluster names may not be reached until people are told.
    static let unreachedMilliseconds: Int64 = 1_000
    /// Threads that look host names up.
    static let resolverThreadsMax = 2
    /// Batches of an idempotent producer that a broker tells apart: it remembers five (KIP-98).
    static let idempotentRequestsInFlightMax = 5
    /// What the records of a batch that has to be split may take when they are decompressed.
    static let decompressedBytesMax = 128 << 20
    /// The pause before a transaction is tried again whose predecessor is still being ended.
    static let concurrentTransactionsNanoseconds: Int64 = 20_000_000
    /// A producer's tick, which finds batches whose time is over.
    static let producerTickMilliseconds = 100
    /// Commits of a member whose epoch was raised meanwhile, each a heartbeat after the other.
    static let staleCommitsMax = 10
    /// How long leaving a group may delay the end of a consumer.
    static let leaveMilliseconds = 2_000
    /// How long the abort of a transaction that is given up may delay the end of its producer.
    static let abandonMilliseconds: Int64 = 2_000
    /// How long brokers may not know a topic that is read before it counts as deleted.
    static let topicGoneMilliseconds = 2_000
    /// How long a created topic may take until all brokers know it and it has leaders.
    static let topicVisibleMilliseconds = 10_000
    /// The longest time after which a session is renewed.
    static let sessionMillisecondsMax: Int64 = 30 * 86_400_000
    /// How often a password that is set is hashed: Kafka's own default.
    static let passwordIterations = 4_096
    static let saltBytes = 16
}
