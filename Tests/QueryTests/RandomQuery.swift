import Platform

/// Queries over the tables of `VerifyFixture` by a small grammar: each has columns n0, n1 of
/// bigint, so that queries fit into queries.
struct RandomQuery {
    private var random: SeededRandom
    private var aliases = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed &* 7919) }

    private mutating func pick(_ list: [String]) -> String { list[random.below(list.count)] }

    mutating func query() -> String {
        body(2) + pick(["", "", " EMIT CHANGES", " EMIT FINAL", " EMIT PERIODIC INTERVAL '1 ms'"])
    }

    private mutating func relation(_ depth: Int) -> String {
        aliases += 1
        let name = "x\(aliases)"
        if depth > 0, random.chance(3, in: 5) { return "(\(body(depth - 1))) \(name)" }
        let table = pick(["a", "b", "c"])
        return "(SELECT k AS n0, \(pick(["v", "id"])) AS n1 FROM \(table)) \(name)"
    }

    private func alias(_ relation: String) -> String {
        String(relation.split(separator: " ").last ?? "")
    }

    private mutating func condition(_ name: String, _ depth: Int) -> String {
        switch random.below(depth > 0 ? 7 : 5) {
        case 0: return "\(name).n0 \(pick(["<", ">=", "="])) \(random.below(5))"
        case 1: return "\(name).n1 IS \(pick(["", "NOT "]))NULL"
        case 2: return "\(name).n0 < \(name).n1"
        case 3: return "\(name).n1 % 2 = 0"
        case 4: return "(\(name).n0 = 2 OR \(name).n1 > 9)"
        case 5:
            let inner = relation(depth - 1)
            return "\(name).n0 \(pick(["", "NOT "]))IN (SELECT n0 FROM \(inner))"
        default:
            let inner = relation(depth - 1)
            return "\(pick(["", "NOT "]))EXISTS (SELECT 1 FROM \(inner) "
                + "WHERE \(alias(inner)).n0 = \(name).n0)"
        }
    }

    private mutating func body(_ depth: Int) -> String {
        switch random.below(9) {
        case 0, 1: return aggregate(depth)
        case 2: return joined(depth)
        case 3: return joined(depth)
        case 4:
            let operation = pick(["UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL"])
            let (left, right) = (relation(depth), relation(depth))
            return "(SELECT n0, n1 FROM \(left)) \(operation) (SELECT n0, n1 FROM \(right))"
        case 5: return "SELECT DISTINCT n0, n1 FROM \(relation(depth))"
        case 6: return top(depth)
        case 7: return over(depth)
        default:
            let input = relation(depth)
            let filter = condition(alias(input), depth)
            return "SELECT n1 AS n0, COALESCE(n0, 7) + 1 AS n1 FROM \(input) WHERE \(filter)"
        }
    }

    private mutating func aggregate(_ depth: Int) -> String {
        let input = relation(depth)
        let call = pick([
            "COUNT(*)", "COUNT(DISTINCT n1)", "MIN(n1)", "MAX(n1)", "SUM(n1)::bigint",
            "COUNT(*) FILTER (WHERE n1 > 3)",
        ])
        let having = random.chance(1, in: 4) ? " HAVING COUNT(*) > 1" : ""
        if random.chance(1, in: 6) { return "SELECT COUNT(n0) AS n0, \(call) AS n1 FROM \(input)" }
        return "SELECT n0, \(call) AS n1 FROM \(input) GROUP BY n0\(having)"
    }

    private mutating func joined(_ depth: Int) -> String {
        let (left, right) = (relation(depth), relation(depth))
        let (a, b) = (alias(left), alias(right))
        let kind = pick(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        let more = kind == "FULL JOIN" || random.chance(1, in: 2) ? "" : " AND \(a).n1 < \(b).n1"
        let filter = random.chance(1, in: 3) ? " WHERE \(condition(a, depth))" : ""
        return "SELECT \(a).n0 AS n0, \(b).n1 AS n1 FROM \(left) \(kind) \(right) "
            + "ON \(a).n0 = \(b).n0\(more)\(filter)"
    }

    private mutating func top(_ depth: Int) -> String {
        let count = 1 + random.below(4)
        if random.chance(1, in: 2) {
            return "(SELECT n0, n1 FROM \(relation(depth)) ORDER BY n1 \(pick(["", "DESC"])), n0 "
                + "LIMIT \(count))"
        }
        return "SELECT n0, n1 FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY n0 ORDER BY n1) AS r "
            + "FROM \(relation(depth))) q WHERE r <= \(count)"
    }

    private mutating func over(_ depth: Int) -> String {
        let call = pick([
            "RANK() OVER (PARTITION BY n0 ORDER BY n1)", "COUNT(*) OVER (PARTITION BY n0)",
            "SUM(n1) OVER (ORDER BY n0, n1)::bigint", "DENSE_RANK() OVER (ORDER BY n1)",
            "MAX(n1) OVER (PARTITION BY n0)",
        ])
        return "SELECT n0, \(call) AS n1 FROM \(relation(depth))"
    }
}
