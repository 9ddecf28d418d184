/// Bounds of `rtd consume`.
enum ConsumeLimits {
    /// Printed bytes that are written in one go while data flows.
    static let outputBytes = 256 << 10
    /// Bytes of a record batch, decompressed; a bigger one is an error.
    static let batchBytesMax = 256 << 20
    /// Bytes that wait for one partition of a merged output before it is held back, at least and
    /// at most, and of all of them together.
    static let laneBytesMin = 64 << 10
    static let laneBytesMax = 1 << 20
    static let lanesBytes = 32 << 20
    /// Bytes that are fetched ahead for a merged output; each lane keeps whole answers alive.
    static let mergePrefetchBytes = 8 << 20
    /// How long the reading task waits for data before it looks after other things.
    static let tickMilliseconds: Int64 = 1_000
    /// `auto.commit.interval.ms`
    static let commitMilliseconds: Int64 = 5_000
    /// How often topics are looked at for new partitions.
    static let discoveryMilliseconds: Int64 = 5_000
    /// Pauses between looks for a topic that does not exist yet.
    static let topicPauseMilliseconds: Int64 = 100
    static let topicPauseMillisecondsMax: Int64 = 1_000
    /// Records of a share group that are taken at a time, and how long they are waited for; after
    /// so many waits in vain there is nothing to be had.
    static let shareRecords = 500
    static let shareWaitMilliseconds: Int64 = 500
    static let quietShareRounds = 3
    /// How much longer than `--timeout` an answer of the cluster is waited for.
    static let idleGraceNanoseconds: Int64 = 200_000_000
    /// How long a signal waits for what was read to be written and committed.
    static let signalMilliseconds: Int64 = 5_000

    /// Bytes of records that one run of `--exec` gets, and that it may print.
    static let turnBytes = 16 << 20
    static let turnOutputBytesMax = 256 << 20
    /// Nanoseconds after which a run of `--exec` begins.
    static let turnNanoseconds: Int64 = 1_000_000_000
}
