/// Kafka's compression codecs; raw values are the attribute bits of a record batch.
public enum CompressionCodec: UInt8, Sendable, CaseIterable {
    case none = 0
    case gzip, snappy, lz4, zstd
}

/// Why compressed bytes were refused: they break their format, or hold more than the caller takes.
public enum CompressionError: Error, Equatable {
    case malformed(CompressionCodec)
    case tooLarge(limit: Int)
}

extension CompressionCodec {
    /// The codec of this name, as in Kafka's `compression.type`.
    public init?(name: String) {
        guard let codec = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = codec
    }

    public var name: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    /// Compresses `bytes` into one self-contained stream, framed as Kafka's Java clients frame it.
    ///
    /// `level` weighs time against size as the codec's own library numbers it; nil is what that has
    /// for its default. Neighbours may give the same bytes, and snappy has none.
    public func compress(_ bytes: UnsafeRawBufferPointer, level: Int? = nil) -> [UInt8] {
        let source = unsafe SourceBytes(bytes)
        return switch self {
        case .none: unsafe Array(bytes)
        case .gzip: Gzip.compress(source, level: level)
        case .snappy: Snappy.compress(source)
        case .lz4: LZ4.compress(source, level: level)
        case .zstd: Zstd.compress(source, level: level)
        }
    }

    /// Decompresses a whole stream. Whatever the stream declares, the output is never larger than
    /// `limit` bytes, nor is memory reserved for more; `tooLarge` when it holds more, `malformed`
    /// when it breaks its format.
    public func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(CompressionError)
        -> [UInt8]
    {
        let source = unsafe SourceBytes(bytes)
        switch self {
        case .none:
            guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
            return unsafe Array(bytes)
        case .gzip: return try Gzip.decompress(source, limit: limit)
        case .snappy: return try Snappy.decompress(source, limit: limit)
        case .lz4: return try LZ4.decompress(source, limit: limit)
        case .zstd: return try Zstd.decompress(source, limit: limit)
        }
    }
}
