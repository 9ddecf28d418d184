import Formats

/// What a query does, as a tree of operations over typed columns. The binder makes it, the
/// optimiser rewrites it, `PlanCompiler` turns it into operators.
public struct Plan: Sendable {
    public var node: Node
    public var columns: [Field]
    public var facts: Facts

    public init(_ node: Node, _ columns: [Field], _ facts: Facts = Facts()) {
        self.node = node
        self.columns = columns
        self.facts = facts
    }

    /// What is known of the rows that leave an operation; shown by EXPLAIN.
    public struct Facts: Sendable {
        /// Rows are only ever inserted.
        public var isAppendOnly = true
        /// The input never ends by itself.
        public var isEndless = false
        /// Columns whose values are different in any two rows that stand at the same time.
        public var key: [Int]?
        /// Columns that the watermark speaks of: no row with a smaller value will come (but late
        /// ones).
        public var timeColumns: [Int] = []
        /// What those of them count that are numbers; nil: none is.
        public var epochUnit: EpochUnit?
        /// Guessed, for the order of joins.
        public var rows: Double = 1000

        public init() {}
    }

    public indirect enum Node: Sendable {
        case scan(any Relation, ScanPlan)
        /// Rows of constant expressions.
        case values([[Expression]])
        case filter(Plan, Expression)
        case project(Plan, [Expression])
        /// For each row of the input the rows of the functions, side by side, behind its columns.
        /// With `keepsEmpty` (LEFT JOIN LATERAL) a row without any stays, with nulls.
        case unnest(Plan, [TableFunctionCall], withOrdinality: Bool, keepsEmpty: Bool)
        /// A window table function: adds `window_start`, `window_end`, `window_time`.
        case window(Plan, WindowAssignment)
        case aggregate(Plan, AggregatePlan)
        case join(Plan, Plan, JoinPlan)
        /// A dependent join that could not be decorrelated: the right side is run for each distinct
        /// set of outer values. Finite only.
        case apply(Plan, Plan, JoinPlan.Kind)
        case over(Plan, OverPlan)
        /// `limit` rows (nil: all) behind `offset`, in the order of `keys`, within each group of
        /// equal `partition` values. DISTINCT ON and ROW_NUMBER() <= n are such too.
        case sort(Plan, SortPlan)
        /// Without an order: the first to come.
        case limit(Plan, count: Expression?, offset: Expression?)
        case distinct(Plan)
        case union([Plan])
        case setOperation(SetOperation, all: Bool, Plan, Plan)
        /// A subplan that several places read (a CTE named twice): it runs once.
        case shared(SharedPlan)
        /// WITH RECURSIVE: `step` reads the rows of the last round through `.recursion(id)`.
        case recursive(id: Int, initial: Plan, step: Plan, all: Bool)
        case recursion(id: Int)
    }

    public enum SetOperation: Sendable { case intersect, except }
}

/// What is read of a relation.
public struct ScanPlan: Sendable {
    public var columns: [ScanColumn]
    /// What the watermark follows; nil: there is none, or nothing in the query asks for it.
    public var time: ScanTime?

    public init(_ columns: [ScanColumn], time: ScanTime? = nil) {
        self.columns = columns
        self.time = time
    }
}

/// A column of a relation, or a member inside one. Where a reader can, it takes only the member
/// out of its input; a null on the way to it is null.
public struct ScanColumn: Sendable, Hashable {
    public var index: Int
    /// Positions of members, outermost first; empty: the whole column.
    public var path: [Int]
    public var type: DataType

    public init(_ index: Int, path: [Int] = [], _ type: DataType) {
        self.index = index
        self.path = path
        self.type = type
    }
}

/// The watermark of each partition: the running maximum of an expression over the scan's columns
/// (a date, timestamp or timestamptz), minus the delay. It may be a column or be generated from
/// some.
public struct ScanTime: Sendable {
    public var expression: Expression
    /// Microseconds.
    public var delay: Int64
    public var idle: Int64?

    public init(_ expression: Expression, delay: Int64, idle: Int64? = nil) {
        self.expression = expression
        self.delay = delay
        self.idle = idle
    }
}

public final class SharedPlan: Sendable {
    public let id: Int
    public let name: String
    public let plan: Plan

