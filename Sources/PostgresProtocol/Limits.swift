/// What a server may ask of a client's memory.
public enum Limits {
    /// A message may hold a value of 1 GiB, the largest that PostgreSQL has, and what is around it.
    public static let messageBytesMax = (1 << 30) + (1 << 20)
    /// Before the server has let us in, it has no reason to send more than this.
    public static let loginMessageBytesMax = 64 << 10
    /// PostgreSQL's MaxTupleAttributeNumber is 1664.
    public static let columnsMax = 1_664
    /// Rounds of PBKDF2 that a server may ask for; its default is 4096.
    public static let scramIterationsMax = 10_000_000
    /// Relations of one TRUNCATE.
    public static let truncatedMax = 1 << 20
}
