import Bytes
import Formats

/// What a gzip file holds, decompressed as a whole.
final class InflatedBytes {
    private let bytes: [UInt8]
    /// Why the file ends before its rows do; nil: it is whole.
    let failure: SQLError?
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
        let result = unsafe packed.withUnsafeBytes {
            unsafe CompressionCodec.salvageGzip($0, limit: InflatedBytes.bytesMax)
        }
        // Bytes that do not begin as gzip does are nothing else either.
        if let reason = result.failure, result.bytes.isEmpty, reason != .cut {
            throw InflatedBytes.failure(reason, name)
        }
        failure = result.failure.map { InflatedBytes.failure($0, name) }
        // A row that is cut off may still look like one.
        let end =
            failure == nil
            ? result.bytes.count : (result.bytes.lastIndex(of: 0x0A) ?? -1) + 1
        bytes = end == result.bytes.count ? result.bytes : Array(result.bytes[..<end])
    }

    private static func failure(_ reason: GzipFailure, _ name: String) -> SQLError {
        switch reason {
        case .cut: SQLError("\(name) ends in the middle of a gzip stream", .badCopyFileFormat)
        case .damaged: SQLError("\(name) is no valid gzip file", .badCopyFileFormat)
        case .tooLarge(let limit):
            SQLError("\(name) holds more than \(limit) bytes", .programLimitExceeded)
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
