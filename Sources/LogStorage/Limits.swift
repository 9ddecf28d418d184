/// The bounds of LogStorage; past each there is a defined error or a defined loss of memory only.
public enum Limits {
    /// Bytes of one batch; larger ones are refused with `.batchTooLarge`.
    public static let batchBytesMax = 128 << 20
    /// Positions in a segment and offsets within it are held in 32 bits.
    public static let segmentBytesMax = Int(Int32.max)
    /// Bytes written by one system call under a log's lock.
    public static let writeBytesMax = 1 << 20
    /// Index entries that wait in memory before they are written to the index file.
    public static let indexEntriesUnwritten = 512
    /// Newest index entries kept in memory for each active segment (40 bytes each).
    public static let indexEntriesInMemory = 1_024
    /// Sealed segments of a log whose descriptors stay open.
    public static let openSealedSegments = 4
    /// Idempotent producers remembered by a log; past it the longest silent are forgotten.
    public static let producersMax = 100_000
    /// Batches remembered of each producer (KIP-98).
    public static let batchesPerProducer = 5
    /// Leader epochs remembered by a log; past it the oldest are forgotten.
    public static let leaderEpochsMax = 4_096
    /// Damaged ranges of offsets that are told apart in a log; past it the last one grows.
    public static let quarantinedRangesMax = 1_024
    /// Bytes after which a log's mark, index and producers are written out and synced.
    public static let checkpointBytes: Int64 = 64 << 20
    /// Nanoseconds after which a moved mark is synced.
    public static let checkpointNanoseconds: Int64 = 1_000_000_000
    /// Bytes behind the log's end that are taken to be in the page cache.
    public static let recentWindowBytes: Int64 = 256 << 20
    /// Bytes of one read that only brings a file into the page cache.
    static let readInBytes = 64 << 10
    /// Bytes of free disk below which appends are refused, or 1 % of the disk if that is more.
    public static let freeBytesMin: Int64 = 1 << 30
    /// Bytes that compaction writes between two syncs.
    static let compactionSyncBytes = 8 << 20
    /// Bytes that stay free beside a segment that compaction writes.
    static let compactionFreeBytesMin: Int64 = 64 << 20
    /// Bytes of the snapshot file that are read at most.
    public static let snapshotBytesMax = 256 << 20
}
