import Aggregation
import Bytes
import Formats

// Batches as bytes of a journal. Columns lie there as they do in memory, least significant byte
// first, integers in as few bytes as the range of the column needs.
extension OutputBuffer {
    mutating func append(batch: Batch) {
        append(bigEndian: Int32(batch.count))
        let flags = (batch.weights == nil ? 0 : 1) | (batch.watermarks == nil ? 0 : 2)
        append(UInt8(flags))
        if let weights = batch.weights { append(integers: weights, count: batch.count) }
        if let marks = batch.watermarks { append(integers: marks, count: batch.count) }
        for column in batch.columns { append(column: column) }
    }

    private mutating func append(column: Column) {
        let count = column.isConstant ? min(1, column.count) : column.count
        var flags: UInt8 = column.isConstant ? 1 : 0
        if column.validity != nil { flags |= 2 }
        if column.original != nil { flags |= 4 }
        append(flags)
        if let validity = column.validity {
            append(plain: validity, count: (count + 63) / 64)
        }
        switch column.storage {
        case .boolean(let buffer): append(plain: buffer, count: count)
        case .integer(let buffer): append(integers: buffer, count: count)
        case .double(let buffer): append(plain: buffer, count: count)
        case .interval(let buffer): append(plain: buffer, count: count)
        case .string(let views, _): append(strings: views, of: column, count: count)
        case .numeric(let values):
            for row in 0..<count {
                append(value: column.isNull(row) ? .null : .numeric(values[row]))
            }
        case .array(let offsets, let elements):
            append(plain: offsets, count: count + 1)
            append(bigEndian: Int32(elements.count))
            append(column: elements)
        case .record(let members): for member in members { append(column: member) }
        }
        if let original = column.original { append(column: original) }
    }

    private mutating func append<Element: BitwiseCopyable>(plain: Buffer<Element>, count: Int) {
        precondition(count <= plain.capacity, "a column has as many values as rows")
        unsafe append(
            UnsafeRawBufferPointer(
                start: plain.base, count: count * MemoryLayout<Element>.stride))
    }

    /// The smallest of them, and what each lies above it.
    private mutating func append(integers: Buffer<Int64>, count: Int) {
        precondition(count <= integers.capacity, "a column has as many values as rows")
        var (least, largest) = (Int64.max, Int64.min)
        var row = 0
        while row < count {
            unsafe least = min(least, integers.base[row])
            unsafe largest = max(largest, integers.base[row])
            row &+= 1
        }
        let width = PackedWidth(range: UInt64(bitPattern: largest &- least))
        append(width.rawValue)
        append(bigEndian: least)
        switch width {
        case .one: append(packed: integers, count, least, UInt8.self)
        case .two: append(packed: integers, count, least, UInt16.self)
        case .four: append(packed: integers, count, least, UInt32.self)
        case .eight: append(packed: integers, count, least, UInt64.self)
        }
    }

    private mutating func append<Packed: FixedWidthInteger & BitwiseCopyable>(
        packed integers: Buffer<Int64>, _ count: Int, _ least: Int64, _ type: Packed.Type
    ) {
        let size = MemoryLayout<Packed>.size
        unsafe append(count: count * size) { target in
            guard let base = target.baseAddress else { return }
            var row = 0
            while row < count {
                unsafe base.storeBytes(
                    of: Packed(truncatingIfNeeded: integers.base[row] &- least),
                    toByteOffset: row &* size, as: Packed.self)
                row &+= 1
            }
        }
    }

    /// Their lengths, then all bytes. What lies under a null is left out.
    private mutating func append(
        strings views: Buffer<StringView>, of column: Column, count: Int
    ) {
        let lengths = Buffer<Int64>(repeating: 0, count: count)
        var total = 0
        for row in 0..<count where !column.isNull(row) {
            lengths[row] = Int64(views[row].count)
            total += views[row].count
        }
        append(integers: lengths, count: count)
        append(bigEndian: Int64(total))
        reserve(total)
        for row in 0..<count where lengths[row] > 0 {
            unsafe views[row].withBytes { unsafe append($0) }
        }
    }
}

/// Bytes of each integer of a column.
private enum PackedWidth: UInt8 {
    case one = 1
    case two = 2
    case four = 4
    case eight = 8

    init(range: UInt64) {
        self =
            switch range {
            case ..<0x100: .one
            case ..<0x1_0000: .two
            case ..<0x1_0000_0000: .four
            default: .eight
            }
    }
}

extension StateReader {
    /// A batch whose columns are of these types, as `append(batch:)` wrote it.
    mutating func batch(_ types: [DataType]) throws(SQLError) -> Batch {
        let count = Int(try integer(Int32.self))
        guard (0...Batch.rowsMax).contains(count) else { throw Self.damagedRows }
        let flags = try integer(UInt8.self)
        let weights = flags & 1 == 0 ? nil : try integers(count)
        let marks = flags & 2 == 0 ? nil : try integers(count)
        var columns: [Column] = []
        for type in types { columns.append(try column(type, count)) }
        return Batch(columns, count: count, weights: weights, watermarks: marks)
    }

