import Bytes
import Formats

/// What a gzip file holds, decompressed as it is read.
final class InflatedBytes {
    private let name: String
    private var stream = GzipStream()
    private var state = GzipStream.State.full
    /// Bytes that were decompressed, and how far they were handed out. Those behind `ready` are not
    /// before their row has ended or the file is whole: one that is cut off may look like a row.
    private var bytes: [UInt8] = []
    private var position = 0
    private var ready = 0
    private var isAtStart = true

    /// A row that is longer has another error.
    private static let heldBytesMax = FormatLimits.rowBytesMax + 1

    static func isGzip(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 2 && bytes.byte(at: 0) == 0x1f && bytes.byte(at: 1) == 0x8b
    }

    /// `first` begins the compressed bytes.
    init(_ first: InputBlock, _ name: String) {
        self.name = name
        unsafe first.bytes.withUnsafeBytes { unsafe stream.append($0) }
        first.removeAll()
    }

    /// Why the file ends before its rows do; nil: it is whole, or was not read to its end.
    var failure: SQLError? {
        switch state {
        case .failed(.cut):
            SQLError("\(name) ends in the middle of a gzip stream", .badCopyFileFormat)
        case .failed(.damaged): SQLError("\(name) is no valid gzip file", .badCopyFileFormat)
        case .full, .starved, .ended: nil
        }
    }

    /// Fills the room of the block; false at the end. `more` fills it with the compressed bytes
    /// that follow, false at their end.
    func fill(
        _ block: InputBlock, more: (InputBlock) throws(SQLError) -> Bool
    ) throws(SQLError) -> Bool {
        while position == ready {
            guard try decompress(more) else { return false }
        }
        let count = min(block.room, ready - position)
        unsafe bytes.withUnsafeBytes { raw in
            let piece = unsafe UnsafeRawBufferPointer(rebasing: raw[position..<position + count])
            unsafe block.append(RawSpan(_unsafeBytes: piece))
        }
        if isAtStart { block.dropByteOrderMark() }
        isAtStart = false
        position += count
        return true
    }

    /// Takes in the next piece; false if there is none.
    private func decompress(_ more: (InputBlock) throws(SQLError) -> Bool) throws(SQLError) -> Bool
    {
        bytes.removeFirst(position)
        ready -= position
        position = 0
        let seen = bytes.count
        switch state {
        case .ended, .failed: return false
        case .starved:
            let block = InputBlock(capacity: 256 * 1024, headroom: 0)
            if try more(block) {
                unsafe block.bytes.withUnsafeBytes { unsafe stream.append($0) }
            } else {
                stream.finish()
            }
        case .full: break
        }
        state = stream.decompress(into: &bytes)
        switch state {
        case .failed:
            // Bytes that do not begin as gzip does are nothing else either.
            if isAtStart, bytes.isEmpty, state != .failed(.cut), let failure { throw failure }
        case .ended: ready = bytes.count
        case .full, .starved: break
        }
        if let end = bytes[seen...].lastIndex(of: 0x0A) { ready = end + 1 }
        if bytes.count > Self.heldBytesMax { ready = bytes.count }
        return true
    }
}
