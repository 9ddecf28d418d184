// Stands in until Bytes/Compression lands, whose author deletes this file.
public enum CompressionCodec: UInt8, Sendable, CaseIterable { case none = 0, gzip, snappy, lz4, zstd }
public enum CompressionError: Error, Equatable { case malformed(CompressionCodec), tooLarge(limit: Int) }
extension CompressionCodec {
  public func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { [] }
  public func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(CompressionError) -> [UInt8] { throw .malformed(self) }
}
