import Formats

/// Something that rows can be read from: a file, stdin, a topic, a table, a series in memory.
///
/// The session's catalog makes it when a name is bound, with its columns known; whoever runs the
/// plan opens it as a source. It knows nothing of the query.
public protocol Relation: AnyObject, Sendable {
    /// As errors and EXPLAIN speak of it.
    var name: String { get }
    /// What tells it from others of its name: the cluster of a topic, the rows of a table.
    var identity: String { get }
    var columns: [RelationColumn] { get }
    /// The column whose maximum minus the delay is the watermark; nil: no watermark.
    var time: TimeDeclaration? { get }
    /// STREAM: it never ends by itself.
    var isEndless: Bool { get }
    /// False: its rows carry weights (a changelog).
    var isAppendOnly: Bool { get }
    /// Columns whose values are different in any two rows that stand at the same time.
    var key: [Int]? { get }
    /// For the order of joins.
    var estimatedRows: Int? { get }
    /// Objects and arrays were read from JSON and can be handed out as its text
    /// (`ReadColumn.wholeText`).
    var givesJSONText: Bool { get }
    /// Its rows lie in memory: to read it twice costs no more than to hand its rows to two.
    var isInMemory: Bool { get }
    /// A query can open it only once.
    var isReadOnce: Bool { get }
}

extension Relation {
    public var identity: String { name }
    public var givesJSONText: Bool { false }
    public var isInMemory: Bool { false }
    public var isReadOnce: Bool { false }
}

public struct RelationColumn: Sendable {
    public var name: String
    public var type: DataType
    /// Not part of `*`: `_offset`, `_file` and the like.
    public var isHidden: Bool

    public init(_ name: String, _ type: DataType, isHidden: Bool = false) {
        self.name = name
        self.type = type
        self.isHidden = isHidden
    }
}

/// WATERMARK FOR column AS column - delay.
public struct TimeDeclaration: Sendable, Equatable {
    public var column: Int
    /// What the column counts where it is a number.
    public var unit: EpochUnit
    /// Microseconds.
    public var delay: Int64
    /// IDLE and TIMEOUT, in microseconds; nil: the default.
    public var idle: Int64?

    public init(
        column: Int, unit: EpochUnit = .byMagnitude, delay: Int64, idle: Int64? = nil
    ) {
        self.column = column
        self.unit = unit
        self.delay = delay
        self.idle = idle
    }
}
