import Formats

/// The encoded keys of the rows of a batch, one behind the other; reused from batch to batch.
@safe final class KeyBytes {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private var capacity = 4096
    /// Where each row's key begins; one more at the end.
    let offsets = PlainVector<Int>()
    /// Where the next byte of each row goes, while a batch is encoded.
    let cursors = unsafe PlainVector<UnsafeMutablePointer<UInt8>>()
    private(set) var count = 0

    init() { unsafe base = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity) }

    deinit { unsafe base.deallocate() }

    var memory: Int { unsafe capacity + offsets.memory + cursors.memory }

    /// Makes room: `sizes[i]` bytes for row i.
    func begin(_ sizes: UnsafePointer<Int>, count: Int) {
        self.count = count
        offsets.resizeUninitialised(to: count + 1)
        unsafe cursors.resizeUninitialised(to: count)
        var total = 0
        var row = 0
        while row < count {
            unsafe offsets.base[row] = total
            unsafe total &+= sizes[row]
            row &+= 1
        }
        unsafe offsets.base[count] = total
        // Eight bytes more, so that a prefix can be loaded at once.
        if total + 8 > capacity {
            unsafe base.deallocate()
            capacity = max(capacity * 2, total + 8)
            unsafe base = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        }
        row = 0
        while row < count {
            unsafe cursors.base[row] = unsafe base + offsets.base[row]
            row &+= 1
        }
    }

    @inline(__always)
    func bytes(_ row: Int) -> UnsafeRawBufferPointer {
        precondition(row >= 0 && row < count, "a key is one of the batch")
        let start = unsafe offsets.base[row]
        return unsafe UnsafeRawBufferPointer(
            start: base + start, count: offsets.base[row &+ 1] &- start)
    }

    /// The first eight bytes as a number that orders like them; zeros where the key is shorter.
    @inline(__always)
    func prefix(_ row: Int) -> UInt64 { unsafe keyPrefix(bytes(row)) }
}

/// The first eight bytes as a number that orders like them, filled with zeros.
@inline(__always)
func keyPrefix(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    if bytes.count >= 8 { return unsafe bytes.loadUnaligned(as: UInt64.self).bigEndian }
    var value: UInt64 = 0
    var index = 0
    while index < bytes.count {
        unsafe value |= UInt64(bytes[index]) &<< UInt64(56 &- index &* 8)
        index &+= 1
    }
    return value
}

/// A hash of bytes by folded 64x64 multiplications (after Wang Yi's wyhash).
@inline(__always)
func hashBytes(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(bytes.count)
    var index = 0
    while bytes.count &- index >= 8 {
        hash = unsafe mixHash(hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        index &+= 8
    }
    if index < bytes.count {
        var rest: UInt64 = 0
        if bytes.count >= 8 {
            // The last eight bytes; what was hashed before does no harm.
            rest = unsafe bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self)
        } else {
            rest = unsafe keyPrefix(bytes)
        }
        hash = mixHash(hash ^ rest)
    }
    return hash
}

@inline(__always)
func mixHash(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
}
