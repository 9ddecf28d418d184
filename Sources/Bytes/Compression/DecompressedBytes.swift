/// The output of a decoder: grows as bytes appear, never past the caller's limit.
///
/// A decoder asks for room for its next block, writes through `withTarget`, and advances `count`.
struct DecompressedBytes {
    private var storage: [UInt8]
    /// Bytes produced so far.
    private(set) var count = 0
    let limit: Int

    /// `expected` is a guess of the size: what a header declares, as far as that is plausible.
    init(limit: Int, expected: Int) {
        self.limit = max(0, limit)
        storage = Self.uninitialized(min(self.limit, max(0, expected)))
    }

    private static func uninitialized(_ capacity: Int) -> [UInt8] {
        // Bytes have no invalid values, and `finish` cuts off what was never written.
        unsafe [UInt8](unsafeUninitializedCapacity: capacity) { _, count in count = capacity }
    }

    /// Makes room for up to `size` more bytes and gives the index they may reach: less than asked
    /// for where the limit is nearer.
    mutating func makeRoom(_ size: Int) -> Int {
        let end = size <= limit - count ? count + size : limit
        if end > storage.count {
            let doubled = storage.count <= limit / 2 ? storage.count * 2 : limit
            var grown = Self.uninitialized(max(end, doubled))
            let size = count
            unsafe storage.withUnsafeBytes { old in
                let source = unsafe SourceBytes(old)
                unsafe grown.withUnsafeMutableBytes {
                    unsafe TargetBytes($0).copy(size, from: source, at: 0, to: 0)
                }
            }
            storage = grown
        }
        return end
    }

    /// Runs `body` on the whole output, which gives the count that it advanced to.
    mutating func withTarget(_ body: (TargetBytes, Int) throws(CompressionError) -> Int)
        throws(CompressionError)
    {
        let start = count
        count = try unsafe storage.withUnsafeMutableBufferPointer {
            (buffer) throws(CompressionError) -> Int in
            let target = unsafe TargetBytes(UnsafeMutableRawBufferPointer(buffer))
            let end = try body(target, start)
            precondition(end >= start && end <= target.count)
            return end
        }
    }

    /// Appends bytes as they are.
    mutating func append(_ source: SourceBytes) throws(CompressionError) {
        guard source.count <= limit - count else { throw .tooLarge(limit: limit) }
        _ = makeRoom(source.count)
        try withTarget { (target, start) throws(CompressionError) in
            target.copy(source.count, from: source, at: 0, to: start)
            return start + source.count
        }
    }

    /// Runs `body` on what was produced since `start`, for a checksum.
    func reading<Result>(from start: Int, _ body: (SourceBytes) -> Result) -> Result {
        unsafe storage.withUnsafeBytes { body(unsafe SourceBytes($0).slice(start..<count)) }
    }

    /// Appends to `bytes` what was produced since `start`.
    func append(to bytes: inout [UInt8], from start: Int) {
        bytes.append(contentsOf: storage[start..<count])
    }

    /// Drops the first bytes; what follows them moves to the front.
    mutating func removeFirst(_ size: Int) {
        precondition(size >= 0 && size <= count)
        let left = count - size
        unsafe storage.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe base.copyMemory(from: base + size, byteCount: left)
        }
        count = left
    }

    consuming func finish() -> [UInt8] {
        var bytes = storage
        storage = []
        if bytes.count > count { bytes.removeLast(bytes.count - count) }
        return bytes
    }
}
