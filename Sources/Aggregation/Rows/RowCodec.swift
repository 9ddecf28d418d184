import Formats

/// How the rows of some types lie as bytes: null bits, a slot of fixed width a column, and behind
/// them what has no fixed width. Equal rows, null and scale included, are equal bytes.
struct RowCodec: Sendable {
    let types: [DataType]
    /// Where each column's slot begins.
    let slots: [Int]
    /// Where the slot of the text lies that a time was read from; -1 for other types.
    let originals: [Int]
    let fixedSize: Int

    /// With `keepsOriginals` the text that a time was read from is kept beside it.
    init(_ types: [DataType], keepsOriginals: Bool = false) {
        self.types = types
        var offset = (types.count + 7) / 8
        var slots: [Int] = []
        var originals: [Int] = []
        for type in types {
            slots.append(offset)
            switch type.layout {
            case .boolean: offset += 1
            case .interval: offset += 16
            // Integers and doubles themselves; of all others where the bytes are, and how many.
            case .integer, .double, .string, .numeric, .array, .record: offset += 8
            }
            let hasOriginal =
                switch type {
                case .date, .time, .timestamp, .timestamptz: keepsOriginals
                default: false
                }
            originals.append(hasOriginal ? offset : -1)
            if hasOriginal { offset += 8 }
        }
        self.slots = slots
        self.originals = originals
        fixedSize = offset
    }

    @inline(__always)
    static func isNull(_ row: UnsafeMutableRawPointer, _ column: Int) -> Bool {
        unsafe row.load(fromByteOffset: column &>> 3, as: UInt8.self) &>> UInt8(column & 7) & 1 != 0
    }

    /// The bytes behind a slot of varying width.
    @inline(__always)
    static func part(_ row: UnsafeMutableRawPointer, _ slot: Int) -> UnsafeRawBufferPointer {
        let start = unsafe row.loadUnaligned(fromByteOffset: slot, as: UInt32.self)
        let count = unsafe row.loadUnaligned(fromByteOffset: slot &+ 4, as: UInt32.self)
        return unsafe UnsafeRawBufferPointer(start: row + Int(start), count: Int(count))
    }
}

/// Values without a fixed layout (numerics, arrays, records) as bytes, exactly: 1.0 and 1.00
/// differ.
enum ValueBytes {
    static func append(_ value: Value, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(0)
        case .boolean(let value): bytes += [1, value ? 1 : 0]
        case .integer(let value):
            bytes.append(2)
            append(UInt64(bitPattern: value), to: &bytes)
        case .double(let value):
            bytes.append(3)
            append(value.bitPattern, to: &bytes)
        case .numeric(let value):
            bytes.append(4)
            append(value, to: &bytes)
        case .interval(let value):
            bytes.append(5)
            append(UInt32(bitPattern: value.months), to: &bytes)
            append(UInt32(bitPattern: value.days), to: &bytes)
            append(UInt64(bitPattern: value.microseconds), to: &bytes)
        case .text(let value): append(6, Array(value.utf8), to: &bytes)
        case .bytes(let value): append(7, value, to: &bytes)
        case .array(let values): append(8, values, to: &bytes)
        case .record(let values): append(9, values, to: &bytes)
        }
    }

    private static func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
        var rest = value
        for _ in 0..<MemoryLayout<T>.size {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private static func append(_ tag: UInt8, _ raw: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(tag)
        append(UInt32(raw.count), to: &bytes)
        bytes += raw
    }

    private static func append(_ tag: UInt8, _ values: [Value], to bytes: inout [UInt8]) {
        bytes.append(tag)
        append(UInt32(values.count), to: &bytes)
        for value in values { append(value, to: &bytes) }
    }

    static func append(_ value: Numeric, to bytes: inout [UInt8]) {
        switch value {
        case .nan: bytes.append(0)
        case .infinity: bytes.append(1)
        case .negativeInfinity: bytes.append(2)
        case .finite(let coefficient, let scale):
            // Most coefficients fit 64 bits.
            if let short = Int64(exactly: coefficient) {
                bytes.append(3)
                append(scale, to: &bytes)
                append(UInt64(bitPattern: short), to: &bytes)
            } else {
                bytes.append(4)
                append(scale, to: &bytes)
                append(UInt128(bitPattern: coefficient), to: &bytes)
            }
        case .big(let big):
            bytes.append(big.isNegative ? 6 : 5)
            append(UInt64(big.scale), to: &bytes)
            append(UInt32(big.limbs.count), to: &bytes)
            for limb in big.limbs { append(limb, to: &bytes) }
        }
    }

    /// What `append` wrote. The bytes are our own; the end of them reads as zeros.
    @safe struct Reader {
        let bytes: UnsafeRawBufferPointer
        var position = 0

        private mutating func integer<T: FixedWidthInteger>(_ type: T.Type) -> T {
            var value: T = 0
            for index in 0..<MemoryLayout<T>.size where unsafe position + index < bytes.count {
                unsafe value |= T(truncatingIfNeeded: bytes[position + index]) << T(index * 8)
            }
            position += MemoryLayout<T>.size
            return value
        }

        private mutating func raw() -> [UInt8] {
            let count = Int(integer(UInt32.self))
            let end = unsafe min(position + count, bytes.count)
            defer { position += count }
            return unsafe position < end ? Array(bytes[position..<end]) : []
        }

        private mutating func values() -> [Value] {
            let count = unsafe min(Int(integer(UInt32.self)), bytes.count)
            return (0..<count).map { _ in value() }
        }

        mutating func value() -> Value {
            switch integer(UInt8.self) {
            case 1: .boolean(integer(UInt8.self) != 0)
            case 2: .integer(Int64(bitPattern: integer(UInt64.self)))
            case 3: .double(Double(bitPattern: integer(UInt64.self)))
            case 4: .numeric(numeric())
            case 5: .interval(interval())
            case 6: .text(String(decoding: raw(), as: UTF8.self))
            case 7: .bytes(raw())
            case 8: .array(values())
            case 9: .record(values())
            default: .null
            }
        }

        private mutating func interval() -> Interval {
            let months = Int32(bitPattern: integer(UInt32.self))
            let days = Int32(bitPattern: integer(UInt32.self))
            return Interval(
                months: months, days: days, microseconds: Int64(bitPattern: integer(UInt64.self)))
        }

        mutating func numeric() -> Numeric {
            switch integer(UInt8.self) {
            case 1: return .infinity
            case 2: return .negativeInfinity
            case 3:
                let scale = integer(Int16.self)
                return .finite(Int128(Int64(bitPattern: integer(UInt64.self))), scale: scale)
            case 4:
                let scale = integer(Int16.self)
                return .finite(Int128(bitPattern: integer(UInt128.self)), scale: scale)
            case let tag where tag == 5 || tag == 6:
                let scale = Int(integer(UInt64.self))
                let count = unsafe min(Int(integer(UInt32.self)), bytes.count)
                let limbs = (0..<count).map { _ in integer(UInt32.self) }
                return .big(BigDecimal(isNegative: tag == 6, limbs: limbs, scale: scale))
            default: return .nan
            }
        }
    }
}
