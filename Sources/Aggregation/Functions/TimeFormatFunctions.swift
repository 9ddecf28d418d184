import Formats

/// to_char of times and intervals, to_date and to_timestamp.
enum TimeFormatFunctions {
    static let functions: [ScalarFunction] = [
        ScalarFunction("to_char", [.timestamp, .text], .text) {
            arguments, context throws(SQLError) in try moments(arguments, context)
        },
        ScalarFunction("to_char", [.timestamptz, .text], .text, volatility: .stable) {
            arguments, context throws(SQLError) in try moments(arguments, context)
        },
        ScalarFunction("to_char", [.interval, .text], .text) {
            arguments, context throws(SQLError) in try intervals(arguments, context)
        },
        ScalarFunction("to_date", [.text, .text], .date) { arguments, context throws(SQLError) in
            var formats = FormatReader(arguments[1])
            return try TimeKernels.integers(context, .date) { (row) throws(SQLError) in
                let text = TimeKernels.text(arguments[0], row)
                let days = try formats.format(row).parse(text).local
                    .floorDivided(by: TimeKernels.day).quotient
                guard days >= TimeText.firstDay, days <= TimeText.lastDay else {
                    throw SQLError("date out of range: \"\(text)\"", .datetimeFieldOverflow)
                }
                return days
            }
        },
        ScalarFunction("to_timestamp", [.text, .text], .timestamptz, volatility: .stable) {
            arguments, context throws(SQLError) in
            var formats = FormatReader(arguments[1])
            let zone = TimeKernels.zone(context)
            return try TimeKernels.integers(context, .timestamptz) { (row) throws(SQLError) in
                let text = TimeKernels.text(arguments[0], row)
                let (local, offset) = try formats.format(row).parse(text)
                let result =
                    offset.map { local - Int64($0) * TimeKernels.second }
                    ?? zone.moment(local: local)
                guard TimeText.isMoment(result) else {
                    throw SQLError("timestamp out of range: \"\(text)\"", .datetimeFieldOverflow)
                }
                return result
            }
        },
    ]

    /// The text of a moment is made once for as long as the format does not show that it moves on:
    /// times come in runs, so most rows repeat the last.
    private static func moments(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let values = unsafe arguments[0].integers
        let mask = arguments[0].indexMask
        let isZoned = arguments[0].type == .timestamptz
        var formats = FormatReader(arguments[1])
        var zone = TimeKernels.zone(context)
        let builder = ColumnBuilder(.text, capacity: context.count)
        var buffer = OutputBuffer(capacity: 64)
        var last = StringView()
        var start: Int64 = 1
        var end: Int64 = 0
        for row in 0..<context.count {
            let value = unsafe values[row & mask]
            guard context.isLive(row), !TimeKernels.isInfinite(value), !formats.isEmpty(row)
            else {
                builder.appendNull()
                continue
            }
            let offset = isZoned ? zone.offset(at: value) : 0
            let local = value &+ offset
            if local >= start, local < end {
                builder.append(view: last)
                continue
            }
            let format = try formats.format(row)
            var time = ShownTime(local: local)
            if isZoned {
                let span = zone.zone.span(at: value.floorDivided(by: 1_000_000).quotient)
                time.zone = (span.offset, span.abbreviation)
            }
            buffer.removeAll()
            try format.append(time, to: &buffer)
            last = unsafe buffer.bytes.withUnsafeBytes { unsafe builder.stringArena.copy($0) }
            builder.append(view: last)
            if arguments[1].isConstant {
                let unit = format.granularity
                start = local - local.floorDivided(by: unit).remainder
                end = unit == 1 ? start : start + unit
            }
        }
        return builder.finish()
    }

    private static func intervals(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let values = unsafe arguments[0].intervals
        let mask = arguments[0].indexMask
        var formats = FormatReader(arguments[1])
        var buffer = OutputBuffer(capacity: 64)
        return try TimeKernels.values(context, .text) { (row, builder) throws(SQLError) in
            guard !formats.isEmpty(row) else { return builder.appendNull() }
            buffer.removeAll()
            unsafe try formats.format(row).append(ShownTime(values[row & mask]), to: &buffer)
            unsafe buffer.bytes.withUnsafeBytes { unsafe builder.append(bytes: $0) }
        }
    }
}

/// The formats of a column of them; a constant is read once a batch.
struct FormatReader {
    private let column: Column
    private var last: (text: StringView, format: TimeFormat)?

    init(_ column: Column) { self.column = column }

    /// A format of nothing gives null.
    func isEmpty(_ row: Int) -> Bool { unsafe column.strings[row & column.indexMask].count == 0 }

    mutating func format(_ row: Int) throws(SQLError) -> TimeFormat {
        let view = unsafe column.strings[row & column.indexMask]
        if let last, last.text == view { return last.format }
        let format = TimeFormat(view.string)
        last = (view, format)
        return format
    }
}