    public init(id: Int, name: String, plan: Plan) {
        self.id = id
        self.name = name
        self.plan = plan
    }
}

public struct SortKey: Sendable {
    public var expression: Expression
    public var isDescending: Bool
    public var nullsFirst: Bool

    /// PostgreSQL sorts nulls as if larger than all else.
    public init(_ expression: Expression, isDescending: Bool = false, nullsFirst: Bool? = nil) {
        self.expression = expression
        self.isDescending = isDescending
        self.nullsFirst = nullsFirst ?? isDescending
    }
}

public struct SortPlan: Sendable {
    public var partition: [Expression] = []
    public var keys: [SortKey]
    public var limit: Expression?
    public var offset: Expression?
    /// FETCH FIRST ... WITH TIES
    public var withTies = false
    /// Appends the row's number in its partition (from 1), as bigint.
    public var appendsRowNumber = false

    public init(_ keys: [SortKey]) { self.keys = keys }
}

/// TUMBLE, HOP, CUMULATE, SESSION. All spans in microseconds.
public struct WindowAssignment: Sendable {
    public enum Kind: Sendable {
        case tumble(size: Int64, offset: Int64)
        case hop(slide: Int64, size: Int64, offset: Int64)
        case cumulate(step: Int64, size: Int64, offset: Int64)
        /// Per distinct values of `partition` (columns of the input).
        case session(gap: Int64, partition: [Int])
    }

    public var kind: Kind
    /// The time column of the input; nil: PROCTIME(), the time when the row arrives.
    public var time: Int?

    public init(_ kind: Kind, time: Int?) {
        self.kind = kind
        self.time = time
    }
}

public struct AggregatePlan: Sendable {
    /// Output columns 0..<keys.count, then one a call, then with `groupingSets` an integer whose
    /// bit i is set where key i is not part of the row's set (for GROUPING()).
    public var keys: [Expression]
    public var calls: [AggregateCall]
    /// Indices into `keys` for each set; nil: one set of all keys.
    public var groupingSets: [[Int]]?
    /// Set where a key is `window_start` or `window_end` (or date_bin/date_trunc of the time
    /// column): groups are closed when the watermark reaches their end.
    public var window: WindowBound?
    public var lateRows = LateRows.drop
    /// LATE ROWS TO: rows that no window takes are handed out whole, so no column is left out.
    public var handsOutLateRows = false

    public init(keys: [Expression], calls: [AggregateCall]) {
        self.keys = keys
        self.calls = calls
    }

    /// Windows leave once more when late rows change them.
    public var updatesLateRows: Bool {
        if case .update = lateRows { window != nil } else { false }
    }

    public struct WindowBound: Sendable {
        /// The window's end in microseconds, over the input's row.
        public var end: Expression
        /// False: changes of open windows are emitted too (EMIT CHANGES over windows); state is
        /// freed at the close all the same.
        public var emitsOnClose: Bool

        public init(end: Expression, emitsOnClose: Bool) {
            self.end = end
            self.emitsOnClose = emitsOnClose
        }
    }

    public enum LateRows: Sendable {
        case drop
        /// Windows take rows for so many microseconds past their close, and are emitted again.
        case update(Int64)
    }
}

public struct JoinPlan: Sendable {
    public enum Kind: Sendable {
        case inner, left, right, full
        /// Left rows with (semi) or without (anti) a match; only left columns leave.
        case semi, anti
        /// Left rows with a boolean behind them, for IN, EXISTS, ANY: over the right rows whose
        /// keys from `nullAwareKeys` on are equal, the three-valued OR of "the first
        /// `nullAwareKeys` keys are equal and the condition holds".
        case mark
        /// At most one match a left row, else error 21000; without one nulls (scalar subquery).
        case single
        /// The last right row whose time is not after the left one's (ASOF); `time` compares.
        case asof, asofLeft
    }

