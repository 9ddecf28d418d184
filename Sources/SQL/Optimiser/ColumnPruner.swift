import Aggregation
import Formats

/// A column, or a member inside one, that something above reads.
struct ColumnAccess: Hashable, Comparable {
    var column: Int
    /// Positions of members, outermost first; empty: the whole column.
    var path: [Int] = []

    static func < (a: ColumnAccess, b: ColumnAccess) -> Bool {
        a.column != b.column ? a.column < b.column : a.path.lexicographicallyPrecedes(b.path)
    }

    func covers(_ other: ColumnAccess) -> Bool {
        column == other.column && other.path.starts(with: path)
    }
}

/// A plan from which unread columns are gone, and where what was asked for lies in it. It may have
/// further columns.
struct PrunedPlan {
    var plan: Plan
    var places: [ColumnAccess: Int]

    /// An expression over the original plan's columns, over this one's.
    func over(_ expression: Expression) -> Expression {
        if let (access, types) = expression.access {
            for length in 0...access.path.count {
                let prefix = ColumnAccess(
                    column: access.column, path: Array(access.path.prefix(length)))
                guard let place = places[prefix] else { continue }
                var result = Expression.column(place, types[length])
                for (step, index) in access.path.enumerated().dropFirst(length) {
                    result = result.step(index, types[step + 1])
                }
                return result
            }
        }
        return expression.mapChildren { (child: Expression) -> Expression in over(child) }
    }

    /// Exactly these, in this order.
    func narrowed(to list: [ColumnAccess], _ original: Plan) -> Plan {
        let wanted = list.map { over(original.expression($0)) }
        let isSame =
            wanted.count == plan.columns.count
            && wanted.enumerated().allSatisfy { $0.element.columnIndex == $0.offset }
        return isSame ? plan : plan.projected(wanted, list.map { original.name($0) })
    }
}

/// Drops columns, members, calls and projections that nothing reads, from the top down to the
/// scans, which then read only what is left.
final class ColumnPruner {
    /// What was asked of shared plans; nil once they have been pruned themselves.
    private var sharedNeeds: [Int: Set<ColumnAccess>]? = [:]
    private var sharedPlans: [Int: SharedPlan] = [:]
    /// The place of each shared plan among all: those inside another come before it.
    private let order: [Int: Int]
    /// Whether anything in the query looks at watermarks.
    private let needsTime: Bool

    private init(_ plan: Plan, keepsTimes: Bool) {
        needsTime = keepsTimes || plan.usesWatermark
        var order: [Int: Int] = [:]
        for (place, shared) in SharedPlans(in: plan).list.enumerated() { order[shared.id] = place }
        self.order = order
    }

    static func run(_ plan: Plan, keepsTimes: Bool) throws(SQLError) -> Plan {
        let pruner = ColumnPruner(plan, keepsTimes: keepsTimes)
        let first = try pruner.whole(plan)
        guard !pruner.sharedPlans.isEmpty else { return first }
        return try pruner.withSharedPruned(first)
    }

    /// All columns of a plan, in their order.
    private func whole(_ plan: Plan) throws(SQLError) -> Plan {
        let all = plan.columns.indices.map { ColumnAccess(column: $0) }
        let pruned = try prune(plan, Set(all)).narrowed(to: all, plan)
        return pruned.renamed(plan.columns.map(\.name))
    }

    /// Shared plans are pruned to what all their readers ask for; the readers then once more.
    private func withSharedPruned(_ plan: Plan) throws(SQLError) -> Plan {
        var done: [Int: SharedPlan] = [:]
        var layouts: [Int: [Int]] = [:]
        // Readers before what they read.
        while let id = sharedPlans.keys.filter({ done[$0] == nil }).max(by: {
            order[$0, default: 0] < order[$1, default: 0]
        }), let shared = sharedPlans[id] {
            let needs = (sharedNeeds?[id] ?? []).map(\.column)
            let columns = Array(Set(needs)).sorted()
            let list = columns.map { ColumnAccess(column: $0) }
            let pruned = try prune(shared.plan, Set(list)).narrowed(to: list, shared.plan)
            done[id] = SharedPlan(id: id, name: shared.name, plan: pruned)
            layouts[id] = columns
        }
        // Plans inside shared plans were replaced by none yet: from the innermost outwards.
        var final: [Int: SharedPlan] = [:]
        func finished(_ id: Int) throws(SQLError) -> SharedPlan? {
            if let shared = final[id] { return shared }
            guard let shared = done[id] else { return nil }
            let inner = try replaced(shared.plan, layouts) { (id) throws(SQLError) in
                try finished(id)
            }
            let result = SharedPlan(id: id, name: shared.name, plan: inner)
            final[id] = result
            return result
        }
        let result = try replaced(plan, layouts) { (id) throws(SQLError) in try finished(id) }
        sharedNeeds = nil
        return try whole(result)
    }

