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
    /// A zone that is a number has ISO's sign, not POSIX's.
    private let countsEast: Bool

    init(_ column: Column, _ session: SessionSettings, countsEast: Bool = false) {
        self.column = column
        self.session = session
        self.countsEast = countsEast
    }

    mutating func cursor(_ row: Int) throws(SQLError) -> TimeZoneCursor {
        let view = unsafe column.strings[row & column.indexMask]
        if let last, last.name == view { return last.cursor }
        let name = view.string
        let zone: TimeZone
        if let numbered = try numbered(name) {
            zone = numbered
        } else {
            zone = try TimeZone.named(name, session.zones)
        }
        let cursor = TimeZoneCursor(zone)
        last = (view, cursor)
        return cursor
    }

    /// `+2`, `-02:30`, `+023000`; nil: it is no number.
    private func numbered(_ name: String) throws(SQLError) -> TimeZone? {
        guard countsEast, let first = name.utf8.first else { return nil }
        let signs = [UInt8(ascii: "+"), UInt8(ascii: "-")]
        guard signs.contains(first) else {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
            throw SQLError(
                "invalid input syntax for type numeric time zone: \"\(name)\"",
                .invalidParameterValue,
                hint: "Numeric time zones must have \"-\" or \"+\" as first character.")
        }
        let text = name.dropFirst()
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 1, text.utf8.count > 2 {
            parts = []
            var rest = text.utf8.count % 2 == 0 ? String(text) : "0" + text
            while !rest.isEmpty {
                parts.append(String(rest.prefix(2)))
                rest = String(rest.dropFirst(2))
            }
        }
        var numbers = parts.compactMap { Int32($0) }
        guard numbers.count == parts.count, numbers.count <= 3, !text.hasPrefix("-"),
            !text.hasPrefix("+")
        else {
            throw SQLError(
                "invalid input syntax for type numeric time zone: \"\(name)\"",
                .invalidParameterValue)
        }
        while numbers.count < 3 { numbers.append(0) }
        guard numbers[0] < 16, numbers[1] < 60, numbers[2] < 60 else {
            throw SQLError(
                "numeric time zone \"\(name)\" out of range", .invalidParameterValue)
        }
        let seconds = numbers[0] * 3_600 + numbers[1] * 60 + numbers[2]
        return TimeZone(fixedOffset: first == UInt8(ascii: "-") ? -seconds : seconds)
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
