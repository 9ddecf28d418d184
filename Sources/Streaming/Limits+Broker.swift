// What topics and partitions allow at most.
extension Limits {
    public static let topicsMax = 10_000
    public static let partitionsPerTopicMax: Int32 = 10_000
    public static let partitionsMax = 100_000
    /// Workers that make the partitions of a topic at once: others have theirs to do meanwhile.
    static let partitionsMadeAtOnce = 8
    public static let topicNameBytesMax = 249
    /// A compressed batch is opened to at most this many bytes, where a rule needs its records.
    public static let decompressedBatchBytesMax = 64 << 20
    /// Records of a batch whose refusal is told one by one.
    static let rejectedRecordsMax = 10_000
    /// Bytes that one fetch answer carries at most, whatever the client asks for.
    public static let fetchBytesMax = 64 << 20
    /// Fetches that wait on one partition.
    public static let fetchWaitsPerPartitionMax = 20_000
    public static let transactionalIDsMax = 100_000
    public static let partitionsPerTransactionMax = 100_000
    /// Producer ids handed out between two records in the metadata log.
    public static let producerIDBlock: Int64 = 1_000
    /// Bytes an internal topic may grow behind its last snapshot before it gets a new one.
    public static let snapshotAfterBytes: Int64 = 8 << 20
}
