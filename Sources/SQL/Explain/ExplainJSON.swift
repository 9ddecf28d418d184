import Aggregation
import Formats

/// EXPLAIN (FORMAT JSON): the tree with PostgreSQL's names for what stands in it, which tools that
/// draw plans read. Costs are rows handed on, as far as they can be guessed.
public struct ExplainJSON: ~Copyable {
    /// An operation, as it is planned or as it has run.
    public struct Node {
        var plan: Plan
        var run: Operator?
        var inputs: [Node]
    }

    /// What a statement does with the rows of its query.
    public struct Change {
        /// Insert, Update, Delete, Merge, Copy
        public var operation: String
        /// The table, or the file.
        public var target: String

        public init(_ operation: String, _ target: String) {
            self.operation = operation
            self.target = target
        }
    }

    private let options: ExplainSyntax
    private var out = OutputBuffer(capacity: 4096)
    private var depth = 0
    private var isFirst = true

    /// The document of a statement's queries; times in nanoseconds, with ANALYZE.
    public static func document(
        _ queries: [Node], _ change: Change?, _ options: ExplainSyntax, planning: Int64 = 0,
        execution: Int64 = 0
    ) -> String {
        var json = ExplainJSON(options: options)
        json.open(nil, "[")
        for (index, query) in queries.enumerated() {
            json.open(nil, "{")
            json.add(query, index == 0 ? change : nil)
            if options.isAnalyze, options.showsSummary {
                json.add("Planning Time", raw: milliseconds(planning))
                json.add("Triggers", raw: "[]")
                json.add("Execution Time", raw: milliseconds(execution))
            }
            json.close("}")
        }
        json.close("]")
        return json.out.bytes.text(0..<json.out.count)
    }

    private init(options: ExplainSyntax) { self.options = options }

    /// With three digits behind the point.
    public static func milliseconds(_ nanoseconds: Int64) -> String {
        let fraction = String(nanoseconds / 1_000 % 1_000)
        let padding = String(repeating: "0", count: 3 - fraction.count)
        return "\(nanoseconds / 1_000_000).\(padding)\(fraction)"
    }

    private mutating func add(_ node: Node, _ change: Change?) {
        guard let change else { return add(node, key: "Plan", parent: nil) }
        open("Plan", "{")
        let isCopy = change.operation == "Copy"
        add("Node Type", isCopy ? "Copy" : "ModifyTable")
        if !isCopy { add("Operation", change.operation) }
        addSameOfAll()
        add(isCopy ? "File Name" : "Relation Name", change.target)
        if !isCopy { add("Alias", change.target) }
        if options.showsFacts { addCosts(node, rows: 0, width: 0) }
        if node.run != nil { addActual(time: node.nanoseconds, rows: 0) }
        open("Plans", "[")
        add(node, key: nil, parent: "Outer")
        close("]")
        close("}")
    }

    private mutating func add(_ node: Node, key: String?, parent: String?) {
        let plan = node.plan
        open(key, "{")
        for (name, text) in plan.naming { add(name, text) }
        if let parent { add("Parent Relationship", parent) }
        addSameOfAll()
        if options.showsFacts {
            let width = plan.columns.reduce(0) { $0 + $1.type.width }
            addCosts(node, rows: plan.facts.rows, width: width)
            add("Facts", plan.factTexts)
        }
        if let run = node.run {
            addActual(time: node.nanoseconds, rows: run.rowsOut)
            add("Operator", run.name)
            add("Memory", raw: "\(run.memory)")
        }
        for detail in plan.details { add(detail, of: plan) }
        if options.isVerbose {
            add("Rows", zip(plan.columnNames, plan.columns).map { "\($0) \($1.type)" })
        }
        if !node.inputs.isEmpty {
            open("Plans", "[")
            for (index, input) in node.inputs.enumerated() {
                add(input, key: nil, parent: plan.relationship(index))
            }
            close("]")
        }
        close("}")
    }

    private mutating func addSameOfAll() {
        add("Parallel Aware", raw: "false")
        add("Async Capable", raw: "false")
    }

    private mutating func addCosts(_ node: Node, rows: Double, width: Int) {
        add("Startup Cost", raw: "0.00")
        add("Total Cost", raw: "\(Int64(clamping: node.guessedRows)).00")
        add("Plan Rows", raw: "\(Int64(clamping: rows))")
        add("Plan Width", raw: "\(width)")
    }

    private mutating func addActual(time: Int64, rows: Int) {
        if options.showsTimes {
            add("Actual Startup Time", raw: "0.000")
            add("Actual Total Time", raw: ExplainJSON.milliseconds(time))
        }
        add("Actual Rows", raw: "\(rows)")
        add("Actual Loops", raw: "1")
    }

    private mutating func add(_ detail: PlanDetail, of plan: Plan) {
        var label = detail.label
        let isJoin = if case .join = plan.node { true } else { false }
        switch label {
        case "Columns": label = "Output"
        case "Call": label = "Calls"
        case "Set": label = "Grouping Sets"
        case "Condition": label = isJoin ? "Join Filter" : "Filter"
        case "Keys":
            let both = detail.items.map { "(\($0))" }.joined(separator: " AND ")
            return add("Hash Cond", detail.items.count == 1 ? both : "(\(both))")
        default: break
        }
        switch detail.form {
        case .one: add(label, detail.items.first ?? "")
        case .list where detail.items.isEmpty: add(label, raw: "true")
        case .list: add(label, detail.items.filter { !$0.isEmpty })
        case .lines: if !detail.items.isEmpty { add(label, detail.items) }
        }
    }
}

