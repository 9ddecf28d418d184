import Bytes
import Formats

/// A growing array of plain values that the groups of an operator index: keys, counts, sums.
///
/// It owns its memory. Kernels take `base` once a batch and index it with group numbers that the
/// owner knows to be below `count`.
@safe struct StateVector<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity = 0

    init() { unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: 1) }

    deinit { unsafe base.deallocate() }

    /// Makes elements below `count` exist; new ones are `value`.
    mutating func grow(to count: Int, filling value: Element) {
        guard count > self.count else { return }
        if count > capacity { makeRoom(count) }
        unsafe (base + self.count).initialize(repeating: value, count: count - self.count)
        self.count = count
    }

    /// Room for `count` elements without initialising them. By half at a time: what is behind the
    /// last element is never touched, so it costs addresses, not memory.
    private mutating func makeRoom(_ count: Int) {
        capacity = max(count, capacity + capacity / 2, 16)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        unsafe larger.update(from: base, count: self.count)
        unsafe base.deallocate()
        unsafe base = larger
    }

    mutating func append(_ value: Element) {
        if count == capacity { makeRoom(count + 1) }
        unsafe base[count] = value
        count += 1
    }

    mutating func removeAll() {
        unsafe base.deallocate()
        unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: 1)
        count = 0
        capacity = 0
    }

    subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "a state lies inside its vector")
            return unsafe base[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < count, "a state lies inside its vector")
            unsafe base[index] = newValue
        }
    }

    subscript(group: Int32) -> Element {
        get { self[Int(group)] }
        nonmutating set { self[Int(group)] = newValue }
    }

    var memory: Int { count * MemoryLayout<Element>.stride }

    /// The elements as they lie in memory, their count before them.
    func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: Int64(memory))
        unsafe target.append(UnsafeRawBufferPointer(start: base, count: memory))
    }

    mutating func read(_ source: inout StateReader) throws(SQLError) {
        let bytes = try source.blob()
        let stride = MemoryLayout<Element>.stride
        guard bytes.count % stride == 0 else {
            throw SQLError("the saved state of a group is damaged", .internalError)
        }
        removeAll()
        makeRoom(bytes.count / stride)
        count = bytes.count / stride
        unsafe bytes.withUnsafeBytes { raw in
            guard let start = raw.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(base).copyMemory(from: start, byteCount: raw.count)
        }
    }
}

extension OutputBuffer {
    /// Group numbers, their count before them.
    mutating func append(groups: [Int32]) {
        append(bigEndian: Int64(groups.count))
        for group in groups { append(bigEndian: group) }
    }
}

extension StateReader {
    /// What `append(groups:)` wrote; each lies in `0..<bound`.
    mutating func groups(below bound: Int) throws(SQLError) -> [Int32] {
        let count = Int(try integer(Int64.self))
        guard count >= 0, count <= remaining / 4 else {
            throw SQLError("the saved state ends too early", .internalError)
        }
        var groups: [Int32] = []
        groups.reserveCapacity(count)
        for _ in 0..<count {
            let group = try integer(Int32.self)
            guard group >= 0, group < bound else {
                throw SQLError("the saved state names a group that is not there", .internalError)
            }
            groups.append(group)
        }
        return groups
    }

    mutating func count() throws(SQLError) -> Int {
        let count = Int(try integer(Int64.self))
        guard count >= 0, count <= Int(Int32.max) else {
            throw SQLError("the saved state names a count that cannot be", .internalError)
        }
        return count
    }
}
