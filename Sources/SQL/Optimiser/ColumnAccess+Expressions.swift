import Aggregation
import Formats

extension Expression {
    /// A column or a chain of members down from one, with the types along it; or that as JSON.
    var access: (ColumnAccess, types: [DataType])? {
        switch self {
        case .column(let index, let type): return (ColumnAccess(column: index), [type])
        case .member(let inner, let index, let type):
            guard case (var access, let types)? = inner.access else { return nil }
            access.path.append(index)
            return (access, types + [type])
        case .call(let function, let arguments, .json):
            guard Expression.makersOfJSON.contains(function.name), arguments.count == 1,
                case .column = arguments[0].root, arguments[0].type.isFromJSON,
                case (var access, let types)? = arguments[0].access
            else { return nil }
            access.path.append(ReadColumn.wholeText)
            return (access, types + [.json])
        default: return nil
        }
    }

    private static let makersOfJSON: Set<String> = ["to_json", "row_to_json", "array_to_json"]

    /// What a chain of members goes down from.
    private var root: Expression {
        if case .member(let inner, _, _) = self { return inner.root }
        return self
    }

    /// A step of an access.
    func step(_ index: Int, _ type: DataType) -> Expression {
        guard index == ReadColumn.wholeText else { return .member(self, index, type) }
        guard let function = try? FunctionRegistry.scalar("to_json", [self.type]) else {
            return self
        }
        return .call(function, [self], .json)
    }

    /// All that is read.
    var accesses: Set<ColumnAccess> {
        if let (access, _) = access { return [access] }
        return children.reduce(into: []) { $0.formUnion($1.accesses) }
    }

    /// A member inside what this gives.
    func member(_ path: [Int]) -> Expression {
        path.reduce(self) { base, index in
            if index == ReadColumn.wholeText { return base.step(index, .json) }
            if case .record(let list, _) = base, index < list.count { return list[index] }
            guard case .record(let fields) = base.type, index < fields.count else { return base }
            return .member(base, index, fields[index].type)
        }
    }
}

extension Set<ColumnAccess> {
    /// Without members of what is read as a whole.
    var normalised: Set<ColumnAccess> {
        filter { access in
            !contains { $0 != access && $0.covers(access) }
        }
    }
}

extension [ColumnAccess] {
    /// Each at its own place.
    var places: [ColumnAccess: Int] {
        var places: [ColumnAccess: Int] = [:]
        for (index, access) in enumerated() { places[access] = index }
        return places
    }
}

extension Plan {
    func expression(_ access: ColumnAccess) -> Expression {
        Expression.column(access.column, columns[access.column].type).member(access.path)
    }

    func name(_ access: ColumnAccess) -> String {
        var name = columns[access.column].name
        var type = columns[access.column].type
        for index in access.path {
            guard case .record(let fields) = type, fields.indices.contains(index) else { break }
            name = fields[index].name
            type = fields[index].type
        }
        return name
    }

    func renamed(_ names: [String]) -> Plan {
        var plan = self
        for (index, name) in names.enumerated() where index < columns.count {
            plan.columns[index].name = name
        }
        return plan
    }

    /// Names for some columns, where a projection that named them is gone.
    func named(_ names: [String], at places: [Int]) -> Plan {
        guard Set(places).count == places.count else { return self }
        var plan = self
        for (name, place) in zip(names, places) { plan.columns[place].name = name }
        return plan
    }

    /// Whether an operation closes windows, frees rows or compares times by the watermark.
    var usesWatermark: Bool {
        containsOperation { plan in
            switch plan.node {
            case .aggregate(_, let aggregate): return aggregate.window != nil
            case .window(_, let window):
                if case .session = window.kind { return true }
                return false
            case .join(_, _, let join): return !join.bounds.isEmpty || join.time != nil
            case .sort(let input, let sort): return input.closesPartitions(sort.partition)
            case .over(let input, let over): return input.closesPartitions(over.partition)
            default: return false
            }
        }
    }

    /// Whether partitions of its rows end by time.
    private func closesPartitions(_ partition: [Expression]) -> Bool {
        facts.isAppendOnly
            && partition.contains { expression in
                guard case .column(let index, let type) = expression else { return false }
                return type.isTime && facts.timeColumns.contains(index)
            }
    }
}

extension PrunedPlan {
    /// A plan of which nothing was taken.
    static func identity(_ plan: Plan) -> PrunedPlan {
        PrunedPlan(
            plan: plan, places: plan.columns.indices.map { ColumnAccess(column: $0) }.places)
    }
}

extension JoinPlan {
    /// Whether right columns leave.
    var addsRight: Bool {
        switch kind {
        case .semi, .anti, .mark: false
        default: true
        }
    }
}

extension WindowAssignment {
    /// Columns of the input that are read.
    var columns: [Int] {
        var list = [time].compactMap { $0 }
        if case .session(_, let partition) = kind { list += partition }
        return list
    }

    mutating func mapColumns(_ transform: (Int) -> Int) {
        time = time.map(transform)
        if case .session(let gap, let partition) = kind {
            kind = .session(gap: gap, partition: partition.map(transform))
        }
    }
}
