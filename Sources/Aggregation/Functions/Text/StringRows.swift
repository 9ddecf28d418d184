import Formats

/// The bytes of a column of strings, row by row; they live as long as the column.
@safe struct StringRows {
    private let base: UnsafePointer<StringView>
    private let mask: Int

    init(_ column: Column) {
        unsafe base = unsafe column.strings
        mask = column.indexMask
    }

    @inline(__always)
    subscript(row: Int) -> UnsafeRawBufferPointer { unsafe StringRows.bytes(base + (row & mask)) }

    func view(_ row: Int) -> StringView { unsafe base[row & mask] }

    /// What a view in memory shows: its own bytes 4 to 15, or those at the address that these hold.
    @inline(__always)
    static func bytes(_ view: UnsafePointer<StringView>) -> UnsafeRawBufferPointer {
        let raw = unsafe UnsafeRawPointer(view)
        let count = unsafe view.pointee.count
        if count <= StringView.inlineMax {
            return unsafe UnsafeRawBufferPointer(start: raw + 4, count: count)
        }
        let address = unsafe raw.load(fromByteOffset: 8, as: UInt.self)
        return unsafe UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: address), count: count)
    }
}

/// Writes the strings of a result one behind the other; each is ended by `end`, which gives its
/// view. The column that takes the views takes `arena` as their owner.
@safe struct StringWriter {
    let arena = ByteArena(blockSize: 16 * 1024)
    /// Bytes that were taken for strings.
    private(set) var taken = 16 * 1024
    private var start: UnsafeMutablePointer<UInt8>
    private var next: UnsafeMutablePointer<UInt8>
    private var limit: UnsafeMutablePointer<UInt8>

    init() {
        unsafe start = unsafe arena.allocate(16 * 1024)
        unsafe next = unsafe start
        unsafe limit = unsafe start + 16 * 1024
    }

    /// Room for `count` more bytes of the current string; `advance` says how many were written.
    @inline(__always)
    mutating func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if unsafe limit - next < count { grow(count) }
        return unsafe next
    }

    @inline(__always)
    mutating func advance(_ count: Int) { unsafe next += count }

    @inline(never)
    private mutating func grow(_ count: Int) {
        let used = unsafe next - start
        let capacity = max(16 * 1024, (used + count) * 2)
        let block = unsafe arena.allocate(capacity)
        taken += capacity
        unsafe block.update(from: start, count: used)
        unsafe start = unsafe block
        unsafe next = unsafe block + used
        unsafe limit = unsafe block + capacity
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        unsafe reserve(1).pointee = byte
        unsafe next += 1
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        let target = unsafe reserve(bytes.count)
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: base, byteCount: bytes.count)
        unsafe next += bytes.count
    }

    mutating func append(_ text: String) { for byte in text.utf8 { append(byte) } }

    mutating func append(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe append($0) } }

    mutating func append(_ scalar: Unicode.Scalar) {
        for byte in unsafe UTF8.encode(scalar).unsafelyUnwrapped { append(byte) }
    }

    /// Much has been written since the last look.
    @inline(never)
    func look(_ context: KernelContext) throws(SQLError) {
        guard count <= Limits.valueBytesMax else {
            throw SQLError("requested length too large", .programLimitExceeded)
        }
        try context.session.services?.reserve(taken)
    }

    /// Bytes of the current string so far.
    var count: Int { unsafe next - start }

    var written: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: start, count: next - start)
    }

    @inline(__always)
    mutating func end() -> StringView {
        let view = unsafe StringView(start, count: next - start)
        if unsafe next - start <= StringView.inlineMax {
            unsafe next = unsafe start
        } else {
            unsafe start = unsafe next
        }
        return view
    }
}

/// Loops over the rows of text functions.
enum TextLoop {
    /// A new string for each live row, written by `body`.
    @inline(__always)
    static func write(
        _ context: KernelContext,
        _ body: (Int, inout StringWriter) throws(SQLError) -> Void
    ) throws(SQLError) -> Column {
        let views = Buffer<StringView>(capacity: context.count)
        var writer = StringWriter()
        var looksAt = Limits.unheededBytes
        var row = 0
        while row < context.count {
            if context.isLive(row) {
                try body(row, &writer)
                if writer.taken > looksAt {
                    try writer.look(context)
                    looksAt = writer.taken + Limits.unheededBytes
                }
                unsafe views.base[row] = writer.end()
            } else {
                unsafe views.base[row] = StringView()
            }
            row &+= 1
        }
        return Column(
            context.type, count: context.count, .string(views, owners: [writer.arena]))
    }

    /// For each live row a part of the string in `column`, whose bytes it shares.
    @inline(__always)
    static func view(
        _ column: Column, _ context: KernelContext,
        _ body: (Int, UnsafeRawBufferPointer) throws(SQLError) -> Range<Int>
    ) throws(SQLError) -> Column {
        let views = Buffer<StringView>(capacity: context.count)
        let rows = StringRows(column)
        var row = 0
        while row < context.count {
            if context.isLive(row) {
                let bytes = unsafe rows[row]
                let range = unsafe try body(row, bytes)
                if let base = bytes.baseAddress, !range.isEmpty {
                    let start = unsafe (base + range.lowerBound).assumingMemoryBound(to: UInt8.self)
                    unsafe views.base[row] = unsafe StringView(start, count: range.count)
                } else {
                    unsafe views.base[row] = StringView()
                }
            } else {
                unsafe views.base[row] = StringView()
            }
            row &+= 1
        }
        guard case .string(_, let owners) = column.storage else { return column }
        return Column(context.type, count: context.count, .string(views, owners: owners))
    }

    /// An integer for each live row.
    @inline(__always)
    static func integers(
        _ context: KernelContext, _ body: (Int) throws(SQLError) -> Int64
    ) throws(SQLError) -> Column {
        let target = Buffer<Int64>(capacity: context.count)
        var row = 0
        while row < context.count {
            unsafe target.base[row] = context.isLive(row) ? try body(row) : 0
            row &+= 1
        }
        return Column(context.type, count: context.count, .integer(target))
    }

    /// A boolean for each live row.
    @inline(__always)
    static func booleans(
        _ context: KernelContext, _ body: (Int) throws(SQLError) -> Bool
    ) throws(SQLError) -> Column {
        let target = Buffer<UInt8>(capacity: context.count)
        var row = 0
        while row < context.count {
            let isTrue = context.isLive(row) ? try body(row) : false
            unsafe target.base[row] = isTrue ? 1 : 0
            row &+= 1
        }
        return Column(context.type, count: context.count, .boolean(target))
    }
}
