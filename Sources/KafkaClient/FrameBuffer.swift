import Platform

/// Memory that responses are read into, and in which record batches are looked at where they lie.
///
/// A connection owns it while it reads. Who keeps a response keeps the buffer with it; then the
/// connection goes on with another one, and the memory returns to the pool when it is let go.
public final class FrameBuffer: @unchecked Sendable {
    /// The whole buffer; only the ranges that were handed out hold answers.
    public fileprivate(set) var bytes: [UInt8]
    private let pool: FramePool?

    init(_ bytes: [UInt8], pool: FramePool? = nil) {
        self.bytes = bytes
        self.pool = pool
    }

    deinit {
        // The array must be unique again for the next owner, so it is moved, not shared.
        var own: [UInt8] = []
        swap(&own, &bytes)
        pool?.give(own)
    }

    var capacity: Int { bytes.count }

    /// Reads from `stream` into the part that begins at `start`, up to `end`.
    func read(_ stream: any Stream, from start: Int, upTo end: Int) -> StreamResult {
        unsafe bytes.withUnsafeMutableBytes { all in
            unsafe stream.read(into: UnsafeMutableRawBufferPointer(rebasing: all[start..<end]))
        }
    }

    /// Moves a range to the front.
    func moveToFront(_ range: Range<Int>) {
        guard range.lowerBound > 0, !range.isEmpty else { return }
        unsafe bytes.withUnsafeMutableBytes { all in
            unsafe UnsafeMutableRawBufferPointer(rebasing: all[0..<range.count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: all[range]))
        }
    }

    /// Copies a range of another buffer to the front of this one.
    func copy(_ range: Range<Int>, of other: FrameBuffer) {
        guard !range.isEmpty else { return }
        let source = other.bytes
        unsafe bytes.withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { all in
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[range]))
            }
        }
    }
}

/// Read buffers of all connections of a client, kept for reuse: fresh memory costs a page fault for
/// every 4 KiB. Buffers come back on any thread.
final class FramePool: @unchecked Sendable {
    private let lock = Lock()
    private var free: [[UInt8]] = []

    /// A buffer of at least `bytes` bytes.
    func take(_ bytes: Int) -> FrameBuffer {
        let reused = lock.withLock { () -> [UInt8]? in
            guard let index = free.firstIndex(where: { $0.count >= bytes && $0.count <= bytes * 8 })
            else { return nil }
            return free.remove(at: index)
        }
        return FrameBuffer(reused ?? Self.fresh(bytes), pool: self)
    }

    /// Not filled with zeros: what no answer reaches is memory that the system never has to give.
    /// Nobody reads beyond what was received.
    private static func fresh(_ bytes: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: bytes) { _, count in count = bytes }
    }

    func give(_ bytes: [UInt8]) {
        guard !bytes.isEmpty, bytes.count <= Limits.pooledBufferBytesMax else { return }
        lock.withLock {
            if free.count >= Limits.pooledBuffersMax { free.removeFirst() }
            free.append(bytes)
        }
    }
}

/// One answer inside a buffer, without the four bytes of its size.
struct Frame: Sendable {
    let buffer: FrameBuffer
    let range: Range<Int>
}
