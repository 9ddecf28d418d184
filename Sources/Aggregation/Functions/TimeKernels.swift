import Formats

/// The loops of functions over dates and times: batches of 64-bit integers, infinities among them.
/// Rows that are not live are 0 and never throw.
enum TimeKernels {
    static let second: Int64 = 1_000_000
    static let day: Int64 = 86_400_000_000

    static func isInfinite(_ value: Int64) -> Bool { value == .max || value == .min }

    /// One 64-bit value a row.
    @inline(__always)
    static func integers(
        _ context: KernelContext, _ type: DataType,
        _ value: (Int) throws(SQLError) -> Int64
    ) throws(SQLError) -> Column {
        let count = context.count
        let target = Buffer<Int64>(capacity: count)
        let out = unsafe target.base
        if let live = context.live {
            for row in 0..<count { unsafe out[row] = live.isSet(row) ? try value(row) : 0 }
        } else {
            var row = 0
            while row < count {
                unsafe out[row] = try value(row)
                row &+= 1
            }
        }
        return Column(type, count: count, .integer(target))
    }

    @inline(__always)
    static func intervals(
        _ context: KernelContext, _ value: (Int) throws(SQLError) -> Interval
    ) throws(SQLError) -> Column {
        let count = context.count
        let target = Buffer<Interval>(capacity: count)
        for row in 0..<count {
            unsafe target.base[row] = context.isLive(row) ? try value(row) : Interval()
        }
        return Column(.interval, count: count, .interval(target))
    }

    @inline(__always)
    static func booleans(_ context: KernelContext, _ value: (Int) -> Bool) -> Column {
        let target = Buffer<UInt8>(capacity: context.count)
        for row in 0..<context.count { target[row] = value(row) ? 1 : 0 }
        return Column(.boolean, count: context.count, .boolean(target))
    }

    /// Row by row through a builder: for what is rare, or may be null.
    static func values(
        _ context: KernelContext, _ type: DataType,
        _ append: (Int, ColumnBuilder) throws(SQLError) -> Void
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: context.count)
        for row in 0..<context.count {
            if context.isLive(row) { try append(row, builder) } else { builder.appendNull() }
        }
        return builder.finish()
    }

    static func text(_ column: Column, _ row: Int) -> String {
        unsafe column.strings[row & column.indexMask].string
    }

    static var timestampOutOfRange: SQLError {
        SQLError("timestamp out of range", .datetimeFieldOverflow)
    }

    static func checkedMoment(_ value: Int64) throws(SQLError) -> Int64 {
        guard TimeText.isMoment(value) else { throw timestampOutOfRange }
        return value
    }

    /// `moment` + `more`, which is no moment where it overflows.
    static func sum(_ moment: Int64, _ more: Int64) throws(SQLError) -> Int64 {
        let (value, overflow) = moment.addingReportingOverflow(more)
        guard !overflow else { throw timestampOutOfRange }
        return try checkedMoment(value)
    }

    static func zone(_ context: KernelContext) -> TimeZoneCursor {
        TimeZoneCursor(context.session.timeZone)
    }
}

/// The zones that a column of names means; a constant is looked up once a batch.
struct ZoneReader {
    private let column: Column
    private let session: SessionSettings
    private var last: (name: StringView, cursor: TimeZoneCursor)?

    init(_ column: Column, _ session: SessionSettings) {
        self.column = column
        self.session = session
    }

    mutating func cursor(_ row: Int) throws(SQLError) -> TimeZoneCursor {
        let view = unsafe column.strings[row & column.indexMask]
        if let last, last.name == view { return last.cursor }
        let cursor = TimeZoneCursor(try TimeZone.named(view.string, session.zones))
        last = (view, cursor)
        return cursor
    }
}

/// The units that a column of words names; a constant is read once a batch.
struct UnitReader {
    private let column: Column
    private var last: (word: StringView, unit: TimeUnit)?

    init(_ column: Column) { self.column = column }

    /// nil: the word names no unit.
    mutating func unit(_ row: Int) -> TimeUnit? {
        let view = unsafe column.strings[row & column.indexMask]
        if let last, last.word == view { return last.unit }
        guard let unit = TimeUnit(field: view.string.lowercased()) else { return nil }
        last = (view, unit)
        return unit
    }

    func unknown(_ row: Int, _ type: DataType) -> SQLError {
        let word = unsafe column.strings[row & column.indexMask].string.lowercased()
        return SQLError(
            "unit \"\(word)\" not recognized for type \(type)", .invalidParameterValue)
    }

    func unsupported(_ row: Int, _ type: DataType, detail: String? = nil) -> SQLError {
        let word = unsafe column.strings[row & column.indexMask].string.lowercased()
        return SQLError(
            "unit \"\(word)\" not supported for type \(type)", .featureNotSupported,
            detail: detail)
    }
}
