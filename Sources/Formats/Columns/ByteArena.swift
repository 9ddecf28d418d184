/// Memory for the bytes of strings, in blocks that never move; freed as a whole.
///
/// A column that views its strings holds it as an owner.
@safe public final class ByteArena: @unchecked Sendable {
    private var blocks: [UnsafeMutablePointer<UInt8>] = unsafe []
    private var next: UnsafeMutablePointer<UInt8>?
    private var left = 0
    private let blockSize: Int
    /// Bytes taken from the system.
    public private(set) var capacity = 0

    public init(blockSize: Int = 64 * 1024) { self.blockSize = blockSize }

    deinit {
        for index in unsafe blocks.indices { unsafe blocks[index].deallocate() }
    }

    /// Uninitialised room for `count` bytes.
    public func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if count > left { addBlock(count) }
        guard let start = unsafe next else { preconditionFailure("an arena has a block") }
        unsafe next = start + count
        left -= count
        return unsafe start
    }

    private func addBlock(_ count: Int) {
        let size = max(count, blockSize)
        let block = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
        unsafe blocks.append(block)
        capacity += size
        // A large string gets a block of its own; the current one goes on being filled.
        unsafe next = block
        left = size
    }

    /// A view of a copy of the bytes.
    @inlinable
    public func copy(_ bytes: UnsafeRawBufferPointer) -> StringView {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return StringView() }
        if bytes.count <= StringView.inlineMax {
            return unsafe StringView(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        }
        let target = unsafe allocate(bytes.count)
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: base, byteCount: bytes.count)
        return unsafe StringView(target, count: bytes.count)
    }

    /// The same string, its bytes copied here unless they are in the view.
    @inlinable
    public func copy(_ view: StringView) -> StringView {
        if view.isInline { return view }
        return unsafe view.withBytes { unsafe copy($0) }
    }
}
