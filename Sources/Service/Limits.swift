/// What the server allows at most; past each there is a defined answer, never growth.
enum Limits {
    /// Answers of one connection that wait to be sent, in bytes of memory; past it nothing more is
    /// read from that connection. File ranges do not count.
    static let outputBytesMax = 4 << 20
    /// Pieces of answers that wait to be sent, file ranges among them, and what one is taken to
    /// cost.
    static let outputPiecesMax = 2_048
    static let outputPieceBytes = 128
    /// Requests of one connection that wait for their answer; past it nothing more is read.
    static let pipelinedMax = 512
    /// Bytes that one connection may have processed before the others get their turn.
    static let turnBytes = 4 << 20
    /// Requests of one connection that are handled before the others get their turn, and how long
    /// that may take: the one under way then is the last.
    static let turnRequests = 64
    static let turnNanoseconds: Int64 = 2_000_000
    /// The first input buffer of a connection, and the size kept in the pool.
    static let inputBufferBytes = 256 * 1024
    /// The same while memory is short; a larger frame waits then.
    static let scarceBufferBytes = 4 * 1024
    /// What an answer that waits is taken to cost beside its bytes.
    static let answerOverheadBytes = 1_024
    static let pooledBuffersMax = 16
    /// A frame that has begun must be complete after this time without progress.
    static let stalledFrameMilliseconds: Int64 = 10_000
    /// Refusals that are remembered, so that each is told once a minute.
    static let refusalsTold = 256
    /// How often idle and stalled connections are looked for.
    static let sweepNanoseconds: Int64 = 2_000_000_000
    /// How long a stopping server waits for the answers under way.
    static let drainNanoseconds: Int64 = 5_000_000_000
    /// Bytes of records that an ephemeral server keeps if nothing else is said.
    static let ephemeralBytesMax = 1 << 30
    /// Partitions that a start opens at once.
    static let recoveryThreads = 16
    /// Partitions that one fetch session may hold.
    static let sessionPartitionsMax = 100_000
    /// Topics that one DescribeTopicPartitions answer holds.
    static let describedPartitionsMax = 2_000
    /// A frame before the log-in; Kafka's `sasl.server.max.receive.size` is eight times that.
    static let unsettledFrameBytesMax = 64 << 10
    /// How long a client may take for TLS and its log-in.
    static let settlingMilliseconds: Int64 = 10_000
    /// Connections that have not logged in yet.
    static let unsettledMax = 256
    /// SCRAM credentials of all users, the file they are in, and what one may be made of.
    static let usersMax = 10_000
    static let usersFileBytesMax = 16 << 20
    static let userIterationsMax = 16_384
    static let userSaltBytesMax = 256
}
