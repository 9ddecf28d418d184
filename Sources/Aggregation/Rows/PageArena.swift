import Formats

/// Strings of bytes under dense numbers (ids), in pages of 64 KiB that hold no pointers.
///
/// An id stays the same when pages are compacted. An address holds until the next `allocate`,
/// `compact` or `read`. Owned by one operator.
@safe final class PageArena {
    static let pageSize = 64 * 1024
    /// Each entry begins with its length.
    private static let headerSize = 4
    private static let freeMark: UInt64 = 1 << 63

    @safe private struct Page {
        var base: UnsafeMutableRawPointer
        var capacity: Int
        var used: Int
        var live: Int
    }

    private var pages: [Page] = []
    /// Base addresses of the pages again, for hot loops.
    private let bases = unsafe PlainVector<UnsafeMutableRawPointer>()
    /// Per id: page in the high half, offset in the low one; or the next free id.
    private let places = PlainVector<UInt64>()
    private var freeID: Int32 = -1
    private var freePages: [Int] = []
    private var current = -1
    private var pageBytes = 0
    private var liveBytes = 0
    private(set) var liveCount = 0

    deinit { releasePages() }

    private func releasePages() {
        for index in pages.indices where pages[index].capacity > 0 {
            unsafe pages[index].base.deallocate()
        }
    }

    /// Ids are below this.
    var idLimit: Int { places.count }
    var memory: Int { pageBytes + places.memory }

    @inline(__always)
    func isLive(_ id: Int32) -> Bool { places[Int(id)] & Self.freeMark == 0 }

    @inline(__always)
    private static func size(_ count: Int) -> Int { (count &+ headerSize &+ 3) & ~3 }

    /// Uninitialised room for `count` bytes.
    func allocate(_ count: Int) -> (id: Int32, address: UnsafeMutableRawPointer) {
        let size = Self.size(count)
        if current < 0 || size > pages[current].capacity &- pages[current].used {
            return unsafe allocateInNewPage(count, size)
        }
        return unsafe place(count, size, current)
    }

    @inline(never)
    private func allocateInNewPage(
        _ count: Int, _ size: Int
    ) -> (id: Int32, address: UnsafeMutableRawPointer) {
        if size > Self.pageSize { return unsafe place(count, size, addPage(size)) }
        let page = freePages.popLast() ?? addPage(Self.pageSize)
        current = page
        return unsafe place(count, size, page)
    }

    private func addPage(_ capacity: Int) -> Int {
        let base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        pageBytes += capacity
        unsafe pages.append(Page(base: base, capacity: capacity, used: 0, live: 0))
        unsafe bases.append(base)
        return pages.count - 1
    }

    @inline(__always)
    private func place(
        _ count: Int, _ size: Int, _ page: Int
    ) -> (id: Int32, address: UnsafeMutableRawPointer) {
        let offset = pages[page].used
        pages[page].used = offset &+ size
        pages[page].live &+= size
        liveBytes &+= size
        liveCount &+= 1
        let start = unsafe bases.base[page] + offset
        unsafe start.storeBytes(of: UInt32(truncatingIfNeeded: count), as: UInt32.self)
        let value = UInt64(page) &<< 32 | UInt64(offset)
        let id: Int32
        if freeID >= 0 {
            id = freeID
            freeID = Int32(truncatingIfNeeded: Int64(places[Int(id)] & ~Self.freeMark) &- 1)
            places[Int(id)] = value
        } else {
            precondition(places.count < Int(Int32.max), "an operator keeps at most 2^31 rows")
            id = Int32(truncatingIfNeeded: places.count)
            places.append(value)
        }
        return unsafe (id, start + Self.headerSize)
    }

    @inline(__always)
    func address(_ id: Int32) -> UnsafeMutableRawPointer {
        precondition(id >= 0 && Int(id) < places.count, "an id is one that was given out")
        let place = unsafe places.base[Int(id)]
        precondition(place & Self.freeMark == 0, "an id is in use")
        return unsafe bases.base[Int(place &>> 32)] + (Int(place & 0xffff_ffff) &+ Self.headerSize)
    }

    @inline(__always)
    func bytes(_ id: Int32) -> UnsafeRawBufferPointer {
        let start = unsafe address(id)
        let count = unsafe (start - Self.headerSize).load(as: UInt32.self)
        return unsafe UnsafeRawBufferPointer(start: start, count: Int(count))
    }

    func free(_ id: Int32) {
        let size = unsafe Self.size(bytes(id).count)
        let page = Int(places[Int(id)] >> 32)
        places[Int(id)] = Self.freeMark | UInt64(Int64(freeID) + 1)
        freeID = id
        liveCount -= 1
        liveBytes -= size
        pages[page].live -= size
        guard pages[page].live == 0 else { return }
        if page == current {
            pages[page].used = 0
        } else if pages[page].capacity == Self.pageSize {
            pages[page].used = 0
            freePages.append(page)
        } else {
            unsafe pages[page].base.deallocate()
            pageBytes -= pages[page].capacity
            pages[page].capacity = 0
        }
    }

    /// Gives memory back where less than half of it is in use; addresses change then.
    func compactIfSparse() {
        guard pageBytes > 1 << 20, liveBytes * 2 < pageBytes - Self.pageSize else { return }
        let oldPages = pages
        pages = []
        freePages = []
        unsafe bases.removeAll()
        pageBytes = 0
        current = -1
        var page = -1
        for id in 0..<places.count where places[id] & Self.freeMark == 0 {
            let old = oldPages[Int(places[id] >> 32)]
            let source = unsafe old.base + Int(places[id] & 0xffff_ffff)
            let size = unsafe Self.size(Int(source.load(as: UInt32.self)))
            var target = page
            if size > Self.pageSize {
                target = addPage(size)
            } else if page < 0 || size > pages[page].capacity - pages[page].used {
                page = addPage(Self.pageSize)
                target = page
            }
            let offset = pages[target].used
            unsafe (pages[target].base + offset).copyMemory(from: source, byteCount: size)
            pages[target].used += size
            pages[target].live += size
            places[id] = UInt64(target) << 32 | UInt64(offset)
        }
        current = page
        for old in oldPages where old.capacity > 0 { unsafe old.base.deallocate() }
    }

    func removeAll() {
        releasePages()
        pages = []
        unsafe bases.removeAll()
        places.removeAll()
        freePages = []
        freeID = -1
        current = -1
        pageBytes = 0
        liveBytes = 0
        liveCount = 0
    }

    func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: Int64(freeID))
        places.write(&state)
        state.append(bigEndian: Int64(liveCount))
        for id in 0..<Int32(places.count) where isLive(id) {
            let bytes = unsafe bytes(id)
            state.append(bigEndian: Int64(bytes.count))
            unsafe state.append(bytes)
        }
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        removeAll()
        let savedFree = Int32(truncatingIfNeeded: try state.integer(Int64.self))
        let saved = PlainVector<UInt64>()
        try saved.read(&state)
        let live = try state.integer(Int64.self)
        for id in 0..<saved.count where saved[id] & Self.freeMark == 0 {
            let bytes = try state.blob()
            // Ids are given out from 0, so entry `id` gets its old number by place.
            while places.count < id { places.append(saved[places.count]) }
            let new = unsafe allocate(bytes.count)
            unsafe bytes.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(start: new.address, count: source.count)
                    .copyMemory(from: source)
            }
        }
        while places.count < saved.count { places.append(saved[places.count]) }
        freeID = savedFree
        guard live == Int64(liveCount), savedFree >= -1, Int(savedFree) < max(places.count, 1)
        else { throw SQLError("the saved state has a broken arena", .internalError) }
    }
}
