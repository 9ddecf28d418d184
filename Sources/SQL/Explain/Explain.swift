import Aggregation
import Formats

/// The text of EXPLAIN: a plan as a tree like PostgreSQL's, each operation with what it does and
/// the facts of the rows that leave it.
public struct Explain {
    private var lines: [String] = []
    private let showsFacts: Bool
    private let isVerbose: Bool
    private var shown: Set<Int> = []

    /// The lines of a plan, below `title` if there is one. Without facts only the operations;
    /// `isVerbose`: the columns of each with their types.
    public static func lines(
        _ plan: Plan, below title: String? = nil, showsFacts: Bool = true, isVerbose: Bool = false
    ) -> [String] {
        var explain = Explain(showsFacts: showsFacts, isVerbose: isVerbose)
        if let title { explain.lines.append(title) }
        explain.add(plan, title == nil ? 0 : 1)
        return explain.lines
    }

    private init(showsFacts: Bool, isVerbose: Bool) {
        self.showsFacts = showsFacts
        self.isVerbose = isVerbose
    }

    private mutating func add(_ plan: Plan, _ depth: Int) {
        let indent = depth == 0 ? "" : String(repeating: " ", count: depth * 6 - 4) + "->  "
        let facts = showsFacts ? "  (\(plan.factsText))" : ""
        lines.append(indent + plan.title + facts)
        let detail = String(repeating: " ", count: depth * 6 + 2)
        for line in plan.details { lines.append(detail + line) }
        if isVerbose, !plan.columns.isEmpty {
            let columns = zip(plan.columnNames, plan.columns).map { "\($0) \($1.type)" }
            lines.append(detail + "Rows: " + columns.joined(separator: ", "))
        }
        if case .shared(let shared) = plan.node {
            if shown.insert(shared.id).inserted { add(shared.plan, depth + 1) }
            return
        }
        for child in plan.children { add(child, depth + 1) }
    }
}

extension Plan {
    fileprivate var factsText: String {
        var list = [facts.isAppendOnly ? "append-only" : "changing"]
        if facts.isEndless { list.append("endless") }
        if let key = facts.key {
            list.append(key.isEmpty ? "one row" : "key: \(names(key))")
        }
        if !facts.timeColumns.isEmpty { list.append("time: \(names(facts.timeColumns))") }
        return list.joined(separator: "; ")
    }

    private func names(_ list: [Int]) -> String {
        list.map { columnNames[$0] }.joined(separator: ", ")
    }

    fileprivate var columnNames: [String] {
        columns.enumerated().map { $1.name.isEmpty ? "#\($0 + 1)" : $1.name }
    }

    fileprivate var title: String {
        switch node {
        case .scan(let relation, _): "Scan on \(relation.name)"
        case .values(let rows): rows.count == 1 ? "Result" : "Values (\(rows.count) rows)"
        case .filter: "Filter"
        case .project: "Project"
        case .unnest(_, let calls, _, _):
            "Table Function \(calls.map(\.function.name).joined(separator: ", "))"
        case .window(_, let window): "Window \(window.kind.text)"
        case .aggregate(_, let aggregate): aggregate.title
        case .join(_, _, let join): join.title
        case .apply(_, _, let kind): "Apply (\(kind))"
        case .over: "WindowAgg"
        case .sort(_, let sort): sort.limit == nil ? "Sort" : "Top-N"
        case .limit: "Limit"
        case .distinct: "Unique"
        case .union: "Append"
        case .setOperation(let kind, let all, _, _):
            (kind == .intersect ? "Intersect" : "Except") + (all ? " All" : "")
        case .shared(let shared): "Shared \(shared.name) #\(shared.id)"
        case .recursive(let id, _, _, _): "Recursive Union #\(id)"
        case .recursion(let id): "Rows of the last round of #\(id)"
        }
    }

    fileprivate var details: [String] {
        let input = children.first?.columnNames ?? []
        switch node {
        case .scan(let relation, let scan):
            return ["Columns: " + scanText(relation, scan)]
                + (scan.time.map {
                    [
                        "Watermark: \($0.expression.text(columnNames)) - "
                            + "\(Value.interval(Interval(microseconds: $0.delay)).text(.interval))"
                    ]
                } ?? [])
        case .values(let rows):
            guard let row = rows.first, !row.isEmpty, rows.count == 1 else { return [] }
            return ["Output: " + row.list([])]
        case .filter(_, let condition): return ["Condition: " + condition.text(input)]
        case .project(_, let list): return ["Output: " + list.list(input)]
        case .unnest(_, let calls, _, _):
            return calls.map { "Call: \($0.function.name)(\($0.arguments.list(input)))" }
        case .window(_, let window):
            return ["Time: " + (window.time.map { input[$0] } ?? "PROCTIME()")]
        case .aggregate(_, let aggregate): return aggregate.details(input)
        case .join(let left, let right, let join):
            return join.details(left.columnNames, right.columnNames)
        case .over(_, let over): return over.details(input)
        case .sort(_, let sort): return sort.details(input)
        case .limit(_, let count, let offset): return Plan.limits(count, offset)
        default: return []
        }
    }

    private func scanText(_ relation: any Relation, _ scan: ScanPlan) -> String {
        scan.columns.map { column in
            let name = relation.columns[column.index].name
            var type = relation.columns[column.index].type
            var path = name
            for index in column.path {
                guard case .record(let fields) = type, fields.indices.contains(index) else { break }
                path += "." + fields[index].name
                type = fields[index].type
            }
            return path
        }.joined(separator: ", ")
    }

