import Aggregation
import Formats
import Platform
import SQL

/// What a session is given from outside: the clock, the ways to files and topics, and the wishes of
/// its user.
public struct SessionEnvironment: Sendable {
    public var clock: any Clock
    /// Of names that must not meet.
    public var random: any RandomSource = SystemRandom()
    /// Topics of a cluster; nil where there is none.
    public var topics: (any TopicCatalog)?
    public var onError: SourceContext.ErrorPolicy
    /// --strict: what does not fit the sampled types fails instead of widening.
    public var isStrict: Bool
    /// --follow: topics and files are read without end.
    public var follows = false
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
    /// --state-ttl: microseconds after which state that nothing touches is let go; nil: never.
    public var idleLimit: Int64?
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
    /// Is told several times a second how far a query is, and at its end.
    public var progress: (@Sendable (QueryProgress) -> Void)?
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
    public var column: String
    public var unit: EpochUnit
    public var delay: Int64
    public var idle: Int64?

    public init(
        column: String, unit: EpochUnit = .byMagnitude, delay: Int64 = 0, idle: Int64? = nil
    ) {
        self.column = column
        self.unit = unit
        self.delay = delay
        self.idle = idle
    }
}

/// A topic as a query names it.
public struct TopicReference: Sendable {
    /// How its records are rows.
    public enum Form: Sendable { case plain, debezium, upsert }

    public var name: String
    public var isQuoted: Bool
    /// `host:port,...` of another cluster; nil: the session's.
    public var brokers: String?
    /// Its records are Avro.
    public var isAvro = false
    /// URLs of the schema registry that its records name; nil: the session's.
    public var registry: String?
    public var isStream = false
    /// Only what comes from now on.
    public var startsAtEnd = false
    public var form = Form.plain
    /// Written by its name alone: where a capture writes the topic, it is the table's rows.
    public var mayBeCaptured = false
    /// Names for the sample to look for; nil: all.
    public var wanted: Set<String>?
    /// Names that are null as long as no record has had them.
    public var expected: Set<String> = []
    public var expectedPaths: Set<[String]> = []
    /// The types of columns of a topic without records, where they were tried before.
    public var emptyTypes: [String: DataType] = [:]
    /// Over STREAM: the first records of an empty topic are waited for, until `stop` is set.
    public var waitsForRows = false
    public var stop: StopFlag?
    /// What its columns were when the state of the query was begun.
    public var known: KnownColumns?

    public init(_ name: String, isQuoted: Bool, brokers: String? = nil) {
        self.name = name
        self.isQuoted = isQuoted
        self.brokers = brokers
    }

    /// `kafka://host:port,host:port/topic`; without hosts the session's cluster. nil: no such URL.
    public init?(url: String) {
        guard url.hasPrefix("kafka://") else { return nil }
        let rest = url.dropFirst("kafka://".count)
        guard let slash = rest.firstIndex(of: "/") else { return nil }
        let topic = rest[rest.index(after: slash)...]
        guard !topic.isEmpty, !topic.contains("/") else { return nil }
        self.init(String(topic), isQuoted: true)
        if slash > rest.startIndex { brokers = String(rest[..<slash]) }
    }
}

/// How rows are written to a topic.
public enum TopicOutputForm: Sendable {
    /// The value is the row, the key the column `_key`.
    case plain
    /// The key is the result's key; no value where it has no row any more.
    case upsert
    /// Debezium's envelopes, and no value behind each delete.
    case debezium
}

/// The topics of clusters as relations. Calls block.
public protocol TopicCatalog: Sendable {
    /// nil if there is no such topic.
    func relation(_ reference: TopicReference) throws(SQLError) -> (any SourceRelation)?

    /// A statement begins: captured tables are read at a cut of its own.
    func startStatement()

    /// The session's cluster is in use already.
    var isConnected: Bool { get }

    /// Names of the session's cluster, for hints.
    func names() -> [String]

    /// Where INSERT INTO writes; nil if there is no such topic. `transaction` is one of the same
    /// cluster, for all that is written.
    func output(
        _ reference: TopicReference, _ form: TopicOutputForm,
        within transaction: (any ResultTransaction)?
    ) throws(SQLError) -> (any ResultOutput)?

    /// What is written to topics of the reference's cluster can count all at once.
    func transaction(
        for reference: TopicReference
    ) throws(SQLError) -> any ResultTransaction
}
