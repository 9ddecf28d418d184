/// What a peer may send at most.
public enum Limits {
    /// A status line with its headers.
    public static let headBytes = 64 << 10
    public static let bodyBytes = 16 << 20
    /// The line before a chunk, with its extensions.
    public static let chunkLineBytes = 1 << 10
}
