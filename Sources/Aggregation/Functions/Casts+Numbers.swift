import Formats

extension Cast {
    /// From a number type to another, or to boolean.
    static func number(_ from: DataType, _ to: DataType) -> Kernel? {
        switch (from, to) {
        case (.integer, .boolean):
            return { column, _ throws(SQLError) in
                let values = unsafe column.integers
                let target = Buffer<UInt8>(capacity: elements(column))
                for row in 0..<elements(column) { target[row] = unsafe values[row] != 0 ? 1 : 0 }
                return column.holding(.boolean(target), to)
            }
        case (_, .smallint), (_, .integer), (_, .bigint): return toInteger(from, to)
        case (_, .real), (_, .double): return toDouble(from, to)
        case (_, .numeric(let precision, let scale)): return toNumeric(from, to, precision, scale)
        default: return nil
        }
    }

    private static func toInteger(_ from: DataType, _ to: DataType) -> Kernel {
        switch from.layout {
        case .integer:
            return { column, context throws(SQLError) in try narrow(column, context, to) }
        case .double:
            return { column, context throws(SQLError) in try round(column, context, to) }
        default:
            return { column, context throws(SQLError) in
                let values = column.numerics
                let count = elements(column)
                let target = Buffer<Int64>(capacity: count)
                for row in 0..<count {
                    let isLive = isLive(column, context, row)
                    target[row] = isLive ? try values[row].integer(as: to) : 0
                }
                return column.holding(.integer(target), to)
            }
        }
    }

    private static func narrow(
        _ column: Column, _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        let range = type.integerRange
        if type == .bigint || column.type == .smallint
            || column.type == .integer && type == .integer
        {
            return column.retyped(type)
        }
        let values = unsafe column.integers
        let (low, high) = (range.lowerBound, range.upperBound)
        var hasFailed = false
        var row = 0
        let count = elements(column)
        while row < count {
            let value = unsafe values[row]
            hasFailed = hasFailed || value < low || value > high
            row &+= 1
        }
        if hasFailed {
            for row in 0..<count where isLive(column, context, row) {
                guard unsafe range.contains(values[row]) else { throw outOfRange(type) }
            }
        }
        return column.retyped(type)
    }

    private static func round(
        _ column: Column, _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        let values = unsafe column.doubles
        let range = type.integerRange
        let count = elements(column)
        let target = Buffer<Int64>(capacity: count)
        for row in 0..<count {
            let value = unsafe values[row].rounded(.toNearestOrEven)
            if let whole = Int64(exactly: value), range.contains(whole) {
                target[row] = whole
            } else if isLive(column, context, row) {
                throw outOfRange(type)
            } else {
                target[row] = 0
            }
        }
        return column.holding(.integer(target), type)
    }

    static func outOfRange(_ type: DataType) -> SQLError {
        SQLError("\(type) out of range", .numericValueOutOfRange)
    }

    private static func toDouble(_ from: DataType, _ to: DataType) -> Kernel {
        switch from.layout {
        case .integer:
            return { column, _ throws(SQLError) in
                let values = unsafe column.integers
                if to == .real {
                    return doubles(column, to) { unsafe Double(Float(values[$0])) }
                }
                return doubles(column, to) { unsafe Double(values[$0]) }
            }
        case .double:
            if to == .double { return { column, _ throws(SQLError) in column.retyped(to) } }
            return { column, context throws(SQLError) in
                let values = unsafe column.doubles
                for row in 0..<elements(column) where isLive(column, context, row) {
                    try unsafe checkReal(values[row])
                }
                return doubles(column, to) { unsafe Double(Float(values[$0])) }
            }
        default:
            return { column, context throws(SQLError) in
                let values = column.numerics
                let count = elements(column)
                let target = Buffer<Double>(capacity: count)
                for row in 0..<count {
                    let isLive = isLive(column, context, row)
                    target[row] = isLive ? try double(values[row], to) : 0
                }
                return column.holding(.double(target), to)
            }
        }
    }

    private static func checkReal(_ value: Double) throws(SQLError) {
        let short = Float(value)
        if short.isInfinite && value.isFinite {
            throw SQLError("value out of range: overflow", .numericValueOutOfRange)
        }
        if short == 0 && value != 0 {
            throw SQLError("value out of range: underflow", .numericValueOutOfRange)
        }
    }

    private static func double(_ value: Numeric, _ type: DataType) throws(SQLError) -> Double {
        if type == .real {
            guard value.isFinite else { return value.double }
            let short = Float(value.description) ?? .nan
            if short.isFinite, short != 0 || value.signum == 0 { return Double(short) }
        } else {
            let result = value.double
            if !value.isFinite || result.isFinite && (result != 0 || value.signum == 0) {
                return result
            }
        }
        throw SQLError("\"\(value)\" is out of range for type \(type)", .numericValueOutOfRange)
    }

    private static func toNumeric(
        _ from: DataType, _ to: DataType, _ precision: Int16?, _ scale: Int16
    ) -> Kernel {
        { column, context throws(SQLError) in
            var target: [Numeric] = []
            let count = elements(column)
            target.reserveCapacity(count)
            switch column.storage {
            case .integer(let buffer):
                for row in 0..<count { target.append(Numeric(buffer[row])) }
            case .double(let buffer):
                for row in 0..<count {
                    let value = buffer[row]
                    target.append(from == .real ? Numeric(real: value) : Numeric(value))
                }
            case .numeric(let values): target = values
            default: preconditionFailure("a number lies in numbers")
            }
            if precision != nil {
                for row in 0..<count where isLive(column, context, row) {
                    target[row] = try target[row].fitted(precision: precision, scale: scale)
                }
            }
            return column.holding(.numeric(target), to)
        }
    }
}