    /// Readers of pruned shared plans see the old columns; those that are gone are null.
    private func replaced(
        _ plan: Plan, _ layouts: [Int: [Int]],
        _ shared: (Int) throws(SQLError) -> SharedPlan?
    ) throws(SQLError) -> Plan {
        guard case .shared(let old) = plan.node, let columns = layouts[old.id],
            let new = try shared(old.id)
        else {
            return try plan.mapChildren { (child, _) throws(SQLError) in
                try replaced(child, layouts, shared)
            }
        }
        let leaf = Plan.make(.shared(new), new.plan.columns)
        let list = plan.columns.enumerated().map { index, field -> Expression in
            columns.firstIndex(of: index).map { .column($0, field.type) }
                ?? .literal(.null, field.type)
        }
        return leaf.projected(list, plan.columns.map(\.name))
    }

    /// The plan with at least what is needed.
    private func prune(
        _ plan: Plan, _ needed: Set<ColumnAccess>
    ) throws(SQLError) -> PrunedPlan {
        let needed = needed.normalised
        switch plan.node {
        case .scan(let relation, let scan): return self.scan(plan, relation, scan, needed)
        case .values(let rows): return values(plan, rows, needed)
        case .filter(let input, let condition):
            var pruned = try prune(input, needed.union(condition.accesses))
            pruned.plan = pruned.plan.filtered(pruned.over(condition))
            return pruned
        case .project(let input, let list): return try project(plan, input, list, needed)
        case .unnest, .window, .over, .sort: return try appending(plan, needed)
        case .aggregate(let input, let aggregate):
            return try self.aggregate(plan, input, aggregate, needed)
        case .join(let left, let right, let join):
            return try self.join(plan, left, right, join, needed)
        case .limit(let input, let count, let offset):
            var pruned = try prune(input, needed)
            pruned.plan = pruned.plan.with(
                .limit(pruned.plan, count: count, offset: offset))
            return pruned
        case .union(let inputs):
            let list = needed.sorted()
            var parts: [Plan] = []
            for input in inputs {
                parts.append(try prune(input, needed).narrowed(to: list, input))
            }
            let fields = list.map { Field(plan.name($0), plan.expression($0).type) }
            return PrunedPlan(plan: .make(.union(parts), fields), places: list.places)
        case .shared(let shared):
            if sharedNeeds != nil {
                sharedNeeds?[shared.id, default: []].formUnion(needed)
                sharedPlans[shared.id] = shared
            }
            return .identity(plan)
        case .recursion: return .identity(plan)
        default:
            return .identity(
                try plan.mapChildren { (child, _) throws(SQLError) in try whole(child) })
        }
    }

    private func scan(
        _ plan: Plan, _ relation: any Relation, _ scan: ScanPlan, _ needed: Set<ColumnAccess>
    ) -> PrunedPlan {
        var asked = needed
        if !relation.givesJSONText {
            // Only what was read from JSON can be handed out as such.
            asked = Set(
                needed.map { access in
                    guard access.path.last == ReadColumn.wholeText else { return access }
                    return ColumnAccess(column: access.column, path: access.path.dropLast())
                })
        }
        let time = needsTime ? scan.time : nil
        if let time { asked.formUnion(time.expression.accesses) }
        let list = asked.normalised.sorted()
        let columns = list.map { access in
            let old = scan.columns[access.column]
            return ScanColumn(
                old.index, path: old.path + access.path, plan.expression(access).type)
        }
        var result = PrunedPlan(plan: plan, places: list.places)
        var narrow = ScanPlan(columns)
        narrow.time = time.map {
            ScanTime(result.over($0.expression), delay: $0.delay, idle: $0.idle)
        }
        let fields = zip(list, columns).map { Field(plan.name($0), $1.type) }
        result.plan = .make(.scan(relation, narrow), fields)
        return result
    }

