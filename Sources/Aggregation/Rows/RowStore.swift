import Formats

/// Rows kept by an operator, under small numbers (ids) that stay the same; see `RowCodec` and
/// `PageArena`.
@safe final class RowStore {
    let codec: RowCodec
    private let arena = PageArena()
    private let sizes = PlainVector<Int>()
    private let addresses = unsafe PlainVector<UnsafeMutableRawPointer>()
    /// Per row of the batch that is being encoded: where the next varying part goes.
    private let cursors = PlainVector<UInt32>()

    init(_ types: [DataType], keepsOriginals: Bool = false) {
        codec = RowCodec(types, keepsOriginals: keepsOriginals)
    }

    /// Ids are below this.
    var idLimit: Int { arena.idLimit }
    var liveCount: Int { arena.liveCount }
    var memory: Int { arena.memory }

    @inline(__always)
    func isLive(_ id: Int32) -> Bool { arena.isLive(id) }
    @inline(__always)
    func address(_ id: Int32) -> UnsafeMutableRawPointer { unsafe arena.address(id) }
    @inline(__always)
    func bytes(_ id: Int32) -> UnsafeRawBufferPointer { unsafe arena.bytes(id) }

    /// The bytes behind a column's slot, for a column of strings that is not null in the row.
    @inline(__always)
    func stringBytes(_ id: Int32, column: Int) -> UnsafeRawBufferPointer {
        unsafe RowCodec.part(arena.address(id), codec.slots[column])
    }

    @inline(__always)
    func word(_ id: Int32, column: Int) -> UInt64 {
        unsafe arena.address(id).loadUnaligned(fromByteOffset: codec.slots[column], as: UInt64.self)
    }

    @inline(__always)
    func isNull(_ id: Int32, column: Int) -> Bool {
        unsafe RowCodec.isNull(arena.address(id), column)
    }

    func free(_ id: Int32) { arena.free(id) }
    func compactIfSparse() { arena.compactIfSparse() }
    func removeAll() { arena.removeAll() }

    func isEqual(_ a: Int32, _ other: RowStore, _ b: Int32) -> Bool {
        unsafe equalBytes(arena.bytes(a), other.arena.bytes(b))
    }

    // MARK: encoding

    /// Adds rows of the columns: those at `rows`, or with nil the first `count`. Their ids go to
    /// `ids`.
    func append(
        _ columns: [Column], rows: UnsafePointer<Int32>?, count: Int, ids: PlainVector<Int32>
    ) {
        precondition(columns.count == codec.types.count, "a row has a value for each column")
        sizes.resizeUninitialised(to: count)
        unsafe sizes.base.update(repeating: codec.fixedSize, count: count)
        for (index, column) in columns.enumerated() { unsafe addSizes(column, index, rows, count) }
        unsafe addresses.resizeUninitialised(to: count)
        cursors.resizeUninitialised(to: count)
        ids.resizeUninitialised(to: count)
        for row in 0..<count {
            let (id, address) = unsafe arena.allocate(sizes.base[row])
            unsafe ids.base[row] = id
            unsafe addresses.base[row] = unsafe address
            unsafe cursors.base[row] = UInt32(truncatingIfNeeded: codec.fixedSize)
            unsafe address.initializeMemory(as: UInt8.self, repeating: 0, count: codec.fixedSize)
        }
        for (index, column) in columns.enumerated() { unsafe write(column, index, rows, count) }
    }

    func append(_ columns: [Column], count: Int, ids: PlainVector<Int32>) {
        unsafe append(columns, rows: nil, count: count, ids: ids)
    }

    private func addSizes(
        _ column: Column, _ index: Int, _ rows: UnsafePointer<Int32>?, _ count: Int
    ) {
        let mask = column.indexMask
        switch column.storage {
        case .boolean, .integer, .double, .interval: break
        case .string(let views, _):
            for position in 0..<count {
                let row = unsafe rows.map { unsafe Int($0[position]) } ?? position
                if !column.isNull(row) {
                    unsafe sizes.base[position] &+= views.base[row & mask].count
                }
            }
        case .numeric, .array, .record:
            for position in 0..<count {
                let row = unsafe rows.map { unsafe Int($0[position]) } ?? position
                unsafe sizes.base[position] += RowStore.nestedBytes(column, row).count
            }
        }
        guard codec.originals[index] >= 0, let text = column.original else { return }
        let texts = unsafe text.strings
        for position in 0..<count {
            let row = unsafe rows.map { unsafe Int($0[position]) } ?? position
            if !text.isNull(row) {
                unsafe sizes.base[position] &+= texts[row & text.indexMask].count
            }
        }
    }

