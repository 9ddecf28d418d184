import Platform
import Synchronization

/// The bytes that a connection has received and not yet used, in memory lent by its loop's pool.
///
/// Frames are decoded where they lie. A connection that has nothing pending holds no memory.
@safe struct InputBuffer: ~Copyable {
    private var memory = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private(set) var start = 0
    private(set) var end = 0
    private let pool: BufferPool

    init(pool: BufferPool) {
        self.pool = pool
    }

    deinit {
        if unsafe memory.baseAddress != nil { unsafe pool.give(memory) }
    }

    /// Bytes received and not used.
    var pending: Int { end - start }
    var capacity: Int { unsafe memory.count }

    /// The pending bytes; valid until the buffer is changed.
    var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start..<end])
    }

    /// Makes room so that `need` bytes from `start` on fit, and at least one more can be read.
    mutating func makeRoom(for need: Int, isShort: Bool = false) {
        if unsafe memory.baseAddress == nil {
            unsafe memory = pool.take(max(need, 1), isShort: isShort)
        }
        if start + need <= capacity && end < capacity { return }
        let wanted = max(need, pending + 1)
        if wanted <= capacity {
            unsafe memory.baseAddress?.copyMemory(
                from: memory.baseAddress.unsafelyUnwrapped + start, byteCount: pending)
        } else {
            let larger = unsafe pool.take(wanted)
            unsafe larger.copyMemory(from: UnsafeRawBufferPointer(bytes))
            unsafe pool.give(memory)
            unsafe memory = larger
        }
        end = pending
        start = 0
    }

    /// Where the next bytes go.
    var room: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[end...])
    }

    mutating func received(_ count: Int) { end += count }

    mutating func used(_ count: Int) { start += count }

    /// Gives the memory back if nothing is pending.
    mutating func rest() {
        guard pending == 0, unsafe memory.baseAddress != nil else { return }
        unsafe pool.give(memory)
        unsafe memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        start = 0
        end = 0
    }
}

/// Input buffers of one loop that are free, and what its connections hold of memory; used on that
/// loop only, but for the count.
@safe final class BufferPool: @unchecked Sendable {
    private var free: [UnsafeMutableRawBufferPointer] = unsafe []
    /// Bytes lent out now and held by answers, of this loop. Any thread may read it.
    private let held = Atomic<Int>(0)

    var heldBytes: Int { held.load(ordering: .relaxed) }

    /// Counts bytes that answers hold, or hold no more.
    func hold(_ bytes: Int) {
        // One thread writes.
        held.store(heldBytes + bytes, ordering: .relaxed)
    }

    deinit {
        unsafe free.forEach { unsafe $0.deallocate() }
    }

    func take(_ count: Int, isShort: Bool = false) -> UnsafeMutableRawBufferPointer {
        if isShort && count <= Limits.scarceBufferBytes {
            hold(Limits.scarceBufferBytes)
            return .allocate(byteCount: Limits.scarceBufferBytes, alignment: 64)
        }
        if count <= Limits.inputBufferBytes, let last = unsafe free.popLast() {
            hold(last.count)
            return unsafe last
        }
        // Twice the frame, so that the next one is read behind it without moving what has come.
        let size = count <= Limits.inputBufferBytes ? Limits.inputBufferBytes : 2 * count
        hold(size)
        return UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    }

    func give(_ buffer: UnsafeMutableRawBufferPointer) {
        hold(-buffer.count)
        if buffer.count == Limits.inputBufferBytes, unsafe free.count < Limits.pooledBuffersMax {
            unsafe free.append(buffer)
        } else {
            unsafe buffer.deallocate()
        }
    }
}
