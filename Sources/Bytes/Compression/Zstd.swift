/// Zstandard (RFC 8878).
enum Zstd {
    static func compress(_ source: SourceBytes) -> [UInt8] { [] }
    static func decompress(_ source: SourceBytes, limit: Int) throws(CompressionError) -> [UInt8] {
        throw .malformed(.zstd)
    }
}
