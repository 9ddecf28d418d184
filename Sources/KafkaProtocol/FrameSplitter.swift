import Bytes

/// Cuts a stream of bytes into frames: an int32 size, then that many bytes.
///
/// It holds no bytes. The connection keeps one buffer, asks for the next frame from where the last
/// one ended, and moves what is left to the front when it wants to.
public struct FrameSplitter: Sendable {
    /// What lies at an index of the buffer.
    public enum Step: Sendable, Equatable {
        /// A whole frame, without its size; the next one begins at the range's end.
        case frame(Range<Int>)
        /// The buffer must hold this many bytes from that index on before a frame is whole.
        case incomplete(need: Int)
    }

    /// Bytes of the size field before each frame.
    public static let sizeBytes = MemoryLayout<Int32>.size

    public let frameBytesMax: Int

    public init(frameBytesMax: Int = Limits.frameBytesMax) {
        self.frameBytesMax = frameBytesMax
    }

    /// Looks at the bytes from `start` on.
    public func next(in buffer: RawSpan, from start: Int) throws(WireError) -> Step {
        var reader = ByteReader(buffer)
        guard reader.take(start) != nil, reader.remaining >= FrameSplitter.sizeBytes else {
            return .incomplete(need: FrameSplitter.sizeBytes)
        }
        let size = Int(reader.int32())
        guard size >= 0 else { throw .malformed }
        guard size <= frameBytesMax else { throw .frameTooLarge(size) }
        guard size <= reader.remaining else {
            return .incomplete(need: FrameSplitter.sizeBytes + size)
        }
        let body = start + FrameSplitter.sizeBytes
        return .frame(body..<body + size)
    }
}
