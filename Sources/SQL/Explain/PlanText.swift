import Aggregation
import Formats

/// All that a plan says, as text: other text, another plan. For those who must know whether a plan
/// is the one they had, where EXPLAIN shows what people want to read.
///
/// Names of columns and what is guessed of the inputs' sizes is not part of it; shared and
/// recursive plans are numbered as they are met.
public struct PlanText {
    public private(set) var text = ""
    /// The lines of `Explain` leave out nothing that this says.
    public private(set) var isToldByExplain = true
    private var numbers: [Int: Int] = [:]

    public init(_ plan: Plan) { add(plan) }

    init(_ expression: Expression) { add(expression) }

    /// The rows, value by value.
    public init(_ batches: [Batch]) {
        for batch in batches {
            for row in 0..<batch.count {
                open("row \(batch.weight(row))")
                for column in batch.columns { add(column.value(row)) }
                close()
            }
        }
    }

    private mutating func open(_ word: String) { text += "(" + word }
    private mutating func close() { text += ")" }
    private mutating func add(_ word: String) { text += " " + word }

    /// Text that may hold anything.
    private mutating func add(named name: String) { text += " \(name.utf8.count):" + name }

    private mutating func add(_ list: [Expression]) {
        add("\(list.count)")
        for item in list { add(item) }
    }

    private mutating func add(_ keys: [SortKey]) {
        add("\(keys.count)")
        for key in keys {
            add("\(key.isDescending) \(key.nullsFirst)")
            add(key.expression)
        }
    }

    private mutating func add(optional expression: Expression?) {
        guard let expression else { return add("-") }
        add(expression)
    }

    /// Of a plan that is met again only its number.
    private mutating func isFirst(_ id: Int) -> Bool {
        let isKnown = numbers[id] != nil
        let number = numbers[id] ?? numbers.count
        numbers[id] = number
        add("#\(number)")
        return !isKnown
    }
}

// Operations.
extension PlanText {
    private mutating func add(_ plan: Plan) {
        open("")
        for column in plan.columns { add(column.type) }
        switch plan.node {
        case .scan(let relation, let scan): add(relation, scan)
        case .values(let rows):
            add("values \(rows.count)")
            for row in rows { add(row) }
            if rows.count != 1 { isToldByExplain = false }
        case .filter(_, let condition):
            add("filter")
            add(condition)
        case .project(_, let list):
            add("project")
            add(list)
        case .unnest(_, let calls, let withOrdinality, let keepsEmpty):
            add("unnest \(withOrdinality) \(keepsEmpty)")
            isToldByExplain = false
            for call in calls {
                add(named: call.function.name)
                for type in call.function.parameters + call.function.columns.map(\.type) {
                    add(type)
                }
                add(call.arguments)
            }
        case .window(_, let window):
            // Offsets and the partitions of sessions.
            isToldByExplain = false
            add("window \(window.kind) \(window.time ?? -1)")
        case .aggregate(_, let aggregate): add(aggregate)
        case .join(_, _, let join): add(join)
        case .apply(_, _, let kind): add("apply \(kind)")
        case .over(_, let over): add(over)
        case .sort(_, let sort): add(sort)
        case .limit(_, let count, let offset):
            add("limit")
            add(optional: count)
            add(optional: offset)
        case .distinct: add("distinct")
        case .union: add("union")
        case .setOperation(let kind, let all, _, _): add("\(kind) \(all)")
        case .shared(let shared):
            add("shared")
            if isFirst(shared.id) { add(shared.plan) }
        case .recursive(let id, _, _, let all):
            add("recursive \(all)")
            _ = isFirst(id)
        case .recursion(let id):
            add("recursion")
            _ = isFirst(id)
        }
        for child in plan.children { add(child) }
        close()
    }

    private mutating func add(_ relation: any Relation, _ scan: ScanPlan) {
        add("scan \(relation.isEndless) \(relation.isAppendOnly) \(relation.key ?? [])")
        add(named: relation.identity)
        if relation.identity != relation.name { isToldByExplain = false }
        for column in scan.columns {
            add("\(column.index) \(column.path)")
            add(column.type)
        }
        guard let time = scan.time else { return }
        add("time \(time.delay) \(time.idle ?? -1)")
        add(time.expression)
    }

    private mutating func add(_ aggregate: AggregatePlan) {
        add("aggregate \(aggregate.groupingSets ?? [])")
        add(aggregate.keys)
        for call in aggregate.calls {
            add(call.function)
            add(call.type)
            add("\(call.isDistinct)")
            add(call.arguments)
            add(optional: call.filter)
            add(call.order)
        }
        guard let window = aggregate.window else { return }
        isToldByExplain = false
        add("window \(window.emitsOnClose) \(aggregate.lateRows) \(aggregate.handsOutLateRows)")
        add(window.end)
    }

