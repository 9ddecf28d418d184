import Formats

/// Where a cast happens without being written, as pg_cast says.
public enum CastContext: Sendable, Comparable {
    /// Anywhere.
    case implicit
    /// Where a value is stored in a column.
    case assignment
    /// Only as CAST or `::`.
    case explicit
}

/// Casts between all types, a batch at a time.
///
/// The kernels take one column and give another of the target type; a row that is null, or not
/// live, never throws. A length or scale of the target is applied as an explicit cast does it:
/// text that is too long is cut.
public enum Cast {
    public typealias Kernel = @Sendable (Column, KernelContext) throws(SQLError) -> Column

    /// nil: there is no such cast.
    public static func context(from: DataType, to: DataType) -> CastContext? {
        if from == .unknown || from.base == to.base { return .implicit }
        switch (from, to) {
        case (.array(let inner), .array(let target)): return context(from: inner, to: target)
        case (.record(let fields), .record(let targets)):
            guard fields.count == targets.count else { return nil }
            return .implicit
        case (_, .unknown): return nil
        default: break
        }
        if from.isText && to.isText { return .implicit }
        if to.isText { return .assignment }
        if from.isText { return .explicit }
        if from.isNumber && to.isNumber {
            return from.numberRank < to.numberRank ? .implicit : .assignment
        }
        return special(from, to)
    }

    private static func special(_ from: DataType, _ to: DataType) -> CastContext? {
        switch (from, to) {
        case (.boolean, .integer), (.integer, .boolean): .explicit
        case (.date, .timestamp), (.date, .timestamptz), (.timestamp, .timestamptz),
            (.time, .interval):
            .implicit
        case (.timestamp, .date), (.timestamp, .time), (.timestamptz, .date),
            (.timestamptz, .time), (.timestamptz, .timestamp), (.interval, .time), (.json, .jsonb),
            (.jsonb, .json):
            .assignment
        case (.jsonb, .boolean), (.json, .boolean): .explicit
        case (.jsonb, _), (.json, _): to.isNumber ? .explicit : nil
        default: nil
        }
    }

    /// nil: there is no such cast.
    public static func kernel(from: DataType, to: DataType) -> Kernel? {
        guard context(from: from, to: to) != nil else { return nil }
        switch (from, to) {
        case (.numeric, .numeric(let precision?, let scale)):
            return { column, context throws(SQLError) in
                try numerics(column, context, to) { (value) throws(SQLError) in
                    try value.fitted(precision: precision, scale: scale)
                }
            }
        case (.array(let inner), .array(let target)):
            guard let cast = kernel(from: inner, to: target) else { return nil }
            return { column, context throws(SQLError) in
                try array(column, context, to, cast)
            }
        case (.record(let fields), .record(let targets)):
            return records(fields, targets, to)
        case (_, .varchar), (_, .char), (_, .text):
            return { column, context throws(SQLError) in
                try text(column, context, to)
            }
        default: break
        }
        if from.base == to.base {
            return { column, _ throws(SQLError) in column.retyped(to) }
        }
        if from.isText {
            return { column, context throws(SQLError) in try parse(column, context, to) }
        }
        if from.isNumber { return number(from, to) }
        return time(from, to) ?? json(from, to) ?? boolean(from, to)
    }

    private static func boolean(_ from: DataType, _ to: DataType) -> Kernel? {
        guard from == .boolean, to == .integer else { return nil }
        return { column, context throws(SQLError) in
            let values = unsafe column.booleans
            return integers(column, context, to) { unsafe Int64(values[$0]) }
        }
    }

    private static func array(
        _ column: Column, _ context: KernelContext, _ type: DataType, _ cast: Kernel
    ) throws(SQLError) -> Column {
        guard case .array(let offsets, let elements) = column.storage else {
            preconditionFailure("an array lies in arrays")
        }
        let inner = KernelContext(
            count: elements.count, type: elements.type, live: elements.validity,
            session: context.session)
        let target = try cast(elements, inner)
        let flat = target.isConstant ? target.flat : target
        let whole = Column(
            flat.type, count: flat.count, flat.storage,
            validity: flat.validity ?? elements.validity)
        return Column(
            type, count: column.count, .array(offsets: offsets, elements: whole),
            validity: column.validity, isConstant: column.isConstant)
    }

    private static func records(
        _ fields: [Field], _ targets: [Field], _ type: DataType
    ) -> Kernel? {
        var casts: [Kernel] = []
        for (field, target) in zip(fields, targets) {
            guard let cast = kernel(from: field.type, to: target.type) else { return nil }
            casts.append(cast)
        }
        let all = casts
        return { column, context throws(SQLError) in
            var members: [Column] = []
            for (member, cast) in zip(column.members, all) {
                let inner = KernelContext(
                    count: member.count, type: member.type, live: member.validity,
                    session: context.session)
                let result = try cast(member, inner)
                members.append(
                    Column(
                        result.type, count: result.count, result.storage,
                        validity: result.validity ?? member.validity,
                        isConstant: result.isConstant))
            }
            return Column(type, count: column.count, .record(members), validity: column.validity)
        }
    }
}

extension DataType {
    /// Casts to a higher rank happen by themselves.
    fileprivate var numberRank: Int {
        switch self {
        case .smallint: 0
        case .integer: 1
        case .bigint: 2
        case .numeric: 3
        case .real: 4
        default: 5
        }
    }
}

// The loops that casts share. A constant is computed once.
extension Cast {
    /// How many elements the column's buffer has.
    static func elements(_ column: Column) -> Int { column.isConstant ? 1 : column.count }

    static func isLive(_ column: Column, _ context: KernelContext, _ row: Int) -> Bool {
        !column.isNull(row) && context.isLive(row)
    }

    @inline(__always)
    static func integers(
        _ column: Column, _ context: KernelContext, _ type: DataType, _ value: (Int) -> Int64
    ) -> Column {
        let count = elements(column)
        let target = Buffer<Int64>(capacity: count)
        let out = unsafe target.base
        var row = 0
        while row < count {
            unsafe out[row] = value(row)
            row &+= 1
        }
        return column.holding(.integer(target), type)
    }

    @inline(__always)
    static func doubles(
        _ column: Column, _ type: DataType, _ value: (Int) -> Double
    ) -> Column {
        let count = elements(column)
        let target = Buffer<Double>(capacity: count)
        let out = unsafe target.base
        var row = 0
        while row < count {
            unsafe out[row] = value(row)
            row &+= 1
        }
        return column.holding(.double(target), type)
    }

    static func numerics(
        _ column: Column, _ context: KernelContext, _ type: DataType,
        _ convert: (Numeric) throws(SQLError) -> Numeric
    ) throws(SQLError) -> Column {
        let values = column.numerics
        var target: [Numeric] = []
        target.reserveCapacity(values.count)
        for row in 0..<elements(column) {
            let isLive = isLive(column, context, row)
            target.append(isLive ? try convert(values[row]) : .zero)
        }
        return column.holding(.numeric(target), type)
    }
}

extension Column {
    /// Other values for the same rows: nulls stay, and a constant is one.
    func holding(_ storage: Storage, _ type: DataType) -> Column {
        Column(type, count: count, storage, validity: validity, isConstant: isConstant)
    }
}
