import Aggregation
import Formats

// UNION, INTERSECT, EXCEPT, and the queries of WITH.
extension Binder {
    func setOperation(
        _ set: QuerySyntax.SetSyntax, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        let (rule, both) = set.kind == .intersect ? ("INTERSECT", set.all) : ("EXCEPT", set.all)
        let isFree = set.kind == .union
        let left = try withoutRecursion(in: isFree || !both ? nil : rule) { () throws(SQLError) in
            try body(set.left, context).plan
        }
        let isRightFree = isFree || set.kind == .intersect && !both
        let right = try withoutRecursion(in: isRightFree ? nil : rule) { () throws(SQLError) in
            try body(set.right, context).plan
        }
        let word =
            switch set.kind {
            case .union: "UNION"
            case .intersect: "INTERSECT"
            case .except: "EXCEPT"
            }
        guard left.columns.count == right.columns.count else {
            throw SQLError(
                "each \(word) query must have the same number of columns", .syntaxError,
                at: set.right.itemPlace(0) ?? set.place)
        }
        var types: [DataType] = []
        for (index, (a, b)) in zip(left.columns, right.columns).enumerated() {
            types.append(
                try placed(set.right.itemPlace(index) ?? set.place) { () throws(SQLError) in
                    a.type == .unknown && b.type == .unknown
                        ? .unknown : try FunctionRegistry.commonType([a.type, b.type], for: word)
                })
        }
        let sides = [try left.retyped(types, settings), try right.retyped(types, settings)]
        let fields = sides[0].columns
        let plan: Plan
        switch set.kind {
        case .union:
            let union = Plan.make(.union(sides.flatMap(\.unionParts)), fields)
            plan = set.all ? union : union.with(.distinct(union))
        case .intersect:
            plan = .make(.setOperation(.intersect, all: set.all, sides[0], sides[1]), fields)
        case .except:
            plan = .make(.setOperation(.except, all: set.all, sides[0], sides[1]), fields)
        }
        return BoundRelation(plan, alias: "")
    }

    func addCommonTable(
        _ table: CommonTable, isRecursive: Bool, _ context: inout QueryContext
    ) throws(SQLError) {
        // The session has done those at the top before it binds the query.
        guard table.change == nil else {
            throw SQLError(
                "WITH clause containing a data-modifying statement must be at the top level",
                .featureNotSupported, at: table.name.place)
        }
        let entry = CommonTableEntry(table.name, scope: context.scope)
        if isRecursive, case .set(let set) = table.query.body, set.kind == .union {
            var inner = context
            inner.commonTables.append(entry)
            try recursive(table, set, entry, inner)
        } else {
            if isRecursive {
                entry.isOpen = true
                entry.isUnion = false
                var inner = context
                inner.commonTables.append(entry)
                entry.relation = try named(try query(table.query, inner), table)
                entry.isOpen = false
            } else {
                entry.relation = try named(try query(table.query, context), table)
            }
            try checkSize(entry, table)
            entry.share(nextID(), table.isMaterialized)
        }
        context.commonTables.append(entry)
    }

    private func named(
        _ relation: BoundRelation, _ table: CommonTable
    ) throws(SQLError) -> BoundRelation {
        var bound = BoundRelation(try relation.plan.withoutUnknown, alias: table.name.text)
        guard table.columns.count <= bound.columns.count else {
            throw SQLError(
                "WITH query \"\(table.name.text)\" has \(bound.columns.count) columns available "
                    + "but \(table.columns.count) columns specified", .invalidColumnReference,
                at: table.columns.place)
        }
        try bound.rename(table.name, table.columns)
        return bound
    }

    /// WITH RECURSIVE: the first part of the UNION, then what the second makes of it, again and
    /// again.
    private func recursive(
        _ table: CommonTable, _ set: QuerySyntax.SetSyntax, _ entry: CommonTableEntry,
        _ context: QueryContext
    ) throws(SQLError) {
        entry.isOpen = true
        let initial = try named(try body(set.left, context), table)
        entry.isOpen = false
        let id = nextID()
        let fields = zip(initial.plan.columns, initial.columns).map { Field($1.name, $0.type) }
        var round = Plan(.recursion(id: id), fields)
        round.facts.isEndless = initial.plan.facts.isEndless
        entry.relation = BoundRelation(round, alias: table.name.text)
        entry.wasReferenced = false
        recursions.append(entry)
        defer { recursions.removeLast() }
        var step = try body(set.right, context).plan
        guard step.columns.count == fields.count else {
            throw SQLError(
                "each UNION query must have the same number of columns", .syntaxError,
                at: set.place)
        }
        guard entry.wasReferenced else {
            // No recursion after all.
            entry.relation = try named(try query(table.query, context), table)
            entry.share(nextID(), table.isMaterialized)
            return
        }
        for (index, (a, b)) in zip(fields, step.columns).enumerated()
        where a.type != b.type && b.type != .unknown {
            let common = try? FunctionRegistry.commonType([a.type, b.type])
            guard common != a.type else { continue }
            throw SQLError(
                "recursive query \"\(table.name.text)\" column \(index + 1) has type \(a.type) "
                    + "in non-recursive term but type \(common ?? b.type) overall",
                .datatypeMismatch, at: set.place,
                hint: "Cast the output of the non-recursive term to the correct type.")
        }
        step = try step.retyped(fields.map(\.type), settings)
        guard !initial.plan.facts.isEndless, !step.facts.isEndless else {
            throw SQLError(
                "WITH RECURSIVE needs an end of the input", .featureNotSupported,
                at: table.name.place,
                hint: "Read what is there now by leaving out STREAM.")
        }
        if !table.query.order.isEmpty || table.query.limit != nil || table.query.offset != nil {
            let clause = table.query.order.isEmpty ? "LIMIT" : "ORDER BY"
            throw SQLError(
                "\(clause) in a recursive query is not implemented", .featureNotSupported,
                at: table.query.place)
        }
        entry.relation = BoundRelation(
            .make(
                .recursive(id: id, initial: initial.plan, step: step, all: set.all), fields),
            alias: table.name.text)
        entry.share(nextID(), true)
    }

