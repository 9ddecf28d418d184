import Formats

/// A growing array of plain values whose memory hot loops reach through a pointer, and which goes
/// into saved state as it is. Owned by one operator and used on its thread.
@safe final class PlainVector<Element: BitwiseCopyable> {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 0) {
        self.capacity = max(capacity, 16)
        unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: self.capacity)
    }

    deinit { unsafe base.deallocate() }

    var memory: Int { capacity * MemoryLayout<Element>.stride }

    @inline(__always)
    func append(_ value: Element) {
        if count == capacity { grow(count + 1) }
        unsafe base[count] = value
        count &+= 1
    }

    @inline(never)
    private func grow(_ needed: Int) {
        let larger = max(capacity * 2, needed)
        let moved = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        unsafe moved.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = unsafe moved
        capacity = larger
    }

    /// Cuts, or adds elements that hold `value`.
    func resize(to newCount: Int, filling value: Element) {
        if newCount > capacity { grow(newCount) }
        if newCount > count {
            unsafe (base + count).update(repeating: value, count: newCount - count)
        }
        count = newCount
    }

    /// Room for `newCount` elements, the new ones uninitialised.
    func resizeUninitialised(to newCount: Int) {
        if newCount > capacity { grow(newCount) }
        count = newCount
    }

    func removeAll() { count = 0 }

    func removeLast() -> Element {
        precondition(count > 0, "an element is taken from a vector that has one")
        count &-= 1
        return unsafe base[count]
    }

    @inline(__always)
    subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "a vector is read inside its bounds")
            return unsafe base[index]
        }
        set {
            precondition(index >= 0 && index < count, "a vector is written inside its bounds")
            unsafe base[index] = newValue
        }
    }

    func write(_ state: inout OutputBuffer) {
        let bytes = unsafe UnsafeRawBufferPointer(
            start: base, count: count * MemoryLayout<Element>.stride)
        state.append(bigEndian: Int64(bytes.count))
        unsafe state.append(bytes)
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        let bytes = try state.blob()
        let stride = MemoryLayout<Element>.stride
        guard bytes.count % stride == 0 else {
            throw SQLError("the saved state has a broken array", .internalError)
        }
        resizeUninitialised(to: bytes.count / stride)
        unsafe bytes.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(start: base, count: bytes.count)
                .copyMemory(from: source)
        }
    }
}
