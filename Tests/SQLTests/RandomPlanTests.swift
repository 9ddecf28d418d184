import Aggregation
import Formats
import Testing

@testable import SQL

/// A random query over the standard tables, by a small grammar.
private struct QueryMaker {
    var random: SeededNumbers
    private var aliases = 0

    init(_ seed: UInt64) { random = SeededNumbers(state: seed) }

    mutating func pick<T>(_ list: [T]) -> T { list[Int.random(in: 0..<list.count, using: &random)] }
    mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    /// A query with integer columns n0, n1 ...; `outer` are columns that it may look at.
    mutating func query(_ depth: Int, _ outer: [String], width: Int) -> String {
        let (from, columns) = self.from(depth, outer)
        var text = "SELECT "
        if chance(15) { text += "DISTINCT " }
        let isGrouped = chance(30)
        let key = pick(columns)
        var items: [String] = []
        for index in 0..<width {
            let item =
                isGrouped
                ? pick([key, "count(*)::int", "sum(\(pick(columns)))::int", "max(\(key))"])
                : expression(depth, columns, outer)
            items.append("\(item) AS n\(index)")
        }
        text += items.joined(separator: ", ") + " FROM \(from)"
        if chance(60) { text += " WHERE \(condition(depth, columns, outer))" }
        if isGrouped { text += " GROUP BY \(key)" }
        if chance(20) { text += " ORDER BY 1 LIMIT \(Int.random(in: 1...5, using: &random))" }
        return text
    }

    private mutating func from(_ depth: Int, _ outer: [String]) -> (String, [String]) {
        var text = ""
        var columns: [String] = []
        for index in 0..<Int.random(in: 1...3, using: &random) {
            aliases += 1
            let alias = "x\(aliases)"
            let (relation, own) = self.relation(depth, alias)
            if index == 0 {
                text = relation
                columns = own
                continue
            }
            let kind = pick(["JOIN", "LEFT JOIN", "CROSS JOIN", "RIGHT JOIN", "FULL JOIN"])
            switch kind {
            case "CROSS JOIN": text += " \(kind) \(relation)"
            default: text += " \(kind) \(relation) ON \(pick(columns)) = \(pick(own))"
            }
            columns += own
        }
        return (text, columns)
    }

    private mutating func relation(_ depth: Int, _ alias: String) -> (String, [String]) {
        if depth > 0, chance(30) {
            return ("(\(query(depth - 1, [], width: 2))) \(alias)", ["\(alias).n0", "\(alias).n1"])
        }
        switch pick([0, 1, 2, 3]) {
        case 0: return ("t \(alias)", ["\(alias).a"])
        case 1: return ("u \(alias)", ["\(alias).a"])
        case 2: return ("k \(alias)", ["\(alias).id", "\(alias).v"])
        default: return ("s \(alias)", ["\(alias).id", "(\(alias).r).x"])
        }
    }

    private mutating func expression(
        _ depth: Int, _ columns: [String], _ outer: [String]
    ) -> String {
        switch Int.random(in: 0..<10, using: &random) {
        case 0 where depth > 0:
            return "(SELECT max(n0) FROM (\(query(depth - 1, columns, width: 1))) q)"
        case 1: return "COALESCE(\(pick(columns)), \(pick(columns)))"
        case 2: return "CASE WHEN \(pick(columns)) > 3 THEN \(pick(columns)) ELSE 0 END"
        case 3 where !outer.isEmpty: return pick(outer)
        case 4: return "\(pick(columns)) + 1"
        case 5: return "row_number() OVER (PARTITION BY \(pick(columns)) ORDER BY 1)::int"
        default: return pick(columns)
        }
    }

    private mutating func condition(
        _ depth: Int, _ columns: [String], _ outer: [String]
    ) -> String {
        let all = columns + outer
        switch Int.random(in: 0..<9, using: &random) {
        case 0 where depth > 0:
            return "\(pick(["", "NOT "]))EXISTS (\(query(depth - 1, columns, width: 1)))"
        case 1 where depth > 0:
            return
                "\(pick(columns)) \(pick(["", "NOT "]))IN (\(query(depth - 1, columns, width: 1)))"
        case 2:
            return "(\(condition(0, columns, outer)) OR \(condition(depth, columns, outer)))"
        case 3: return "\(condition(depth, columns, outer)) AND \(condition(0, columns, outer))"
        case 4: return "\(pick(all)) IS \(pick(["", "NOT "]))NULL"
        case 5: return "\(pick(all)) IN (1, 2, 5)"
        default: return "\(pick(all)) \(pick(["=", "<", ">=", "<>"])) \(pick(all + ["3"]))"
        }
    }
}

private struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite struct RandomPlanTests {
    /// Bound, decorrelated and optimised, every expression must still read what is there.
    @Test(arguments: 1...400)
    func `the plan of a random query is sound`(seed: Int) throws {
        var maker = QueryMaker(UInt64(seed))
        let text = maker.query(2, [], width: 3)
        let plan: Plan
        do {
            plan = try bound(text).plan
        } catch {
            Issue.record("seed \(seed): \(error.message)\n\(text)")
            return
        }
        let optimised: Plan
        do {
            optimised = try Optimiser().optimise(plan)
        } catch {
            if error.state == .featureNotSupported { return }
            throw error
        }
        let faults = PlanValidator.faults(optimised)
        #expect(faults.isEmpty, "seed \(seed): \(faults)\n\(text)")
        #expect(optimised.columns.map(\.type) == plan.columns.map(\.type))
        #expect(optimised.columns.map(\.name) == plan.columns.map(\.name))
    }
}
