import Aggregation
import Formats

/// A query whose names and types are known: what the driver runs and how its rows leave.
public struct BoundQuery: Sendable {
    public var plan: Plan
    /// nil: the default of QUERY.md §1.
    public var emit: BoundEmit?

    public init(_ plan: Plan, emit: BoundEmit? = nil) {
        self.plan = plan
        self.emit = emit
    }

    public var columns: [Field] { plan.columns }
}

/// EMIT with its spans in microseconds.
public struct BoundEmit: Sendable {
    public enum Kind: Sendable, Equatable {
        case changes
        case onWindowClose(delay: Int64?, timeout: Int64?)
        case final
        case periodic(Int64)
        case onUpdate(batch: Int64?)
    }
    public enum Late: Sendable, Equatable {
        case drop
        case update(Int64)
        case to(Name)
    }

    public var kind: Kind
    public var late: Late?

    public init(_ kind: Kind, late: Late? = nil) {
        self.kind = kind
        self.late = late
    }
}

/// Values for `$1` and `:name`. A text is as a literal in quotes: the context decides its type.
public struct QueryParameters: Sendable {
    public var positional: [Value]
    /// Those of EXECUTE, which come before the others.
    public var bound: [Expression] = []
    public var named: [String: Value]

    public init(positional: [Value] = [], named: [String: Value] = [:]) {
        self.positional = positional
        self.named = named
    }
}