    private static func nestedBytes(_ column: Column, _ row: Int) -> [UInt8] {
        if column.isNull(row) { return [] }
        var bytes: [UInt8] = []
        if case .numeric(let values) = column.storage {
            ValueBytes.append(values[row & column.indexMask], to: &bytes)
        } else {
            ValueBytes.append(column.value(row), to: &bytes)
        }
        return bytes
    }

    private func write(
        _ column: Column, _ index: Int, _ rows: UnsafePointer<Int32>?, _ count: Int
    ) {
        let slot = codec.slots[index]
        if column.validity != nil { unsafe writeNulls(column, index, rows, count) }
        switch column.storage {
        case .boolean(let buffer): unsafe writeFixed(buffer, column, slot, rows, count)
        case .integer(let buffer): unsafe writeFixed(buffer, column, slot, rows, count)
        case .double(let buffer): unsafe writeFixed(buffer, column, slot, rows, count)
        case .interval(let buffer): unsafe writeFixed(buffer, column, slot, rows, count)
        case .string: unsafe writeStrings(column, slot, rows, count)
        case .numeric, .array, .record:
            for position in 0..<count {
                let row = unsafe rows.map { unsafe Int($0[position]) } ?? position
                if column.isNull(row) { continue }
                let bytes = RowStore.nestedBytes(column, row)
                unsafe bytes.withUnsafeBytes { unsafe writePart($0, slot, position) }
            }
        }
        if codec.originals[index] >= 0, let text = column.original {
            unsafe writeStrings(text, codec.originals[index], rows, count)
        }
    }

    private func writeNulls(
        _ column: Column, _ index: Int, _ rows: UnsafePointer<Int32>?, _ count: Int
    ) {
        for position in 0..<count {
            let row = unsafe rows.map { unsafe Int($0[position]) } ?? position
            if column.isNull(row) {
                let byte = unsafe addresses.base[position] + index / 8
                let bits = unsafe byte.load(as: UInt8.self) | 1 << UInt8(index & 7)
                unsafe byte.storeBytes(of: bits, as: UInt8.self)
            }
        }
    }

    private func writeFixed<T: BitwiseCopyable>(
        _ buffer: Buffer<T>, _ column: Column, _ slot: Int, _ rows: UnsafePointer<Int32>?,
        _ count: Int
    ) {
        let mask = column.indexMask
        let hasNulls = column.validity != nil
        var position = 0
        while position < count {
            let row = unsafe rows.map { unsafe Int($0[position]) } ?? position
            if !hasNulls || !column.isNull(row) {
                unsafe addresses.base[position].storeBytes(
                    of: buffer.base[row & mask], toByteOffset: slot, as: T.self)
            }
            position &+= 1
        }
    }

    private func writeStrings(
        _ column: Column, _ slot: Int, _ rows: UnsafePointer<Int32>?, _ count: Int
    ) {
        let views = unsafe column.strings
        let mask = column.indexMask
        var position = 0
        while position < count {
            let row = unsafe rows.map { unsafe Int($0[position]) } ?? position
            if !column.isNull(row) {
                unsafe views[row & mask].withBytes { unsafe writePart($0, slot, position) }
            }
            position &+= 1
        }
    }

    @inline(__always)
    private func writePart(_ bytes: UnsafeRawBufferPointer, _ slot: Int, _ position: Int) {
        let address = unsafe addresses.base[position]
        let start = unsafe cursors.base[position]
        let count = UInt32(truncatingIfNeeded: bytes.count)
        unsafe address.storeBytes(of: start, toByteOffset: slot, as: UInt32.self)
        unsafe address.storeBytes(of: count, toByteOffset: slot &+ 4, as: UInt32.self)
        if let source = bytes.baseAddress, bytes.count > 0 {
            unsafe (address + Int(start)).copyMemory(from: source, byteCount: bytes.count)
        }
        unsafe cursors.base[position] = start &+ count
    }

    /// Adds a row as `bytes` gave it, of a store of the same types.
    func append(encoded bytes: UnsafeRawBufferPointer) -> Int32 {
        precondition(bytes.count >= codec.fixedSize, "a row has its fixed part")
        let (id, address) = unsafe arena.allocate(bytes.count)
        if let start = bytes.baseAddress {
            unsafe address.copyMemory(from: start, byteCount: bytes.count)
        }
        return id
    }

    // MARK: decoding

    /// Rows as columns again, in the order of `ids`; -1 makes a row of nulls. `wanted` are columns
    /// of the store, nil: all.
    func decode(_ ids: UnsafeBufferPointer<Int32>, wanted: [Int]? = nil) -> [Column] {
        unsafe addresses.resizeUninitialised(to: ids.count)
        let nothing = RowStore.rowOfNulls(codec)
        for index in 0..<ids.count {
            if unsafe ids[index] < 0 {
                unsafe addresses.base[index] = UnsafeMutableRawPointer(nothing.base)
            } else {
                unsafe addresses.base[index] = arena.address(ids[index])
            }
        }
        // The row of nulls lives as long as its addresses are read.
        return withExtendedLifetime(nothing) {
            let list = wanted ?? Array(codec.types.indices)
            return list.map { column($0, ids.count) }
        }
    }

