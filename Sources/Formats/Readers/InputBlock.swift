import Bytes

/// A piece of input as it was read, which the columns that view its strings keep alive.
///
/// One thread fills it, then one makes columns from it; bytes that were decoded never change, so
/// batches may go on to other threads. In front of the bytes is room for what was left of the piece
/// before; behind them lie `padding` zeros once it is sealed: no JSON or CSV has a zero byte, so
/// scanners stop there without counting.
@safe public final class InputBlock: @unchecked Sendable {
    public static let padding = 64
    /// Room in front of the bytes: whole pages, so that a first read goes to the start of one.
    public static let headroom = 64 * 1024

    let base: UnsafeMutablePointer<UInt8>
    public let capacity: Int
    public private(set) var start: Int
    public private(set) var end: Int

    /// Room for `capacity` bytes, and in front of them for `headroom` more.
    public init(capacity: Int, headroom: Int = InputBlock.headroom) {
        self.capacity = headroom + capacity
        start = headroom
        end = headroom
        unsafe base = ReadMemory.allocate(self.capacity + InputBlock.padding)
            .bindMemory(to: UInt8.self, capacity: self.capacity + InputBlock.padding)
    }

    public convenience init(_ bytes: [UInt8]) {
        self.init(capacity: bytes.count)
        append(bytes.rawSpan)
        seal()
    }

    /// The bytes of both, one behind the other.
    public convenience init(joining first: InputBlock, _ second: InputBlock) {
        self.init(capacity: first.count + second.count)
        append(first.bytes)
        append(second.bytes)
        seal()
    }

    deinit { unsafe base.deallocate() }

    public var count: Int { end - start }

    /// Room behind the bytes.
    public var room: Int { capacity - end }

    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(
                _unsafeStart: UnsafeRawPointer(base) + start, byteCount: end - start)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The bytes in a range of places, counted as `start` is.
    @_lifetime(borrow self)
    func bytes(_ range: Range<Int>) -> RawSpan {
        bytes.extracting(range.lowerBound - start..<range.upperBound - start)
    }