// JSON as PostgreSQL writes it.
extension ExplainJSON {
    private mutating func next(_ key: String?) {
        if !isFirst { out.append(",") }
        isFirst = false
        if depth > 0 { line() }
        guard let key else { return }
        out.append(jsonString: key)
        out.append(": ")
    }

    private mutating func line() {
        out.append("\n")
        for _ in 0..<depth { out.append("  ") }
    }

    private mutating func open(_ key: String?, _ bracket: StaticString) {
        next(key)
        out.append(bracket)
        depth += 1
        isFirst = true
    }

    private mutating func close(_ bracket: StaticString) {
        depth -= 1
        line()
        out.append(bracket)
        isFirst = false
    }

    private mutating func add(_ key: String, raw text: String) {
        next(key)
        out.append(Array(text.utf8))
    }

    private mutating func add(_ key: String, _ text: String) {
        next(key)
        out.append(jsonString: text)
    }

    private mutating func add(_ key: String, _ list: [String]) {
        next(key)
        out.append("[")
        for (index, text) in list.enumerated() {
            if index > 0 { out.append(", ") }
            out.append(jsonString: text)
        }
        out.append("]")
    }
}

extension ExplainJSON.Node {
    /// What would be run.
    public init(_ plan: Plan) {
        var shown: Set<Int> = []
        self.init(plan, &shown)
    }

    private init(_ plan: Plan, _ shown: inout Set<Int>) {
        var below = plan.children
        if case .shared(let shared) = plan.node {
            below = shown.insert(shared.id).inserted ? [shared.plan] : []
        }
        self.init(plan: plan, run: nil, inputs: below.map { Self($0, &shown) })
    }

    /// What has run. An operator that several read stands below the first.
    public init(_ query: CompiledQuery) {
        var shown: Set<Int> = []
        self.init(query, query.operators.count - 1, &shown)
    }

    private init(_ query: CompiledQuery, _ index: Int, _ shown: inout Set<Int>) {
        let below = shown.insert(index).inserted ? query.children[index] : []
        self.init(
            plan: query.plans[index], run: query.operators[index],
            inputs: below.map { Self(query, $0, &shown) })
    }

    /// With that of its inputs, as in PostgreSQL.
    fileprivate var nanoseconds: Int64 {
        inputs.reduce(run?.nanoseconds ?? 0) { $0 + $1.nanoseconds }
    }

    /// That this and its inputs hand on.
    fileprivate var guessedRows: Double {
        inputs.reduce(plan.facts.rows) { $0 + $1.guessedRows }
    }
}

extension Int64 {
    fileprivate init(clamping rows: Double) {
        self = rows < 1e15 ? Int64(Swift.max(0, rows).rounded()) : 1_000_000_000_000_000
    }
}

extension DataType {
    /// Bytes of a value, where they vary as PostgreSQL guesses them.
    fileprivate var width: Int {
        switch layout {
        case .boolean: 1
        case .integer, .double: 8
        case .interval: 16
        case .numeric, .string, .array, .record: 32
        }
    }
}

extension Plan {
    /// The members that say which operation it is, under PostgreSQL's names where it has one.
    fileprivate var naming: [(String, String)] {
        switch node {
        case .scan(let relation, _):
            return [
                ("Node Type", "Seq Scan"), ("Relation Name", relation.name),
                ("Alias", relation.name),
            ]
        case .values(let rows): return [("Node Type", rows.count == 1 ? "Result" : "Values Scan")]
        case .unnest(_, let calls, _, _):
            let names = calls.map(\.function.name).joined(separator: ", ")
            return [("Node Type", "Function Scan"), ("Function Name", names)]
        case .aggregate(_, let aggregate):
            let strategy =
                aggregate.keys.isEmpty
                ? "Plain" : aggregate.groupingSets == nil ? "Hashed" : "Mixed"
            return [
                ("Node Type", "Aggregate"), ("Strategy", strategy), ("Partial Mode", "Simple"),
            ]
        case .join(_, _, let join):
            let isAsof = join.kind == .asof || join.kind == .asofLeft
            let type = join.leftKeys.isEmpty ? "Nested Loop" : "Hash Join"
            return [
                ("Node Type", isAsof ? "ASOF Join" : type), ("Join Type", join.kind.joinType),
            ]
        case .apply(_, _, let kind):
            return [("Node Type", "Nested Loop"), ("Join Type", kind.joinType)]
        case .sort: return [("Node Type", "Sort")]
        case .setOperation(let kind, let all, _, _):
            let command = (kind == .intersect ? "Intersect" : "Except") + (all ? " All" : "")
            return [("Node Type", "SetOp"), ("Strategy", "Hashed"), ("Command", command)]
        case .shared(let shared): return [("Node Type", "CTE Scan"), ("CTE Name", shared.name)]
        case .recursive: return [("Node Type", "Recursive Union")]
        case .recursion: return [("Node Type", "WorkTable Scan")]
        default: return [("Node Type", title)]
        }
    }

    fileprivate func relationship(_ input: Int) -> String {
        switch node {
        case .union: "Member"
        case .shared: "InitPlan"
        default: input == 0 ? "Outer" : "Inner"
        }
    }
}

extension JoinPlan.Kind {
    fileprivate var joinType: String {
        switch self {
        case .inner, .asof: "Inner"
        case .left, .asofLeft: "Left"
        case .right: "Right"
        case .full: "Full"
        case .semi: "Semi"
        case .anti: "Anti"
        case .mark: "Mark"
        case .single: "Single"
        }
    }
}