    func decode(_ ids: [Int32], wanted: [Int]? = nil) -> [Column] {
        unsafe ids.withUnsafeBufferPointer { unsafe decode($0, wanted: wanted) }
    }

    private static func rowOfNulls(_ codec: RowCodec) -> Buffer<UInt8> {
        let row = Buffer<UInt8>(repeating: 0, count: max(codec.fixedSize, 1))
        for index in 0..<(codec.types.count + 7) / 8 { row[index] = 255 }
        return row
    }

    private func column(_ index: Int, _ count: Int) -> Column {
        let type = codec.types[index]
        let slot = codec.slots[index]
        let validity = decodedValidity(index, count)
        switch type.layout {
        case .boolean:
            return Column(type, count: count, .boolean(fixed(slot, count)), validity: validity)
        case .integer:
            return Column(
                type, count: count, .integer(fixed(slot, count)), validity: validity,
                original: original(index, count))
        case .double:
            return Column(type, count: count, .double(fixed(slot, count)), validity: validity)
        case .interval:
            return Column(type, count: count, .interval(fixed(slot, count)), validity: validity)
        case .string: return strings(type, slot, count, validity)
        case .numeric, .array, .record: return nested(type, slot, count, validity)
        }
    }

    private func decodedValidity(_ index: Int, _ count: Int) -> Bitmap? {
        var target: Bitmap?
        let byte = index &>> 3
        let bit = UInt8(1) &<< UInt8(index & 7)
        for row in 0..<count
        where unsafe addresses.base[row].load(fromByteOffset: byte, as: UInt8.self) & bit != 0 {
            let bits = target ?? Bitmap.allSet(count)
            bits.clear(row)
            target = bits
        }
        return target
    }

    private func fixed<T: BitwiseCopyable>(_ slot: Int, _ count: Int) -> Buffer<T> {
        let target = Buffer<T>(capacity: count)
        let base = unsafe target.base
        let addresses = unsafe addresses.base
        var row = 0
        while row < count {
            unsafe base[row] = unsafe addresses[row].loadUnaligned(fromByteOffset: slot, as: T.self)
            row &+= 1
        }
        return target
    }

    private func strings(
        _ type: DataType, _ slot: Int, _ count: Int, _ validity: Bitmap?
    ) -> Column {
        var total = 0
        for row in 0..<count {
            let part = unsafe RowCodec.part(addresses.base[row], slot)
            if part.count > StringView.inlineMax { total &+= part.count }
        }
        let target = Buffer<StringView>(capacity: count)
        let arena = ByteArena(blockSize: max(total, 1))
        for row in 0..<count {
            unsafe target.base[row] = unsafe arena.copy(RowCodec.part(addresses.base[row], slot))
        }
        return Column(
            type, count: count, .string(target, owners: total > 0 ? [arena] : []),
            validity: validity)
    }

    private func original(_ index: Int, _ count: Int) -> Column? {
        let slot = codec.originals[index]
        guard slot >= 0 else { return nil }
        var validity: Bitmap?
        var isAny = false
        for row in 0..<count {
            if unsafe RowCodec.part(addresses.base[row], slot).count > 0 {
                isAny = true
            } else {
                let bits = validity ?? Bitmap.allSet(count)
                bits.clear(row)
                validity = bits
            }
        }
        return isAny ? strings(.text, slot, count, validity) : nil
    }

    private func nested(
        _ type: DataType, _ slot: Int, _ count: Int, _ validity: Bitmap?
    ) -> Column {
        let builder = ColumnBuilder(type, capacity: count)
        for row in 0..<count {
            if let validity, !validity.isSet(row) {
                builder.appendNull()
                continue
            }
            var reader = unsafe ValueBytes.Reader(bytes: RowCodec.part(addresses.base[row], slot))
            if type.layout == .numeric {
                builder.append(numeric: reader.numeric())
            } else {
                builder.append(reader.value())
            }
        }
        return builder.finish()
    }

    func write(_ state: inout OutputBuffer) { arena.write(&state) }
    func read(_ state: inout StateReader) throws(SQLError) {
        try arena.read(&state)
        for id in 0..<Int32(arena.idLimit) where arena.isLive(id) {
            guard unsafe arena.bytes(id).count >= codec.fixedSize else {
                throw SQLError("the saved state has a broken row", .internalError)
            }
        }
    }
}