    fileprivate static func limits(_ count: Expression?, _ offset: Expression?) -> [String] {
        var list: [String] = []
        if let count { list.append("Limit: " + count.text([])) }
        if let offset { list.append("Offset: " + offset.text([])) }
        return list
    }
}

extension [Expression] {
    fileprivate func list(_ names: [String]) -> String {
        map { $0.text(names) }.joined(separator: ", ")
    }
}

extension [SortKey] {
    fileprivate func text(_ names: [String]) -> String {
        map { key in
            var text = key.expression.text(names)
            if key.isDescending { text += " DESC" }
            if key.nullsFirst != key.isDescending {
                text += key.nullsFirst ? " NULLS FIRST" : " NULLS LAST"
            }
            return text
        }.joined(separator: ", ")
    }
}

extension WindowAssignment.Kind {
    fileprivate var text: String {
        func span(_ value: Int64) -> String {
            let text = Value.interval(Interval(microseconds: value)).text(.interval)
            return text.split(separator: "'").first.map { String($0) } ?? text
        }
        switch self {
        case .tumble(let size, _): return "TUMBLE(\(span(size)))"
        case .hop(let slide, let size, _): return "HOP(\(span(slide)), \(span(size)))"
        case .cumulate(let step, let size, _):
            return "CUMULATE(\(span(step)), \(span(size)))"
        case .session(let gap, _): return "SESSION(\(span(gap)))"
        }
    }
}

extension AggregatePlan {
    fileprivate var title: String {
        var text = keys.isEmpty ? "Aggregate" : calls.isEmpty ? "Group" : "HashAggregate"
        if groupingSets != nil { text = "GroupingSets" }
        if let window { text += window.emitsOnClose ? " on window close" : " over windows" }
        return text
    }

    fileprivate func details(_ names: [String]) -> [String] {
        var lines: [String] = []
        if !keys.isEmpty { lines.append("Group Key: " + keys.list(names)) }
        for set in groupingSets ?? [] {
            lines.append("Set: (" + set.map { keys[$0].text(names) }.joined(separator: ", ") + ")")
        }
        for call in calls { lines.append("Call: " + call.text(names)) }
        if let window { lines.append("Window End: " + window.end.text(names)) }
        return lines
    }
}

extension AggregateCall {
    fileprivate func text(_ names: [String]) -> String {
        var inside = arguments.isEmpty ? "*" : arguments.list(names)
        if isDistinct { inside = "DISTINCT " + inside }
        if !order.isEmpty { inside += " ORDER BY " + order.text(names) }
        var text = "\(function.name)(\(inside))"
        if let filter { text += " FILTER (WHERE \(filter.text(names)))" }
        return text
    }
}

extension JoinPlan {
    fileprivate var title: String {
        let name =
            switch kind {
            case .inner: leftKeys.isEmpty && condition == nil ? "Cross Join" : "Join"
            case .left: "Left Join"
            case .right: "Right Join"
            case .full: "Full Join"
            case .semi: "Semi Join"
            case .anti: "Anti Join"
            case .mark: "Mark Join"
            case .single: "Single Join"
            case .asof: "ASOF Join"
            case .asofLeft: "ASOF Left Join"
            }
        return isLookup ? "Lookup " + name : name
    }

    fileprivate func details(_ left: [String], _ right: [String]) -> [String] {
        var lines: [String] = []
        if !leftKeys.isEmpty {
            let pairs = zip(leftKeys, rightKeys).enumerated().map { index, pair in
                "\(pair.0.text(left)) = \(pair.1.text(right))"
                    + (index < nullAwareKeys ? " (or unknown)" : "")
            }
            lines.append("Keys: " + pairs.joined(separator: ", "))
        }
        if let condition { lines.append("Condition: " + condition.text(left + right)) }
        if let time {
            let symbol = (time.isForward ? "<" : ">") + (time.isStrict ? "" : "=")
            lines.append("Time: \(time.left.text(left)) \(symbol) \(time.right.text(right))")
        }
        for bound in bounds {
            let side = bound.keepsLeft ? "left" : "right"
            lines.append(
                "Frees \(side): " + bound.expression.text(bound.keepsLeft ? left : right))
        }
        return lines
    }
}

extension OverPlan {
    fileprivate func details(_ names: [String]) -> [String] {
        var lines: [String] = []
        if !partition.isEmpty { lines.append("Partition: " + partition.list(names)) }
        if !order.isEmpty { lines.append("Order: " + order.text(names)) }
        for call in calls {
            var name = "\(call.function)"
            if case .aggregate(let function) = call.function { name = function.name }
            lines.append("Call: \(name)(\(call.arguments.list(names)))")
        }
        return lines
    }
}

extension SortPlan {
    fileprivate func details(_ names: [String]) -> [String] {
        var lines: [String] = []
        if !partition.isEmpty { lines.append("Partition: " + partition.list(names)) }
        if !keys.isEmpty { lines.append("Sort Key: " + keys.text(names)) }
        lines += Plan.limits(limit, offset)
        if withTies { lines.append("With Ties") }
        if appendsRowNumber { lines.append("Numbers Rows") }
        return lines
    }
}
