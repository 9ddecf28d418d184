/// What this target allows a peer to ask for; past a limit there is a `WireError`.
public enum Limits {
    /// Kafka's `socket.request.max.bytes`: the largest frame that is read, without its size field.
    public static let frameBytesMax = 100 * 1024 * 1024
    /// Structs and strings in one message. A frame of 100 MiB could otherwise declare 100 million
    /// empty strings and grow to several GiB in memory; Kafka's largest clusters (200,000
    /// partitions) need a third of this.
    public static let elementsPerMessageMax = 1_000_000
    /// Unknown tagged fields that are skipped in one struct.
    public static let tagsPerStructMax = 1024
    /// A string's bytes where its length is an int16 (all versions that are not flexible).
    static let shortStringBytesMax = Int(Int16.max)
    /// Up to this count an array's elements are taken as at least one byte each; above it their
    /// smallest encoding is measured before memory is reserved.
    static let unmeasuredCountMax = 64
    /// Structs that memory is reserved for at once; beyond it an array grows as they are read.
    static let reservedCountMax = 4096
    /// A token of SASL, either way.
    static let saslTokenBytesMax = 64 << 10
    /// How often SCRAM hashes a password: less is too weak (RFC 7677), more would let a server keep
    /// a client busy.
    public static let scramIterationsMin = 4_096
    public static let scramIterationsMax = 1_000_000
    public static let scramSaltBytes = 16
}
