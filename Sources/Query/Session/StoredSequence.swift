import Formats
import SQL

/// A sequence of the session: CREATE SEQUENCE, and those of serial and identity columns. As in
/// PostgreSQL, ROLLBACK does not take back what nextval gave. Used by the session's thread.
final class StoredSequence: @unchecked Sendable {
    let name: String
    private(set) var type = DataType.bigint
    private(set) var start: Int64 = 1
    private(set) var increment: Int64 = 1
    private(set) var minimum: Int64 = 1
    private(set) var maximum: Int64 = .max
    private(set) var cycles = false
    /// Where `isCalled`, the value given last; else the one that comes first.
    private(set) var value: Int64 = 1
    private(set) var isCalled = false
    /// nextval was called, or setval: currval has a value.
    private var hasCurrent = false

    init(_ name: String, _ options: SequenceSyntax, type: DataType = .bigint) throws(SQLError) {
        self.name = name
        self.type = type
        try apply(options, isNew: true)
    }

    /// A copy under another name.
    init(_ name: String, like other: StoredSequence) {
        self.name = name
        (type, start, increment) = (other.type, other.start, other.increment)
        (minimum, maximum, cycles) = (other.minimum, other.maximum, other.cycles)
        (value, isCalled, hasCurrent) = (other.value, other.isCalled, other.hasCurrent)
    }

    /// CREATE's and ALTER's options.
    func apply(_ options: SequenceSyntax, isNew: Bool = false) throws(SQLError) {
        let place = options.place
        if let name = options.type { type = try name.resolved() }
        guard type.isInteger else {
            throw SQLError(
                "sequence type must be smallint, integer, or bigint", .invalidParameterValue,
                at: place)
        }
        if let increment = options.increment {
            guard increment != 0 else {
                throw SQLError("INCREMENT must not be zero", .invalidParameterValue, at: place)
            }
            self.increment = increment
        }
        let most: Int64 = type == .smallint ? 32_767 : type == .integer ? 2_147_483_647 : .max
        if let bound = options.minimum ?? (isNew ? .some(nil) : nil) {
            minimum = bound ?? (increment > 0 ? 1 : -most - 1)
        }
        if let bound = options.maximum ?? (isNew ? .some(nil) : nil) {
            maximum = bound ?? (increment > 0 ? most : -1)
        }
        guard minimum < maximum else {
            throw SQLError(
                "MINVALUE (\(minimum)) must be less than MAXVALUE (\(maximum))",
                .invalidParameterValue, at: place)
        }
        start = options.start ?? (isNew ? (increment > 0 ? minimum : maximum) : start)
        guard start >= minimum else {
            throw SQLError(
                "START value (\(start)) cannot be less than MINVALUE (\(minimum))",
                .invalidParameterValue, at: place)
        }
        guard start <= maximum else {
            throw SQLError(
                "START value (\(start)) cannot be greater than MAXVALUE (\(maximum))",
                .invalidParameterValue, at: place)
        }
        cycles = options.cycles ?? cycles
        if isNew { value = start }
        if let restart = options.restart { self.restart(restart ?? start) }
    }

    func restart(_ first: Int64? = nil) {
        value = first ?? start
        isCalled = false
    }

    func advance() throws(SQLError) -> Int64 {
        guard isCalled else {
            (isCalled, hasCurrent) = (true, true)
            return value
        }
        let (next, overflow) = value.addingReportingOverflow(increment)
        let isOver = overflow || next > maximum || next < minimum
        guard !isOver || cycles else {
            let isUp = increment > 0
            throw SQLError(
                "nextval: reached \(isUp ? "maximum" : "minimum") value of sequence \"\(name)\" "
                    + "(\(isUp ? maximum : minimum))", .sequenceLimitExceeded)
        }
        value = isOver ? (increment > 0 ? minimum : maximum) : next
        hasCurrent = true
        return value
    }

    func current() throws(SQLError) -> Int64 {
        guard hasCurrent else {
            throw SQLError(
                "currval of sequence \"\(name)\" is not yet defined in this session",
                .objectNotReady)
        }
        return value
    }

    func set(_ value: Int64, isCalled: Bool) throws(SQLError) -> Int64 {
        guard value >= minimum, value <= maximum else {
            throw SQLError(
                "setval: value \(value) is out of bounds for sequence \"\(name)\" "
                    + "(\(minimum)..\(maximum))", .numericValueOutOfRange)
        }
        self.value = value
        self.isCalled = isCalled
        hasCurrent = hasCurrent || isCalled
        return value
    }
}
