import Bytes
import Formats

/// What a gzip file holds, decompressed as a whole.
final class InflatedBytes {
    private let bytes: [UInt8]
    private var position = 0

    private static let bytesMax = 4 << 30

    static func isGzip(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 2 && bytes.byte(at: 0) == 0x1f && bytes.byte(at: 1) == 0x8b
    }

    /// `first` begins the compressed bytes; `more` appends those that follow, false at their end.
    init(
        _ first: InputBlock, _ name: String, more: (inout [UInt8]) throws(SQLError) -> Bool
    ) throws(SQLError) {
        var packed = unsafe first.bytes.withUnsafeBytes { unsafe Array($0) }
        first.removeAll()
        while try more(&packed) {}
        do {
            bytes = unsafe try packed.withUnsafeBytes { (raw) throws(CompressionError) in
                unsafe try CompressionCodec.gzip.decompress(raw, limit: InflatedBytes.bytesMax)
            }
        } catch {
            throw SQLError("\(name) is no valid gzip file", .badCopyFileFormat)
        }
    }

    /// Fills the room of the block; false at the end.
    func fill(_ block: InputBlock) -> Bool {
        let count = min(block.room, bytes.count - position)
        guard count > 0 else { return false }
        unsafe bytes.withUnsafeBytes { raw in
            let piece = unsafe UnsafeRawBufferPointer(rebasing: raw[position..<position + count])
            unsafe block.append(RawSpan(_unsafeBytes: piece))
        }
        if position == 0 { block.dropByteOrderMark() }
        position += count
        return true
    }
}