    /// Lets `body` write into the room behind the bytes; it gives how many it wrote.
    public func fill<Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        let free = unsafe UnsafeMutableRawBufferPointer(start: base + end, count: room)
        let written = unsafe try body(free)
        precondition(written >= 0 && written <= free.count, "more bytes than there was room for")
        end += written
        return written
    }

    /// Appends the bytes, for which there is room.
    public func append(_ more: RawSpan) {
        _ = unsafe fill { free in
            unsafe more.withUnsafeBytes { unsafe free.copyMemory(from: $0) }
            return more.byteCount
        }
    }

    /// Appends the bytes as a line of their own; false if the room is too small. A newline among
    /// them, which is white space between JSON's tokens, becomes a blank.
    public func append(line: RawSpan) -> Bool {
        let count = line.byteCount
        guard count < room else { return false }
        unsafe line.withUnsafeBytes { unsafe InputBlock.copy($0, to: base + end) }
        unsafe base[end + count] = 0x0a
        end += count + 1
        return true
    }

    /// Appends some bytes of `source` as lines of their own, as `append(line:)` does, each from its
    /// start on; as many as there is room for. Gives their number.
    public func append(
        lines starts: Span<Int32>, _ byteCounts: Span<Int32>, of source: RawSpan
    ) -> Int {
        precondition(starts.count == byteCounts.count, "each line has a start and a count")
        let size = source.byteCount
        return unsafe source.withUnsafeBytes { bytes in
            guard let from = bytes.baseAddress else { return 0 }
            var target = end
            defer { end = target }
            for index in starts.indices {
                let (start, count) = (Int(starts[index]), Int(byteCounts[index]))
                precondition(start >= 0 && count >= 0 && start <= size &- count, "a line is inside")
                guard count < capacity &- target else { return index }
                if size &- start >= count &+ 15 {
                    unsafe InputBlock.copyWide(from + start, count, to: base + target)
                } else {
                    unsafe InputBlock.copy(
                        UnsafeRawBufferPointer(start: from + start, count: count),
                        to: base + target)
                }
                unsafe base[target &+ count] = 0x0a
                target &+= count &+ 1
            }
            return starts.count
        }
    }

    /// Copies the bytes with blanks in the place of newlines, sixteen at a time: up to fifteen more
    /// are read and written, for which there is room behind every place of a block.
    @inline(__always)
    private static func copyWide(
        _ line: UnsafeRawPointer, _ count: Int, to target: UnsafeMutablePointer<UInt8>
    ) {
        let target = UnsafeMutableRawPointer(target)
        let newLines = SIMD16<UInt8>(repeating: 0x0a)
        let blanks = SIMD16<UInt8>(repeating: 0x20)
        var index = 0
        while index < count {
            let bytes = unsafe line.loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
            unsafe target.storeBytes(
                of: bytes.replacing(with: blanks, where: bytes .== newLines),
                toByteOffset: index, as: SIMD16<UInt8>.self)
            index &+= 16
        }
    }

    /// Copies the bytes with blanks in the place of newlines, eight at a time: in a pass over what
    /// is copied anyway, without a branch.
    private static func copy(_ line: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<UInt8>)
    {
        guard let source = line.baseAddress else { return }
        let target = UnsafeMutableRawPointer(target)
        let count = line.count
        var index = 0
        while index &+ 8 <= count {
            let word = unsafe source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            unsafe target.storeBytes(of: blanked(word), toByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        if count >= 8 {
            // The last word overlaps the one before it.
            let word = unsafe source.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            unsafe target.storeBytes(of: blanked(word), toByteOffset: count &- 8, as: UInt64.self)
            return
        }
        while index < count {
            let byte = unsafe source.load(fromByteOffset: index, as: UInt8.self)
            unsafe target.storeBytes(
                of: byte == 0x0a ? 0x20 : byte, toByteOffset: index, as: UInt8.self)
            index &+= 1
        }
    }

    /// Eight bytes with blanks, 0x20, in the place of newlines, 0x0a.
    @inline(__always)
    private static func blanked(_ word: UInt64) -> UInt64 {
        let low: UInt64 = 0x7f7f_7f7f_7f7f_7f7f
        let rest = word ^ 0x0a0a_0a0a_0a0a_0a0a
        // 0x80 where a byte of `rest` is zero, and nowhere else.
        let hits = ~(((rest & low) &+ low) | rest | low)
        // 0x2a, the bits in which the two differ.
        return word ^ (hits &>> 2 | hits &>> 4 | hits &>> 6)
    }

    /// Puts the bytes of `other` from `position` on in front; false if the room is too small.
    func prepend(_ other: InputBlock, from position: Int) -> Bool {
        let count = other.end - position
        guard count <= start else { return false }
        start -= count
        unsafe (base + start).update(from: other.base + position, count: count)
        return true
    }

    /// What is left of `other` and behind it the bytes of `block`, in one block.
    static func joining(_ other: InputBlock, from position: Int, _ block: InputBlock) -> InputBlock
    {
        if block.prepend(other, from: position) { return block }
        let joined = InputBlock(capacity: other.end - position + block.count)
        joined.append(other.bytes.extracting(droppingFirst: position - other.start))
        joined.append(block.bytes)
        joined.seal()
        return joined
    }

    /// Puts the zeros behind the bytes.
    public func seal() {
        unsafe (base + end).update(repeating: 0, count: InputBlock.padding)
    }

    /// Forgets the bytes; only while nothing else holds the block.
    func clear() {
        start = min(InputBlock.headroom, capacity)
        end = start
    }

    /// Forgets the bytes, whose room can be filled again.
    public func removeAll() { end = start }

    /// Leaves out a byte order mark that the bytes begin with.
    public func dropByteOrderMark() {
        if count >= 3, unsafe base[start] == 0xef, unsafe base[start + 1] == 0xbb,
            unsafe base[start + 2] == 0xbf
        {
            start += 3
        }
    }

    /// The bytes begin with the mark of UTF-16.
    public var isUTF16: Bool {
        guard count >= 2 else { return false }
        let (first, second) = unsafe (base[start], base[start + 1])
        return first == 0xff && second == 0xfe || first == 0xfe && second == 0xff
    }

    /// Forgets what was put in front: to read the piece again.
    public func rewind(to start: Int) { self.start = start }
}

/// Blocks that are used again once no batch holds them.
public struct InputBlockPool: ~Copyable {
    private var blocks: [InputBlock] = []

    public init() {}

    /// An empty block with room for `capacity` bytes.
    public mutating func take(capacity: Int) -> InputBlock {
        for index in blocks.indices where isKnownUniquelyReferenced(&blocks[index]) {
            let block = blocks[index]
            guard block.capacity == capacity + InputBlock.headroom else { continue }
            block.clear()
            return block
        }
        let block = InputBlock(capacity: capacity)
        if blocks.count < FormatLimits.pooledBlocksMax { blocks.append(block) }
        return block
    }
}
