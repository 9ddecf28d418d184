import Aggregation
import Formats
import Platform
import SQL

/// What a session is given from outside: the clock, the ways to files and topics, and the wishes of
/// its user.
public struct SessionEnvironment: Sendable {
    public var clock: any Clock
    /// Topics of a cluster; nil where there is none.
    public var topics: (any TopicCatalog)?
    public var onError: SourceContext.ErrorPolicy
    /// --strict: what does not fit the sampled types fails instead of widening.
    public var isStrict: Bool
    /// --time and --delay: the time column of sources that have a column of that name.
    public var time: DeclaredTime?
    /// Format of stdin; nil: found from its first bytes.
    public var inputFormat: String?
    /// Values of :name and $1.
    public var parameters: [String: String]
    /// Notes for people, a line each.
    public var note: @Sendable (String) -> Void
    public var stop: StopFlag
    /// --memory: bytes that the operators of a query may hold together.
    public var memoryMax = Int.max
    /// --temp: where what does not fit goes, for queries over input that ends.
    public var temporaryDirectory = "/tmp"
    /// --state: the directory where the one query of the session keeps what it knows.
    public var stateDirectory: String?
    /// --explain-wait: what a query waits for is said.
    public var explainsWaits = false
    /// --verify: queries are run finite and endless, and compared.
    public var isVerifying = false
    /// The seed of how --verify cuts the endless run; nil: drawn.
    public var verifySeed: UInt64?
    /// Makes the output of COPY: a file, or stdout where none is named, with the options written
    /// (names in lower case).
    public var makeOutput: MakeOutput?

    public typealias MakeOutput =
        @Sendable (_ file: String?, _ options: [String: String], Range<Int>) throws(SQLError)
        -> (any ResultOutput)?

    public init(
        clock: any Clock, topics: (any TopicCatalog)? = nil,
        onError: SourceContext.ErrorPolicy = .fail, isStrict: Bool = false,
        time: DeclaredTime? = nil, inputFormat: String? = nil, parameters: [String: String] = [:],
        stop: StopFlag = StopFlag(),
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.clock = clock
        self.topics = topics
        self.onError = onError
        self.isStrict = isStrict
        self.time = time
        self.inputFormat = inputFormat
        self.parameters = parameters
        self.stop = stop
        self.note = note
    }
}

/// A time column by name: `--time ts:ms --delay 5s --idle 2s`. Spans in microseconds.
public struct DeclaredTime: Sendable, Equatable {
    public enum Unit: String, Sendable { case seconds = "s", milliseconds = "ms" }

    public var column: String
    /// s, ms, us or ns; nil: by magnitude.
    public var unit: String?
    public var delay: Int64
    public var idle: Int64?

    public init(column: String, unit: String? = nil, delay: Int64 = 0, idle: Int64? = nil) {
        self.column = column
        self.unit = unit
        self.delay = delay
        self.idle = idle
    }
}

/// The topics of a cluster as relations. Calls block.
public protocol TopicCatalog: Sendable {
    /// The topic of that spelling; nil if there is none. `url` is `kafka://host:port/topic` where
    /// the query names another cluster.
    func relation(
        _ name: String, isQuoted: Bool, url: String?, isStream: Bool, wanted: Set<String>?
    ) throws(SQLError) -> (any SourceRelation)?

    /// Names for hints.
    func names() -> [String]

    /// Where INSERT INTO writes: creates nothing, an unknown topic is an error.
    func output(_ name: String, columns: [Field]) throws(SQLError) -> (any ResultOutput)?
}
