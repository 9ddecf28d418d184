/// Input bytes between the reader that fills them and the parser that takes them from the front.
///
/// What the parser could not finish stays and is moved to the front before more is read. One owner,
/// one thread at a time.
@safe public struct InputBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var start = 0
    private var end = 0

    public init(capacity: Int = 256 * 1024) {
        self.capacity = max(64, capacity)
        unsafe base = ReadMemory.allocate(self.capacity)
    }

    deinit { unsafe base.deallocate() }

    /// Bytes that wait for the parser.
    public var count: Int { end - start }

    public var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            let span = unsafe RawSpan(_unsafeStart: base + start, byteCount: end - start)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Takes `count` bytes from the front.
    public mutating func removeFirst(_ count: Int) {
        precondition(count >= 0 && count <= end - start, "a buffer gives up what it holds")
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Lets `body` write into at least `room` free bytes behind what is held; it gives how many it
    /// wrote.
    public mutating func fill<Failure: Error>(
        room: Int = 64 * 1024,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        makeRoom(max(1, room))
        let free = unsafe UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end)
        let written = try unsafe body(free)
        precondition(written >= 0 && written <= free.count, "more bytes than there was room for")
        end += written
        return written
    }

    /// Appends a copy of `more`.
    public mutating func append(_ more: RawSpan) {
        _ = unsafe fill(room: more.byteCount) { (free) in
            unsafe more.withUnsafeBytes { unsafe free.copyMemory(from: $0) }
            return more.byteCount
        }
    }

    private mutating func makeRoom(_ room: Int) {
        if capacity - end >= room { return }
        let held = end - start
        if held + room <= capacity {
            unsafe base.copyMemory(from: base + start, byteCount: held)
        } else {
            let larger = max(capacity * 2, held + room)
            let moved = ReadMemory.allocate(larger)
            unsafe moved.copyMemory(from: base + start, byteCount: held)
            unsafe base.deallocate()
            unsafe base = moved
            capacity = larger
        }
        start = 0
        end = held
    }
}

// The memory has one owner, which moves with the value.
extension InputBuffer: @unchecked Sendable {}
