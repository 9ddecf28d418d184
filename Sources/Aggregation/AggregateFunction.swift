import Formats

/// An aggregate function, resolved to the types of its arguments.
public struct AggregateFunction: Sendable {
    public let name: String
    public let parameters: [DataType]
    public let result: DataType
    /// True if rows where an argument is null are left out (all but count(*), array_agg, ...).
    public let ignoresNulls: Bool
    /// False for sketches and the like: refused on changing input.
    public let canRetract: Bool
    /// True if the order of rows does not change the result, so DISTINCT of it may be dropped (min,
    /// max, bool_and).
    public let ignoresDuplicates: Bool
    /// `appendOnly`: no row is ever retracted, so less may be kept.
    public let make: @Sendable (_ call: AggregateCall, _ appendOnly: Bool) -> Accumulator

    public init(
        _ name: String, _ parameters: [DataType], _ result: DataType, ignoresNulls: Bool = true,
        canRetract: Bool = true, ignoresDuplicates: Bool = false,
        make: @escaping @Sendable (AggregateCall, Bool) -> Accumulator
    ) {
        self.name = name
        self.parameters = parameters
        self.result = result
        self.ignoresNulls = ignoresNulls
        self.canRetract = canRetract
        self.ignoresDuplicates = ignoresDuplicates
        self.make = make
    }
}

/// A call of an aggregate function in a query.
public struct AggregateCall: Sendable {
    public var function: AggregateFunction
    /// Over the input of the aggregation.
    public var arguments: [Expression]
    public var isDistinct: Bool
    /// FILTER (WHERE ...)
    public var filter: Expression?
    /// ORDER BY inside the call, and WITHIN GROUP.
    public var order: [SortKey]
    public var type: DataType

    public init(
        _ function: AggregateFunction, _ arguments: [Expression], isDistinct: Bool = false,
        filter: Expression? = nil, order: [SortKey] = [], type: DataType
    ) {
        self.function = function
        self.arguments = arguments
        self.isDistinct = isDistinct
        self.filter = filter
        self.order = order
        self.type = type
    }
}

extension AggregateCall {
    /// Brings the state of the same call over narrower types into a new accumulator.
    func carry(
        from old: AggregateCall, _ source: Accumulator, to target: Accumulator,
        _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard function.name == old.function.name, isDistinct == old.isDistinct,
            order.count == old.order.count
        else { return false }
        let isSame = type == old.type && inputTypes == old.inputTypes
        return isSame
            ? try target.carryAsWritten(from: source)
            : try target.carry(from: source, groups, widening)
    }

    private var inputTypes: [DataType] {
        arguments.map(\.type) + order.map(\.expression.type)
    }
}

/// The states of one aggregate call for all groups of an operator, column by column.
///
/// Groups are numbers from 0; the operator decides which. Rows that FILTER, DISTINCT or null leave
/// out never get here. For a call with ORDER BY the sort keys follow the arguments as further
/// columns.
open class Accumulator {
    public let type: DataType

    public init(_ type: DataType) { self.type = type }

    /// Makes room for groups below `count`; new ones are empty.
    open func grow(to count: Int) { unimplemented() }

    /// Adds rows: row i belongs to group `groups[i]`. `weights` nil: all +1; a negative weight
    /// takes a row back that was added before.
    open func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        unimplemented()
    }

    /// Adds all that `source` has seen to `target`; `source` is unchanged. Panes of windows and
    /// sessions are merged by it.
    open func merge(_ source: Int32, into target: Int32) throws(SQLError) { unimplemented() }

    /// Makes a group empty again.
    open func reset(_ group: Int32) { unimplemented() }

    /// The results of some groups, in that order.
    open func results(_ groups: [Int32]) throws(SQLError) -> Column { unimplemented() }

    /// Takes the state of the accumulator of the same call over narrower types: that of `groups`,
    /// which have the same numbers here. False: it cannot, and is not used.
    open func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        false
    }

    /// Bytes held.
    open var memory: Int { 0 }

    /// The state as bytes, and back.
    open func write(_ target: inout OutputBuffer) { unimplemented() }
    open func read(_ source: inout StateReader) throws(SQLError) { unimplemented() }

    private func unimplemented() -> Never {
        preconditionFailure("\(Swift.type(of: self)) lacks a method")
    }
}