    public var kind: Kind
    /// Equalities: left key i = right key i, over the columns of their side.
    public var leftKeys: [Expression] = []
    public var rightKeys: [Expression] = []
    /// For `mark` only: so many keys at the front are compared with SQL's `=`, so that a null on
    /// either side makes the answer unknown instead of false.
    public var nullAwareKeys = 0
    /// What else must hold, over the left columns and then the right ones.
    public var condition: Expression?
    /// Comparisons between a time column and the other side: rows are freed by them.
    public var bounds: [TimeBound] = []
    /// Of left and right: its rows are kept as long as a query without end runs, and may leave at
    /// any time, so its times are none that a watermark speaks of.
    public var keepsForEver = [false, false]
    /// ASOF: left time `op` right time.
    public var time: AsofBound?
    /// FOR SYSTEM_TIME AS OF PROCTIME(): the right side is read first and looked up; its later
    /// changes do not change rows that have left.
    public var isLookup = false

    public init(_ kind: Kind) { self.kind = kind }

    /// A row of the side that is kept is freed when the other side's watermark has passed
    /// `expression` (over the kept side's columns, microseconds).
    public struct TimeBound: Sendable {
        public var keepsLeft: Bool
        public var expression: Expression

        public init(keepsLeft: Bool, expression: Expression) {
            self.keepsLeft = keepsLeft
            self.expression = expression
        }
    }

    public struct AsofBound: Sendable {
        public var left: Expression
        public var right: Expression
        public var isStrict: Bool
        /// True: the nearest right row at or after the left one.
        public var isForward: Bool

        public init(left: Expression, right: Expression, isStrict: Bool, isForward: Bool) {
            self.left = left
            self.right = right
            self.isStrict = isStrict
            self.isForward = isForward
        }
    }
}

/// Window functions over one partitioning and order; each adds a column behind the input's.
public struct OverPlan: Sendable {
    public var partition: [Expression]
    public var order: [SortKey]
    public var calls: [OverCall]

    public init(partition: [Expression], order: [SortKey], calls: [OverCall]) {
        self.partition = partition
        self.order = order
        self.calls = calls
    }
}

public struct OverCall: Sendable {
    public enum Function: Sendable {
        case rowNumber, rank, denseRank, percentRank, cumeDist, ntile
        case lag, lead, firstValue, lastValue, nthValue
        case aggregate(AggregateFunction)
    }

    public var function: Function
    public var arguments: [Expression]
    public var filter: Expression?
    public var frame: Frame
    public var type: DataType
    /// lag, lead, first_value, last_value and nth_value see only values that are not null.
    public var ignoresNulls = false

    public init(
        _ function: Function, _ arguments: [Expression], filter: Expression? = nil, frame: Frame,
        type: DataType
    ) {
        self.function = function
        self.arguments = arguments
        self.filter = filter
        self.frame = frame
        self.type = type
    }

    public struct Frame: Sendable {
        public enum Unit: Sendable { case rows, range, groups }
        public enum Bound: Sendable {
            case unboundedPreceding
            /// A constant: rows or groups (bigint), or for RANGE a distance of the order key.
            case preceding(Expression)
            case currentRow
            case following(Expression)
            case unboundedFollowing
        }
        public enum Exclusion: Sendable { case none, currentRow, group, ties }

        public var unit: Unit
        public var start: Bound
        public var end: Bound
        public var exclusion: Exclusion

        public init(
            _ unit: Unit = .range, _ start: Bound = .unboundedPreceding, _ end: Bound = .currentRow,
            exclusion: Exclusion = .none
        ) {
            self.unit = unit
            self.start = start
            self.end = end
            self.exclusion = exclusion
        }
    }
}

/// A function that gives rows: generate_series, unnest, regexp_split_to_table, json_each ...
public struct TableFunction: Sendable {
    public let name: String
    public let parameters: [DataType]
    public let columns: [Field]
    /// Appends the rows for one row of arguments to the builders, one a column; gives how many.
    public let expand:
        @Sendable (_ arguments: [Value], _ rows: [ColumnBuilder], _ context: KernelContext)
            throws(SQLError) -> Int

    public init(
        _ name: String, _ parameters: [DataType], _ columns: [Field],
        expand:
            @escaping @Sendable ([Value], [ColumnBuilder], KernelContext)
            throws(SQLError) -> Int
    ) {
        self.name = name
        self.parameters = parameters
        self.columns = columns
        self.expand = expand
    }
}

public struct TableFunctionCall: Sendable {
    public var function: TableFunction
    public var arguments: [Expression]

    public init(_ function: TableFunction, _ arguments: [Expression]) {
        self.function = function
        self.arguments = arguments
    }
}
