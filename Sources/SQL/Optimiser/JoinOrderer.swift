import Aggregation
import Formats

/// Orders chains of inner joins so that small results come first and nothing is crossed that a
/// condition connects. Greedy over estimated rows; runs after the filters lie at their inputs.
struct JoinOrderer {
    func run(_ plan: Plan) throws(SQLError) -> Plan {
        guard isChain(plan) else {
            return try plan.mapChildren { (child, _) throws(SQLError) in try run(child) }
        }
        var parts: [Plan] = []
        var conditions: [Expression] = []
        try flatten(plan, 0, &parts, &conditions)
        guard parts.count > 2 else {
            return try plan.mapChildren { (child, _) throws(SQLError) in try run(child) }
        }
        return try order(plan, parts, conditions)
    }

    private func isChain(_ plan: Plan) -> Bool {
        guard case .join(_, _, let join) = plan.node else { return false }
        return join.kind == .inner && !join.isLookup && join.bounds.isEmpty
    }

    /// The inputs of a chain, and its conditions over all their columns side by side.
    private func flatten(
        _ plan: Plan, _ start: Int, _ parts: inout [Plan], _ conditions: inout [Expression]
    ) throws(SQLError) {
        guard isChain(plan), case .join(let left, let right, let join) = plan.node else {
            parts.append(try run(plan))
            return
        }
        let middle = start + left.columns.count
        try flatten(left, start, &parts, &conditions)
        try flatten(right, middle, &parts, &conditions)
        for (a, b) in zip(join.leftKeys, join.rightKeys) {
            let function = try FunctionRegistry.scalar("=", [a.type, b.type])
            conditions.append(
                .call(
                    function, [a.mapColumns { $0 + start }, b.mapColumns { $0 + middle }],
                    .boolean))
        }
        for part in join.condition?.conjuncts ?? [] {
            conditions.append(part.mapColumns { $0 + start })
        }
    }

    private func order(
        _ plan: Plan, _ parts: [Plan], _ conditions: [Expression]
    ) throws(SQLError) -> Plan {
        var starts: [Int] = []
        var width = 0
        for part in parts {
            starts.append(width)
            width += part.columns.count
        }
        func owner(_ column: Int) -> Int { (starts.lastIndex { $0 <= column }) ?? 0 }
        var open = Array(parts.indices)
        var rest = conditions
        // Where each original column lies in the joined plan.
        var places: [Int: Int] = [:]
        let first = smallest(parts, conditions, owner)
        open.removeAll { $0 == first }
        var result = parts[first]
        for column in parts[first].columns.indices { places[starts[first] + column] = column }
        while !open.isEmpty {
            let joined = Set(places.keys)
            let next = best(open, parts, starts, joined, rest, result)
            open.removeAll { $0 == next }
            let base = result.columns.count
            for column in parts[next].columns.indices {
                places[starts[next] + column] = base + column
            }
            var join = JoinPlan(.inner)
            let usable = rest.filter { $0.columns.allSatisfy { places[$0] != nil } }
            rest.removeAll { $0.columns.allSatisfy { places[$0] != nil } }
            join.take(usable.map { $0.mapColumns { places[$0] ?? $0 } }, leftWidth: base)
            result = .make(
                .join(result, parts[next], join), result.columns + parts[next].columns)
        }
        let columns = (0..<width).map { column -> Expression in
            .column(places[column] ?? column, plan.columns[column].type)
        }
        return result.projected(columns, plan.columns.map(\.name))
    }

    /// The part to begin with: the smallest that a condition connects to another.
    private func smallest(
        _ parts: [Plan], _ conditions: [Expression], _ owner: (Int) -> Int
    ) -> Int {
        let connected = Set(
            conditions.filter { Set($0.columns.map(owner)).count > 1 }
                .flatMap { $0.columns.map(owner) })
        let candidates = connected.isEmpty ? Array(parts.indices) : connected.sorted()
        return candidates.min { parts[$0].facts.rows < parts[$1].facts.rows } ?? 0
    }

    private func best(
        _ open: [Int], _ parts: [Plan], _ starts: [Int], _ joined: Set<Int>,
        _ conditions: [Expression], _ result: Plan
    ) -> Int {
        func cost(_ index: Int) -> Double {
            let own = starts[index]..<(starts[index] + parts[index].columns.count)
            let links = conditions.filter { part in
                part.columns.contains(where: own.contains)
                    && part.columns.contains(where: joined.contains)
                    && part.columns.allSatisfy { own.contains($0) || joined.contains($0) }
            }
            let (a, b) = (result.facts.rows, parts[index].facts.rows)
            guard !links.isEmpty else { return a * b * 1e6 }
            let isKey = links.contains {
                if case .call(let function, _, _) = $0 { return function.name == "=" }
                return false
            }
            return isKey ? max(a, b) * 0.9 + min(a, b) : a * b
        }
        return open.min { cost($0) < cost($1) } ?? open[0]
    }
}