    private func values(
        _ plan: Plan, _ rows: [[Expression]], _ needed: Set<ColumnAccess>
    ) -> PrunedPlan {
        let columns = Set(needed.map(\.column)).sorted()
        let kept = rows.map { row in columns.map { row[$0] } }
        return PrunedPlan(
            plan: .make(.values(kept), columns.map { plan.columns[$0] }),
            places: columns.map { ColumnAccess(column: $0) }.places)
    }

    private func project(
        _ plan: Plan, _ input: Plan, _ list: [Expression], _ needed: Set<ColumnAccess>
    ) throws(SQLError) -> PrunedPlan {
        let outputs = needed.sorted()
        let expressions = outputs.map { list[$0.column].member($0.path) }
        let pruned = try prune(
            input, expressions.reduce(into: []) { $0.formUnion($1.accesses) })
        let over = expressions.map { pruned.over($0) }
        // A projection that only picks columns is none: the reader picks them itself.
        let columns = over.compactMap(\.columnIndex)
        if columns.count == over.count {
            var places: [ColumnAccess: Int] = [:]
            for (access, column) in zip(outputs, columns) { places[access] = column }
            return PrunedPlan(
                plan: pruned.plan.named(outputs.map { plan.name($0) }, at: columns),
                places: places)
        }
        if case .project(let below, let inner) = pruned.plan.node,
            let merged = ColumnPruner.merged(over, inner)
        {
            return PrunedPlan(
                plan: below.projected(merged, outputs.map { plan.name($0) }),
                places: outputs.places)
        }
        return PrunedPlan(
            plan: pruned.plan.projected(over, outputs.map { plan.name($0) }),
            places: outputs.places)
    }

    /// Two projections as one, where nothing is then computed twice.
    private static func merged(_ list: [Expression], _ inner: [Expression]) -> [Expression]? {
        var uses: [Int: Int] = [:]
        for expression in list {
            _ = expression.contains {
                if case .column(let index, _) = $0 { uses[index, default: 0] += 1 }
                return false
            }
        }
        let isCheap = uses.allSatisfy { index, count in
            (count == 1 && inner[index].isDeterministic) || inner[index].access != nil
                || inner[index].isLiteral
        }
        return isCheap ? list.map { $0.substituting(inner) } : nil
    }
}

// Operations with several inputs, or that add columns.
extension ColumnPruner {
    /// Operations that hand their input's columns on and append some.
    private func appending(
        _ plan: Plan, _ needed: Set<ColumnAccess>
    ) throws(SQLError) -> PrunedPlan {
        let input = plan.children[0]
        let width = input.columns.count
        let added = Set(needed.filter { $0.column >= width }.map(\.column))
        var node = plan.node
        switch node {
        case .over(_, var over):
            over.calls = over.calls.enumerated().filter { added.contains(width + $0.offset) }
                .map(\.element)
            if over.calls.isEmpty { return try prune(input, needed) }
            node = .over(input, over)
        case .sort(_, var sort) where sort.appendsRowNumber && added.isEmpty:
            sort.appendsRowNumber = false
            node = .sort(input, sort)
        default: break
        }
        let kept = Plan(node, plan.columns)
        var below = needed.filter { $0.column < width }
        for expression in kept.expressions { below.formUnion(expression.accesses) }
        if case .window(_, let window) = node {
            below.formUnion(window.columns.map { ColumnAccess(column: $0) })
        }
        let pruned = try prune(input, below)
        let base = pruned.plan.columns.count
        var places = pruned.places
        var fields = pruned.plan.columns
        for column in width..<plan.columns.count {
            if case .over = node, !added.contains(column) { continue }
            if case .sort(_, let sort) = node, !sort.appendsRowNumber { continue }
            places[ColumnAccess(column: column)] = fields.count
            fields.append(plan.columns[column])
        }
        _ = base
        var rebuilt = try kept.mapExpressions { (expression) throws(SQLError) in
            pruned.over(expression)
        }
        if case .window(let below, var window) = rebuilt.node {
            window.mapColumns { places[ColumnAccess(column: $0)] ?? $0 }
            rebuilt.node = .window(below, window)
        }
        rebuilt = try rebuilt.mapChildren { (_, _) throws(SQLError) in pruned.plan }
        return PrunedPlan(plan: .make(rebuilt.node, fields), places: places)
    }