    /// Queries of WITH that are not shared (NOT MATERIALIZED, or correlated) are written out at
    /// each use, which doubles with each that names the one before it twice.
    private func checkSize(_ entry: CommonTableEntry, _ table: CommonTable) throws(SQLError) {
        guard let plan = entry.relation?.plan, plan.operations > Limits.writtenOutOperationsMax
        else { return }
        throw SQLError(
            "the queries of WITH name one another too often", .statementTooComplex,
            at: table.name.place,
            hint: "Keep some of them in tables: CREATE TABLE \(table.name.text) AS SELECT ...")
    }

    /// Binds a part in which recursive queries must not name themselves; nil: they may.
    func withoutRecursion<T>(
        in part: String?, _ body: () throws(SQLError) -> T
    ) throws(SQLError) -> T {
        guard let part, !recursions.isEmpty else { return try body() }
        let closed = recursions.filter { $0.misuse == nil }
        for entry in closed { entry.misuse = part }
        defer { for entry in closed { entry.misuse = nil } }
        return try body()
    }

    /// The query that WITH named, at a use.
    func commonTable(
        _ name: Name, _ place: Range<Int>, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation? {
        guard let entry = context.commonTables.last(where: { name.means($0.name.text) }) else {
            return nil
        }
        if entry.isOpen, !entry.isUnion {
            throw SQLError(
                "recursive query \"\(name.text)\" does not have the form non-recursive-term "
                    + "UNION [ALL] recursive-term", .invalidRecursion, at: entry.name.place)
        }
        if entry.isOpen {
            throw SQLError(
                "recursive reference to query \"\(name.text)\" must not appear within its "
                    + "non-recursive term", .invalidRecursion, at: place)
        }
        if let misuse = entry.misuse {
            throw SQLError(
                "recursive reference to query \"\(entry.name.text)\" must not appear within "
                    + misuse, .invalidRecursion, at: place)
        }
        guard var relation = entry.relation else { return nil }
        entry.wasReferenced = true
        let levels = context.scope?.levels(to: entry.scope) ?? 0
        relation.plan = relation.plan.movedInside(levels)
        return relation
    }
}

extension QuerySyntax.Body {
    /// Where a column of the select list stands.
    func itemPlace(_ index: Int) -> Range<Int>? {
        switch self {
        case .select(let select):
            let isPlain = !select.items.contains {
                if case .star = $0.expression.node { return true }
                return false
            }
            guard isPlain, index < select.items.count else {
                return select.items.first?.expression.start
            }
            return select.items[index].expression.start
        case .values(let rows, let place):
            return rows.first.flatMap { index < $0.count ? $0[index].start : nil } ?? place
        case .set(let set): return set.left.itemPlace(index)
        case .query(let query): return query.body.itemPlace(index)
        case .table(let name): return name.place
        }
    }
}

extension CommonTableEntry {
    /// Several uses run it once; one use is put in its place (`withSingleUsesInlined`).
    fileprivate func share(_ id: Int, _ isMaterialized: Bool?) {
        guard var relation, isMaterialized != false, !relation.plan.isCorrelated else { return }
        let shared = SharedPlan(id: id, name: name.text, plan: relation.plan)
        relation.plan = .make(.shared(shared), relation.plan.columns)
        self.relation = relation
    }
}

extension Plan {
    /// UNION ALL of UNION ALLs is one.
    fileprivate var unionParts: [Plan] {
        if case .union(let parts) = node { return parts }
        return [self]
    }

    /// Shared plans that only one place reads, put there.
    var withSingleUsesInlined: Plan {
        let shared = SharedPlans(in: self).list
        var uses: [Int: Int] = [:]
        for plan in [self] + shared.map(\.plan) { plan.countUses(&uses) }
        var done: [Int: Plan] = [:]
        for one in shared {
            let plan = one.plan.relinked { done[$0.id] }
            done[one.id] =
                uses[one.id, default: 0] < 2
                ? plan : .reading(SharedPlan(id: one.id, name: one.name, plan: plan))
        }
        return relinked { done[$0.id] }
    }

    /// How many operations there are, what is shared as one at each use.
    fileprivate var operations: Int {
        var count = 1
        for plan in children + subqueries { count += plan.operations }
        return min(count, Int(Int32.max))
    }

    private func countUses(_ uses: inout [Int: Int]) {
        if case .shared(let shared) = node { uses[shared.id, default: 0] += 1 }
        for plan in children + subqueries { plan.countUses(&uses) }
    }
}
