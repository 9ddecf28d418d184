/// The limits of this target.
enum Limits {
    /// The largest window a Zstandard frame of unknown size may ask for: the reference decoder's
    /// own limit for streams (window log 27).
    static let zstdWindowBytesMax = 128 * 1024 * 1024
}