    private static let damagedRows = SQLError("the saved rows are damaged", .internalError)

    private mutating func column(_ type: DataType, _ rows: Int) throws(SQLError) -> Column {
        let flags = try integer(UInt8.self)
        let isConstant = flags & 1 != 0
        let count = isConstant ? min(1, rows) : rows
        let validity = flags & 2 == 0 ? nil : try plain(UInt64.self, (count + 63) / 64)
        let storage: Column.Storage
        switch type.layout {
        case .boolean: storage = .boolean(try plain(UInt8.self, count))
        case .integer: storage = .integer(try integers(count))
        case .double: storage = .double(try plain(Double.self, count))
        case .interval: storage = .interval(try plain(Interval.self, count))
        case .string: storage = try strings(count)
        case .numeric: storage = .numeric(try numerics(count))
        case .array: storage = try arrays(type, count)
        case .record:
            guard case .record(let fields) = type else { throw Self.damagedRows }
            var members: [Column] = []
            for field in fields { members.append(try column(field.type, count)) }
            storage = .record(members)
        }
        let original = flags & 4 == 0 ? nil : try column(.text, rows)
        return Column(
            type, count: rows, storage, validity: validity, isConstant: isConstant,
            original: original)
    }

    private mutating func plain<Element: BitwiseCopyable>(
        _ type: Element.Type, _ count: Int
    ) throws(SQLError) -> Buffer<Element> {
        let size = count * MemoryLayout<Element>.stride
        return try unsafe withBytes(size) { source in
            let buffer = Buffer<Element>(capacity: count)
            unsafe UnsafeMutableRawBufferPointer(start: buffer.base, count: size)
                .copyMemory(from: source)
            return buffer
        }
    }

    private mutating func integers(_ count: Int) throws(SQLError) -> Buffer<Int64> {
        guard let width = PackedWidth(rawValue: try integer(UInt8.self)) else {
            throw Self.damagedRows
        }
        let least = try integer(Int64.self)
        switch width {
        case .one: return try unpacked(count, least, UInt8.self)
        case .two: return try unpacked(count, least, UInt16.self)
        case .four: return try unpacked(count, least, UInt32.self)
        case .eight: return try unpacked(count, least, UInt64.self)
        }
    }

    private mutating func unpacked<Packed: FixedWidthInteger & BitwiseCopyable>(
        _ count: Int, _ least: Int64, _ type: Packed.Type
    ) throws(SQLError) -> Buffer<Int64> {
        let size = MemoryLayout<Packed>.size
        return try unsafe withBytes(count * size) { source in
            let buffer = Buffer<Int64>(capacity: count)
            for row in 0..<count {
                let above = unsafe source.loadUnaligned(
                    fromByteOffset: row * size, as: Packed.self)
                buffer[row] = least &+ Int64(truncatingIfNeeded: above)
            }
            return buffer
        }
    }

    private mutating func strings(_ count: Int) throws(SQLError) -> Column.Storage {
        let lengths = try integers(count)
        let total = Int(try integer(Int64.self))
        var sum = 0
        for row in 0..<count {
            guard (0...Int64(total)).contains(lengths[row]) else { throw Self.damagedRows }
            sum += Int(lengths[row])
        }
        guard sum == total, total <= remaining else { throw Self.damagedRows }
        return try unsafe withBytes(total) { source in
            // Scanners of JSON read some bytes past the end.
            let bytes = Buffer<UInt8>(repeating: 0, count: total + InputBlock.padding)
            unsafe UnsafeMutableRawBufferPointer(start: bytes.base, count: total)
                .copyMemory(from: source)
            let views = Buffer<StringView>(capacity: count)
            var start = 0
            for row in 0..<count {
                let length = Int(lengths[row])
                views[row] = unsafe StringView(bytes.base + start, count: length)
                start += length
            }
            return .string(views, owners: [bytes])
        }
    }

    private mutating func numerics(_ count: Int) throws(SQLError) -> [Numeric] {
        var values: [Numeric] = []
        for _ in 0..<count {
            switch try value() {
            case .numeric(let number): values.append(number)
            case .null: values.append(Numeric(0))
            default: throw Self.damagedRows
            }
        }
        return values
    }

    private mutating func arrays(
        _ type: DataType, _ count: Int
    ) throws(SQLError) -> Column.Storage {
        guard case .array(let element) = type else { throw Self.damagedRows }
        let offsets = try plain(Int32.self, count + 1)
        let total = Int(try integer(Int32.self))
        var last: Int32 = 0
        for index in 0...count {
            guard offsets[index] >= last, offsets[index] <= total else { throw Self.damagedRows }
            last = offsets[index]
        }
        return .array(offsets: offsets, elements: try column(element, total))
    }
}
