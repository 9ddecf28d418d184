import Formats

/// (start, end) OVERLAPS (start, end), where an end may be given as a length.
enum TimeOverlaps {
    static let functions: [ScalarFunction] = {
        var list: [ScalarFunction] = []
        for type in [DataType.timestamp, .timestamptz, .time] {
            for first in [type, .interval] {
                for second in [type, .interval] {
                    list.append(
                        ScalarFunction(
                            "overlaps", [type, first, type, second], .boolean, isStrict: false
                        ) { arguments, context throws(SQLError) in
                            try overlaps(arguments, context, type)
                        })
                }
            }
        }
        return list
    }()

    private static func overlaps(
        _ arguments: [Column], _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        var zone = TimeKernels.zone(context)
        return try TimeKernels.values(context, .boolean) { (row, builder) throws(SQLError) in
            let first = start(arguments[0], row)
            let second = start(arguments[2], row)
            let firstEnd = try end(arguments[1], row, first, type, &zone)
            let secondEnd = try end(arguments[3], row, second, type, &zone)
            if let result = overlaps(order(first, firstEnd), order(second, secondEnd)) {
                builder.append(boolean: result)
            } else {
                builder.appendNull()
            }
        }
    }

    private static func start(_ column: Column, _ row: Int) -> Int64? {
        unsafe column.isNull(row) ? nil : column.integers[row & column.indexMask]
    }

    private static func end(
        _ column: Column, _ row: Int, _ start: Int64?, _ type: DataType,
        _ zone: inout TimeZoneCursor
    ) throws(SQLError) -> Int64? {
        if column.isNull(row) { return nil }
        guard case .interval(let buffer) = column.storage else {
            return unsafe column.integers[row & column.indexMask]
        }
        guard let start else { return nil }
        let span = buffer[row & column.indexMask]
        switch type {
        case .timestamptz: return try TimeArithmetic.added(start, span, &zone)
        case .time:
            return (start + span.microseconds % TimeKernels.day)
                .floorDivided(by: TimeKernels.day).remainder
        default: return try TimeArithmetic.added(start, span)
        }
    }

    /// The earlier first, and what is known first.
    private static func order(_ a: Int64?, _ b: Int64?) -> (Int64?, Int64?) {
        guard let a else { return (b, nil) }
        guard let b else { return (a, nil) }
        return a > b ? (b, a) : (a, b)
    }

    private static func overlaps(
        _ a: (Int64?, Int64?), _ b: (Int64?, Int64?)
    ) -> Bool? {
        guard let startA = a.0, let startB = b.0 else { return nil }
        if startA == startB {
            // They share this moment, unless one of the ends is unknown.
            return a.1 == nil || b.1 == nil ? nil : true
        }
        let (early, late) = startA > startB ? (b, a) : (a, b)
        guard let lateStart = late.0 else { return nil }
        guard let end = early.1 else { return nil }
        if lateStart < end { return true }
        return late.1 == nil ? nil : false
    }
}