    private mutating func add(_ function: AggregateFunction) {
        add(named: function.name)
        for type in function.parameters { add(type) }
        add(function.result)
    }

    private mutating func add(_ join: JoinPlan) {
        add("join \(join.kind) \(join.nullAwareKeys) \(join.isLookup)")
        add(join.leftKeys)
        add(join.rightKeys)
        add(optional: join.condition)
        for bound in join.bounds {
            add("bound \(bound.keepsLeft)")
            add(bound.expression)
        }
        guard let time = join.time else { return }
        add("time \(time.isStrict) \(time.isForward)")
        add(time.left)
        add(time.right)
    }

    private mutating func add(_ over: OverPlan) {
        isToldByExplain = false
        add("over")
        add(over.partition)
        add(over.order)
        for call in over.calls {
            if case .aggregate(let function) = call.function {
                add(function)
            } else {
                add("\(call.function)")
            }
            add(call.type)
            add(call.arguments)
            add(optional: call.filter)
            add("\(call.ignoresNulls) \(call.frame.unit) \(call.frame.exclusion)")
            add(call.frame.start)
            add(call.frame.end)
        }
    }

    private mutating func add(_ bound: OverCall.Frame.Bound) {
        switch bound {
        case .unboundedPreceding: add("start")
        case .preceding(let distance):
            add("before")
            add(distance)
        case .currentRow: add("here")
        case .following(let distance):
            add("behind")
            add(distance)
        case .unboundedFollowing: add("end")
        }
    }

    private mutating func add(_ sort: SortPlan) {
        add("sort \(sort.withTies) \(sort.appendsRowNumber)")
        add(sort.partition)
        add(sort.keys)
        add(optional: sort.limit)
        add(optional: sort.offset)
    }
}

// Expressions, values and types.
extension PlanText {
    private mutating func add(_ expression: Expression) {
        open("")
        defer { close() }
        add(expression.type)
        switch expression {
        case .column(let index, _): add("column \(index)")
        case .literal(let value, _): add(value)
        case .call(let function, _, _):
            add("call")
            add(named: function.name)
            for type in function.parameters { add(type) }
            if function.volatility != .immutable { isToldByExplain = false }
        case .cast(let inner, let type, let isTry):
            add("cast \(isTry)")
            // Others may go by the session's time zone.
            if !inner.type.isNumber || !type.isNumber { isToldByExplain = false }
        case .choice(let branches, let otherwise, _):
            add("choice \(branches.count) \(otherwise != nil)")
        case .coalesce: add("coalesce")
        case .and: add("and")
        case .or: add("or")
        case .not: add("not")
        case .isNull: add("null?")
        case .isDistinct: add("distinct")
        case .isIn(_, let values, let hasNull):
            add("in \(hasNull) \(values.count)")
            for value in values { add(value) }
            if values.count > 20 { isToldByExplain = false }
        case .member(_, let index, _): add("member \(index)")
        case .array: add("array")
        case .record: add("record")
        case .outer(let index, let depth, _): add("outer \(index) \(depth)")
        case .subquery(let subquery):
            isToldByExplain = false
            add("subquery")
            if case .any(let condition) = subquery.kind {
                add("any")
                add(condition)
            } else {
                add("\(subquery.kind)")
            }
            add(subquery.plan)
        case .now: add("now")
        }
        for child in expression.children { add(child) }
    }

    private mutating func add(_ value: Value) {
        switch value {
        case .null: add("n")
        case .boolean(let value): add("b\(value)")
        case .integer(let value): add("i\(value)")
        case .double(let value): add("d\(value.bitPattern)")
        case .numeric(let value): add("m\(value)")
        case .interval(let value): add("v\(value.months),\(value.days),\(value.microseconds)")
        case .text(let value): add(named: value)
        case .bytes(let bytes): add("x\(bytes)")
        case .array(let values), .record(let values):
            open("list \(values.count)")
            for value in values { add(value) }
            close()
        }
    }

    private mutating func add(_ type: DataType) {
        switch type {
        case .array(let element):
            open("array")
            add(element)
            close()
        case .record(let fields):
            open("struct")
            for field in fields {
                add(named: field.name)
                add(field.type)
            }
            close()
        default: add("\(type)".split(separator: " ").joined(separator: "_"))
        }
    }
}
