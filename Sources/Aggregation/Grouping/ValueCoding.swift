import Bytes
import Formats

// A boxed value as bytes of a saved state.
extension OutputBuffer {
    public mutating func append(value: Value) {
        switch value {
        case .null: append(0 as UInt8)
        case .boolean(let value):
            append(1 as UInt8)
            append(value ? 1 : 0)
        case .integer(let value):
            append(2 as UInt8)
            append(bigEndian: value)
        case .double(let value):
            append(3 as UInt8)
            append(bigEndian: value.bitPattern)
        case .numeric(let value): append(numeric: value)
        case .interval(let value):
            append(5 as UInt8)
            append(bigEndian: value.months)
            append(bigEndian: value.days)
            append(bigEndian: value.microseconds)
        case .text(let value):
            append(6 as UInt8)
            append(blob: Array(value.utf8))
        case .bytes(let value):
            append(7 as UInt8)
            append(blob: value)
        case .array(let values): append(8, values)
        case .record(let values): append(9, values)
        }
    }

    private mutating func append(_ tag: UInt8, _ values: [Value]) {
        append(tag)
        append(bigEndian: Int64(values.count))
        for value in values { append(value: value) }
    }

    private mutating func append(numeric: Numeric) {
        switch numeric {
        case .finite(let coefficient, let scale):
            append(4 as UInt8)
            append(bigEndian: coefficient)
            append(bigEndian: scale)
        case .big(let big):
            append(10 as UInt8)
            append(big.isNegative ? 1 : 0)
            append(bigEndian: Int64(big.scale))
            append(bigEndian: Int64(big.limbs.count))
            for limb in big.limbs { append(bigEndian: limb) }
        case .nan: append(11 as UInt8)
        case .infinity: append(12 as UInt8)
        case .negativeInfinity: append(13 as UInt8)
        }
    }
}

extension StateReader {
    public mutating func value() throws(SQLError) -> Value { try value(depth: 0) }

    private mutating func value(depth: Int) throws(SQLError) -> Value {
        guard depth < Limits.valueDepthMax else { throw damagedValue }
        switch try integer(UInt8.self) {
        case 0: return .null
        case 1: return .boolean(try integer(UInt8.self) != 0)
        case 2: return .integer(try integer(Int64.self))
        case 3: return .double(Double(bitPattern: try integer(UInt64.self)))
        case 4:
            let coefficient = try integer(Int128.self)
            return .numeric(.finite(coefficient, scale: try integer(Int16.self)))
        case 5:
            let months = try integer(Int32.self)
            let days = try integer(Int32.self)
            return .interval(
                Interval(months: months, days: days, microseconds: try integer(Int64.self)))
        case 6: return .text(String(decoding: try blob(), as: UTF8.self))
        case 7: return .bytes(try blob())
        case 8: return .array(try values(depth: depth + 1))
        case 9: return .record(try values(depth: depth + 1))
        case 10: return .numeric(.big(try big()))
        case 11: return .numeric(.nan)
        case 12: return .numeric(.infinity)
        case 13: return .numeric(.negativeInfinity)
        default: throw damagedValue
        }
    }

    private mutating func values(depth: Int) throws(SQLError) -> [Value] {
        var values: [Value] = []
        let count = try count()
        guard count <= remaining else { throw damagedValue }
        for _ in 0..<count { values.append(try value(depth: depth)) }
        return values
    }

    private mutating func big() throws(SQLError) -> BigDecimal {
        let isNegative = try integer(UInt8.self) != 0
        let scale = Int(try integer(Int64.self))
        let count = try count()
        guard count <= remaining / 4 else { throw damagedValue }
        var limbs: [UInt32] = []
        for _ in 0..<count { limbs.append(try integer(UInt32.self)) }
        return BigDecimal(isNegative: isNegative, limbs: limbs, scale: scale)
    }

    private var damagedValue: SQLError { SQLError("a saved value is damaged", .internalError) }
}
