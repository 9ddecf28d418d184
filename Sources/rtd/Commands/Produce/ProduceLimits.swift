/// Bounds of `rtd produce`.
enum ProduceLimits {
    /// Bytes of a batch where neither option, property nor topic says less: large batches are what
    /// makes the line path fast.
    static let batchBytes = 1 << 20
    /// Kafka's default of `max.message.bytes`, for a cluster that does not tell.
    static let topicBatchBytes = 1_048_588
    /// What a batch of one record takes at most besides key, value and headers: its header, and
    /// the record's lengths, attributes and deltas.
    static let recordOverheadBytes = 61 + 15
    /// Bytes that were sent and are not acknowledged.
    static let bufferBytes = 16 << 20
    /// Bytes of batches being built, over all partitions; beyond it the batches are sent as they
    /// are.
    static let buildingBytes = 32 << 20
    /// How long a batch waits for more, while others are under way: in input that pauses, and in
    /// input that never does.
    static let pauseNanoseconds: Int64 = 5_000_000
    static let busyNanoseconds: Int64 = 100_000_000
    /// How often a waiting reader looks whether what was under way has arrived.
    static let lookNanoseconds: Int64 = 1_000_000
    /// Bytes of one read.
    static let readBytes = 256 << 10
    /// How long what was read may take to be acknowledged after a signal.
    static let drainNanoseconds: Int64 = 10_000_000_000
    /// How long a failed first contact waits for the reader to count what is there.
    static let countNanoseconds: Int64 = 200_000_000
    /// Bytes of JSON text for each byte of a record: six for an escape, and room for names.
    static let textBytesPerByte = 8
}
