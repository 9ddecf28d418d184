/// Bounds of the record texts.
enum RecordTextLimits {
    /// Bytes of a record in the input where `--max-line` says nothing else.
    static let recordBytesMax = 1_048_576
    /// Templates inside one another (`%h{...}`).
    static let templateDepthMax = 8
    /// Headers of one record that a template's `%H` may announce.
    static let headerCountMax = 65_536
}
