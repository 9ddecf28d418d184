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
        for each in plan.details { lines += each.lines.map { detail + $0 } }
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

/// What EXPLAIN says of an operation beside its name.
struct PlanDetail {
    enum Form {
        case one
        /// Side by side.
        case list
        /// A line each.
        case lines
    }

    var label: String
    /// None: the label says all.
    var items: [String]
    var form = Form.one

    init(_ label: String, _ item: String) { (self.label, items) = (label, [item]) }

    init(_ label: String, _ items: [String], _ form: Form = .list) {
        (self.label, self.items, self.form) = (label, items, form)
    }

    var lines: [String] {
        if items.isEmpty { return form == .lines ? [] : [label] }
        if form == .lines { return items.map { "\(label): \($0)" } }
        return ["\(label): " + items.joined(separator: ", ")]
    }
}

extension Plan {
    fileprivate var factsText: String { factTexts.joined(separator: "; ") }

    var factTexts: [String] {
        var list = [facts.isAppendOnly ? "append-only" : "changing"]
        if facts.isEndless { list.append("endless") }
        if let key = facts.key {
            list.append(key.isEmpty ? "one row" : "key: \(names(key))")
        }
        if !facts.timeColumns.isEmpty { list.append("time: \(names(facts.timeColumns))") }
        return list
    }

    private func names(_ list: [Int]) -> String {
        list.map { columnNames[$0] }.joined(separator: ", ")
    }

    var columnNames: [String] {
        columns.enumerated().map { $1.name.isEmpty ? "#\($0 + 1)" : $1.name }
    }

    var title: String {
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

    var details: [PlanDetail] {
        let input = children.first?.columnNames ?? []
        switch node {
        case .scan(let relation, let scan):
            let columns = scanTexts(relation, scan)
            var list = [PlanDetail("Columns", columns.isEmpty ? [""] : columns)]
            if let time = scan.time {
                let delay = Value.interval(Interval(microseconds: time.delay)).text(.interval)
                let text = "\(time.expression.text(columnNames)) - \(delay)"
                list.append(PlanDetail("Watermark", text))
            }
            return list
        case .values(let rows):
            guard let row = rows.first, !row.isEmpty, rows.count == 1 else { return [] }
            return [PlanDetail("Output", row.texts([]))]
        case .filter(_, let condition): return [PlanDetail("Condition", condition.text(input))]
        case .project(_, let list):
            return [PlanDetail("Output", list.isEmpty ? [""] : list.texts(input))]
        case .unnest(_, let calls, _, _):
            let texts = calls.map { "\($0.function.name)(\($0.arguments.list(input)))" }
            return [PlanDetail("Call", texts, .lines)]
        case .window(_, let window):
            return [PlanDetail("Time", window.time.map { input[$0] } ?? "PROCTIME()")]
        case .aggregate(_, let aggregate): return aggregate.details(input)
        case .join(let left, let right, let join):
            return join.details(left.columnNames, right.columnNames)
        case .over(_, let over): return over.details(input)
        case .sort(_, let sort): return sort.details(input)
        case .limit(_, let count, let offset): return Plan.limits(count, offset)
        default: return []
        }
    }

    private func scanTexts(_ relation: any Relation, _ scan: ScanPlan) -> [String] {
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
        }
    }

    fileprivate static func limits(_ count: Expression?, _ offset: Expression?) -> [PlanDetail] {
        var list: [PlanDetail] = []
        if let count { list.append(PlanDetail("Limit", count.text([]))) }
        if let offset { list.append(PlanDetail("Offset", offset.text([]))) }
        return list
    }
}

extension [Expression] {
    fileprivate func texts(_ names: [String]) -> [String] { map { $0.text(names) } }

    fileprivate func list(_ names: [String]) -> String {
        texts(names).joined(separator: ", ")
    }
}

extension [SortKey] {
    fileprivate func texts(_ names: [String]) -> [String] {
        map { key in
            var text = key.expression.text(names)
            if key.isDescending { text += " DESC" }
            if key.nullsFirst != key.isDescending {
                text += key.nullsFirst ? " NULLS FIRST" : " NULLS LAST"
            }
            return text
        }
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

    fileprivate func details(_ names: [String]) -> [PlanDetail] {
        var list: [PlanDetail] = []
        if !keys.isEmpty { list.append(PlanDetail("Group Key", keys.texts(names))) }
        let sets = (groupingSets ?? []).map { set in
            "(" + set.map { keys[$0].text(names) }.joined(separator: ", ") + ")"
        }
        list.append(PlanDetail("Set", sets, .lines))
        list.append(PlanDetail("Call", calls.map { $0.text(names) }, .lines))
        if let window { list.append(PlanDetail("Window End", window.end.text(names))) }
        return list
    }
}

extension AggregateCall {
    fileprivate func text(_ names: [String]) -> String {
        var inside = arguments.isEmpty ? "*" : arguments.list(names)
        if isDistinct { inside = "DISTINCT " + inside }
        if !order.isEmpty {
            inside += " ORDER BY " + order.texts(names).joined(separator: ", ")
        }
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

    fileprivate func details(_ left: [String], _ right: [String]) -> [PlanDetail] {
        var list: [PlanDetail] = []
        if !leftKeys.isEmpty {
            let pairs = zip(leftKeys, rightKeys).enumerated().map { index, pair in
                "\(pair.0.text(left)) = \(pair.1.text(right))"
                    + (index < nullAwareKeys ? " (or unknown)" : "")
            }
            list.append(PlanDetail("Keys", pairs))
        }
        if let condition {
            list.append(PlanDetail("Condition", condition.text(left + right)))
        }
        if let time {
            let symbol = (time.isForward ? "<" : ">") + (time.isStrict ? "" : "=")
            let text = "\(time.left.text(left)) \(symbol) \(time.right.text(right))"
            list.append(PlanDetail("Time", text))
        }
        for bound in bounds {
            let side = bound.keepsLeft ? "left" : "right"
            let text = bound.expression.text(bound.keepsLeft ? left : right)
            list.append(PlanDetail("Frees \(side)", text))
        }
        return list
    }
}

extension OverPlan {
    fileprivate func details(_ names: [String]) -> [PlanDetail] {
        var list: [PlanDetail] = []
        if !partition.isEmpty { list.append(PlanDetail("Partition", partition.texts(names))) }
        if !order.isEmpty { list.append(PlanDetail("Order", order.texts(names))) }
        let texts = calls.map { call in
            var name = "\(call.function)"
            if case .aggregate(let function) = call.function { name = function.name }
            return "\(name)(\(call.arguments.list(names)))"
        }
        list.append(PlanDetail("Call", texts, .lines))
        return list
    }
}

extension SortPlan {
    fileprivate func details(_ names: [String]) -> [PlanDetail] {
        var list: [PlanDetail] = []
        if !partition.isEmpty { list.append(PlanDetail("Partition", partition.texts(names))) }
        if !keys.isEmpty { list.append(PlanDetail("Sort Key", keys.texts(names))) }
        list += Plan.limits(limit, offset)
        if withTies { list.append(PlanDetail("With Ties", [])) }
        if appendsRowNumber { list.append(PlanDetail("Numbers Rows", [])) }
        return list
    }
}
