import Formats

/// A function or operator of SQL, resolved to the types of its arguments.
public struct ScalarFunction: Sendable {
    public enum Volatility: Sendable {
        /// The same arguments give the same result: folded when they are constant.
        case immutable
        /// The same within a statement (now, TimeZone).
        case stable
        /// random(): evaluated for each row.
        case volatile
    }

    /// Takes the arguments, each of `count` rows, constants among them; gives a column of `count`
    /// rows (or a constant, if all arguments are). A null of a strict function's argument is the
    /// caller's: it clears the result's row, and its kernel may compute anything there but must
    /// not throw for such a row (`context.isLive`).
    public typealias Kernel =
        @Sendable (_ arguments: [Column], _ context: KernelContext) throws(SQLError) -> Column

    public let name: String
    public let parameters: [DataType]
    public let result: DataType
    public let volatility: Volatility
    /// Null in, null out.
    public let isStrict: Bool
    public let kernel: Kernel
    /// Of a volatile function: calls of the same instance are one call, whose value stands in
    /// several places (the operand of CASE); 0: each call is its own.
    public var instance = 0

    public init(
        _ name: String, _ parameters: [DataType], _ result: DataType,
        volatility: Volatility = .immutable, isStrict: Bool = true, kernel: @escaping Kernel
    ) {
        self.name = name
        self.parameters = parameters
        self.result = result
        self.volatility = volatility
        self.isStrict = isStrict
        self.kernel = kernel
    }
}

/// What a kernel may need beside its arguments.
public struct KernelContext: Sendable {
    /// Rows.
    public var count: Int
    /// The type that the result shall have (a numeric's precision, an array's element).
    public var type: DataType
    /// For a strict function: the rows where no argument is null; nil: all.
    public var live: Bitmap?
    public var session: SessionSettings

    public init(
        count: Int, type: DataType, live: Bitmap? = nil, session: SessionSettings
    ) {
        self.count = count
        self.type = type
        self.live = live
        self.session = session
    }

    @inlinable
    public func isLive(_ row: Int) -> Bool { live?.isSet(row) ?? true }

    /// Before a value of so many bytes is made.
    func reserve(_ bytes: Int) throws(SQLError) {
        guard bytes <= Limits.valueBytesMax else {
            throw SQLError("requested length too large", .programLimitExceeded)
        }
        try session.services?.reserve(bytes)
    }
}

/// What some functions do beside computing: the settings, sequences and random numbers of a
/// session. Called by the thread that runs the statement.
public protocol SessionServices: Sendable {
    /// nil: there is no such setting.
    func setting(_ name: String) -> String?
    /// Gives the new value as SHOW has it.
    func set(_ name: String, to value: String, isLocal: Bool) throws(SQLError) -> String
    func sequence(_ name: String, _ change: SequenceChange) throws(SQLError) -> Int64
    /// lastval()
    func lastSequenceValue() throws(SQLError) -> Int64
    /// Waits; error 57014 if the statement is stopped meanwhile.
    func sleep(seconds: Double) throws(SQLError)
    /// A value of so many bytes is about to be made, or work goes on that has come so far: error
    /// 53200 where that is more than the statement may hold, 57014 if it is to be stopped.
    func reserve(_ bytes: Int) throws(SQLError)
    /// What random() gives after setseed(); nil: no seed was set.
    func random() -> Double?
    func seedRandom(_ seed: Double)
}

/// nextval, currval and setval.
public enum SequenceChange: Sendable {
    case next
    case current
    /// With `isCalled` false the value is the next one.
    case set(Int64, isCalled: Bool)
}

/// The settings of a session that change what functions give; a value, taken when a statement
/// starts.
public struct SessionSettings: Sendable {
    /// The statement's start, in microseconds since 1970.
    public var now: Int64
    public var timeZone: TimeZone
    /// Seed of random() for this statement; `setseed` replaces it.
    public var randomSeed: UInt64
    /// Finds a zone by name (`Europe/Berlin`, in any case of letters); whoever runs queries reads
    /// the system's files and remembers them, as it may be asked once a batch.
    public var zones: @Sendable (String) -> TimeZone?
    /// The time that it is, for clock_timestamp(); nil: the statement's start.
    public var clock: (@Sendable () -> Int64)?
    /// When the statement began, where `now` is the start of its transaction.
    public var statementStart: Int64
    /// What functions ask of the session, or do to it; nil: there is none.
    public var services: (any SessionServices)?

    public init(
        now: Int64 = 0, timeZone: TimeZone = .utc, randomSeed: UInt64 = 0,
        zones: @escaping @Sendable (String) -> TimeZone? = { _ in nil },
        clock: (@Sendable () -> Int64)? = nil
    ) {
        self.now = now
        self.clock = clock
        self.timeZone = timeZone
        self.randomSeed = randomSeed
        self.zones = zones
        statementStart = now
    }

    /// What text in and out depends on.
    public var text: TextSettings { TextSettings(timeZone: timeZone, now: now, zones: zones) }
}