    private func aggregate(
        _ plan: Plan, _ input: Plan, _ aggregate: AggregatePlan, _ needed: Set<ColumnAccess>
    ) throws(SQLError) -> PrunedPlan {
        let keyCount = aggregate.keys.count
        let calls = aggregate.calls.indices.filter { index in
            needed.contains { $0.column == keyCount + index }
        }
        var kept = aggregate
        kept.calls = calls.map { aggregate.calls[$0] }
        let shell = Plan(.aggregate(input, kept), [])
        var read = shell.expressions.reduce(into: Set<ColumnAccess>()) {
            $0.formUnion($1.accesses)
        }
        if kept.handsOutLateRows {
            read.formUnion(input.columns.indices.map { ColumnAccess(column: $0) })
        }
        let pruned = try prune(input, read)
        kept = try kept.mapExpressions { (expression) throws(SQLError) in
            pruned.over(expression)
        }
        var columns = Array(0..<keyCount) + calls.map { keyCount + $0 }
        if aggregate.groupingSets != nil { columns.append(plan.columns.count - 1) }
        return PrunedPlan(
            plan: .make(.aggregate(pruned.plan, kept), columns.map { plan.columns[$0] }),
            places: columns.map { ColumnAccess(column: $0) }.places)
    }

    private func join(
        _ plan: Plan, _ left: Plan, _ right: Plan, _ join: JoinPlan, _ needed: Set<ColumnAccess>
    ) throws(SQLError) -> PrunedPlan {
        let width = left.columns.count
        let isWide = join.addsRight
        var (a, b): (Set<ColumnAccess>, Set<ColumnAccess>) = ([], [])
        func split(_ accesses: Set<ColumnAccess>) {
            for access in accesses {
                if access.column < width {
                    a.insert(access)
                } else {
                    b.insert(ColumnAccess(column: access.column - width, path: access.path))
                }
            }
        }
        split(isWide ? needed : needed.filter { $0.column < width })
        split(join.condition?.accesses ?? [])
        for key in join.leftKeys { a.formUnion(key.accesses) }
        for key in join.rightKeys { b.formUnion(key.accesses) }
        for bound in join.bounds {
            if bound.keepsLeft {
                a.formUnion(bound.expression.accesses)
            } else {
                b.formUnion(bound.expression.accesses)
            }
        }
        if let time = join.time {
            a.formUnion(time.left.accesses)
            b.formUnion(time.right.accesses)
        }
        let (l, r) = (try prune(left, a), try prune(right, b))
        let base = l.plan.columns.count
        var both = PrunedPlan(plan: plan, places: l.places)
        for (access, place) in r.places {
            let moved = ColumnAccess(column: access.column + width, path: access.path)
            both.places[moved] = base + place
        }
        var mapped = join
        mapped.leftKeys = join.leftKeys.map { l.over($0) }
        mapped.rightKeys = join.rightKeys.map { r.over($0) }
        mapped.condition = join.condition.map { both.over($0) }
        for index in join.bounds.indices {
            let expression = join.bounds[index].expression
            mapped.bounds[index].expression =
                join.bounds[index].keepsLeft ? l.over(expression) : r.over(expression)
        }
        if let time = join.time {
            mapped.time?.left = l.over(time.left)
            mapped.time?.right = r.over(time.right)
        }
        if isWide {
            both.plan = .make(
                .join(l.plan, r.plan, mapped), l.plan.columns + r.plan.columns)
            return both
        }
        var places = l.places
        var fields = l.plan.columns
        for column in width..<max(width, plan.columns.count) {
            places[ColumnAccess(column: column)] = fields.count
            fields.append(plan.columns[column])
        }
        return PrunedPlan(
            plan: .make(.join(l.plan, r.plan, mapped), fields), places: places)
    }
}
