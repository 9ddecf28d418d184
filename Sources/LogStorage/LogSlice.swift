public import Platform

/// A run of whole batches in one segment file, to be sent from there.
///
/// It keeps the file open: retention may remove its name meanwhile, not its bytes.
public struct LogSlice: Sendable {
    public let file: any File
    /// Where the bytes start in the file.
    public let position: Int64
    public let count: Int
    /// Base offset of the first batch; at most the offset asked for.
    public let baseOffset: Int64
    /// One past the last offset of the last batch.
    public let nextOffset: Int64
    /// The bytes may have to come from the disk, or were never checked by this process: call
    /// `Log.load(_:)` on a worker before sending them.
    public let isCold: Bool
    let segment: Segment
    let isVerified: Bool

    /// The bytes themselves, for readers that do not send them.
    public func read() throws(LogError) -> [UInt8] {
        let bytes = try system { () throws(SystemError) in
            try file.read(at: position, count: count)
        }
        guard bytes.count == count else { throw .corrupt(first: baseOffset, last: nextOffset - 1) }
        return bytes
    }

    /// Brings the bytes into the page cache, a piece at a time through memory that is used again:
    /// as one array they would cost a page fault every 4 KiB.
    func readIn() throws(LogError) {
        var done = 0
        while done < count {
            let wanted = min(Limits.readInBytes, count - done)
            let bytes = try system { () throws(SystemError) in
                try file.read(at: position + Int64(done), count: wanted)
            }
            guard bytes.count == wanted else {
                throw .corrupt(first: baseOffset, last: nextOffset - 1)
            }
            done += wanted
        }
    }
}
