/// The bytes a codec writes, with every access checked against their count.
///
/// Copies may scribble past what they were asked for, never past `count`; what is behind the end of
/// a copy is written next or cut off.
@safe
struct TargetBytes {
    private let bytes: UnsafeMutableRawBufferPointer
    let count: Int

    @inline(__always)
    init(_ bytes: UnsafeMutableRawBufferPointer) {
        unsafe self.bytes = bytes
        self.count = bytes.count
    }

    @inline(__always)
    private func check(_ index: Int, _ size: Int) {
        precondition(
            index >= 0 && size >= 0 && index <= count &- size, "write outside of the target")
    }

    @inline(__always)
    subscript(_ index: Int) -> UInt8 {
        get {
            check(index, 1)
            return unsafe bytes[index]
        }
        nonmutating set {
            check(index, 1)
            unsafe bytes[index] = newValue
        }
    }

    /// Stores a little-endian integer at `index`.
    @inline(__always)
    func store16(_ value: UInt16, at index: Int) {
        check(index, 2)
        unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: index, as: UInt16.self)
    }

    @inline(__always)
    func store32(_ value: UInt32, at index: Int) {
        check(index, 4)
        unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: index, as: UInt32.self)
    }

    @inline(__always)
    func store64(_ value: UInt64, at index: Int) {
        check(index, 8)
        unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: index, as: UInt64.self)
    }

    /// Copies `size` bytes from the source.
    @inline(__always)
    func copy(_ size: Int, from source: SourceBytes, at start: Int, to index: Int) {
        check(index, size)
        guard let from = unsafe source.pointer(start, size),
            let base = unsafe bytes.baseAddress
        else { return }
        let into = unsafe base + index
        // Short copies in steps of 16: most literal runs are shorter than a call of memcpy.
        if size <= 64 && start &+ 64 <= source.count && index &+ 64 <= count {
            var done = 0
            repeat {
                unsafe into.storeBytes(
                    of: from.loadUnaligned(fromByteOffset: done, as: SIMD2<UInt64>.self),
                    toByteOffset: done, as: SIMD2<UInt64>.self)
                done &+= 16
            } while done < size
        } else {
            unsafe into.copyMemory(from: from, byteCount: size)
        }
    }

    /// Repeats `size` bytes from `distance` before `index`; the ranges may overlap (LZ77).
    @inline(__always)
    func copyMatch(_ size: Int, distance: Int, at index: Int) {
        check(index, size)
        precondition(distance > 0 && distance <= index, "match before the start of the target")
        guard let base = unsafe bytes.baseAddress else { return }
        let into = unsafe base + index
        let from = unsafe UnsafeRawPointer(into) - distance
        if distance >= 16 && size <= count &- index &- 16 {
            var done = 0
            repeat {
                unsafe into.storeBytes(
                    of: from.loadUnaligned(fromByteOffset: done, as: SIMD2<UInt64>.self),
                    toByteOffset: done, as: SIMD2<UInt64>.self)
                done &+= 16
            } while done < size
        } else {
            unsafe Self.copyClose(into, from, size, distance, room: count &- index)
        }
    }

    /// The rarer match: its ranges overlap within 16 bytes, or the target's end is near.
    @inline(never)
    @unsafe
    private static func copyClose(
        _ into: UnsafeMutableRawPointer, _ from: UnsafeRawPointer, _ size: Int, _ distance: Int,
        room: Int
    ) {
        if distance == 1 {
            let byte = unsafe from.load(as: UInt8.self)
            unsafe into.initializeMemory(as: UInt8.self, repeating: byte, count: size)
            return
        }
        // What repeats every `distance` bytes also repeats every multiple of it: once enough of it
        // is written byte by byte, the multiple that is at least 8 lets words be copied.
        let multiple = distance >= 8 ? distance : (7 / distance &+ 1) &* distance
        let headEnd = min(size, multiple &- distance)
        var done = 0
        while done < headEnd {
            unsafe into.storeBytes(
                of: from.load(fromByteOffset: done, as: UInt8.self), toByteOffset: done,
                as: UInt8.self)
            done &+= 1
        }
        let back = unsafe UnsafeRawPointer(into) - multiple
        while done < size, done &+ 8 <= room {
            unsafe into.storeBytes(
                of: back.loadUnaligned(fromByteOffset: done, as: UInt64.self), toByteOffset: done,
                as: UInt64.self)
            done &+= 8
        }
        while done < size {
            unsafe into.storeBytes(
                of: back.load(fromByteOffset: done, as: UInt8.self), toByteOffset: done,
                as: UInt8.self)
            done &+= 1
        }
    }

    /// Writes `value` into `size` bytes.
    func fill(_ size: Int, with value: UInt8, at index: Int) {
        check(index, size)
        guard let base = unsafe bytes.baseAddress else { return }
        unsafe (base + index).initializeMemory(as: UInt8.self, repeating: value, count: size)
    }

    /// What was written so far, to read it again.
    func written(_ range: Range<Int>) -> SourceBytes {
        check(range.lowerBound, range.count)
        return unsafe SourceBytes(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
}

extension [UInt8] {
    /// An array that a codec fills: `body` writes into at most `capacity` bytes and gives how many.
    init(capacity: Int, writing body: (TargetBytes) -> Int) {
        unsafe self.init(unsafeUninitializedCapacity: capacity) { buffer, count in
            let size = body(unsafe TargetBytes(UnsafeMutableRawBufferPointer(buffer)))
            precondition(size >= 0 && size <= capacity)
            count = size
        }
    }
}
