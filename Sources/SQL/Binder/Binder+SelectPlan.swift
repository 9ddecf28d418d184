import Aggregation
import Formats

// From the bound clauses of a SELECT to its plan: aggregation, HAVING, window functions, QUALIFY,
// table functions, projection, DISTINCT, order.
extension Binder {
    func plan(_ select: SelectSyntax, _ parts: inout SelectParts) throws(SQLError) -> Plan {
        var plan = parts.from.plan
        var tables = Array(parts.calls.tables.indices)
        // What is grouped by is computed below the aggregation.
        let grouped = parts.calls.tableCalls(in: parts.grouping?.keys ?? [])
        plan = unnested(plan, grouped.sorted(), &parts)
        tables.removeAll(where: grouped.contains)
        if parts.grouping != nil || !parts.calls.aggregates.isEmpty
            || !parts.calls.groupings.isEmpty
        {
            plan = try aggregated(plan, &parts)
        }
        plan = plan.filtered(parts.having)
        plan = try windowed(plan, &parts)
        plan = plan.filtered(parts.qualify)
        // With ORDER BY, DISTINCT ON chooses among the rows below, where it does not look at those
        // functions.
        if case .on = select.distinct, !tables.isEmpty, !parts.order.isEmpty,
            parts.calls.tableCalls(in: parts.order.map(\.expression) + parts.distinctOn).isEmpty
        {
            parts.postponed = tables
            return plan
        }
        return unnested(plan, tables, &parts)
    }

    private func aggregated(
        _ input: Plan, _ parts: inout SelectParts
    ) throws(SQLError) -> Plan {
        let grouping = parts.grouping ?? SelectParts.Grouping()
        if grouping.sets != nil { try refuseGroupedArguments(grouping, parts.calls) }
        var rewriting = GroupRewriting(
            keys: grouping.keys, calls: parts.calls, sets: grouping.sets,
            keyed: parts.from.keyed)
        if let key = input.facts.key, !key.isEmpty {
            rewriting.keyed.append(.init(key: key, columns: input.columns.indices))
        }
        try parts.mapAbove { (expression) throws(SQLError) in
            rewriting.addDependentKeys(expression)
            return expression
        }
        for (argument, _) in parts.calls.direct {
            rewriting.addDependentKeys(argument)
            _ = try rewriting.rewrite(argument)
        }
        try parts.mapAbove { (expression) throws(SQLError) in
            try rewriting.rewrite(expression)
        }
        var aggregate = AggregatePlan(keys: rewriting.keys, calls: parts.calls.aggregates)
        aggregate.groupingSets = rewriting.sets
        var fields = rewriting.keys.map { Field("", $0.type) }
        fields += aggregate.calls.map { Field($0.function.name, $0.type) }
        if grouping.sets != nil { fields.append(Field("grouping", .integer)) }
        for (index, key) in rewriting.keys.enumerated() {
            if case .column(let column, _) = key, column < input.columns.count {
                fields[index].name = input.columns[column].name
            }
        }
        bindWindowBound(input, &aggregate)
        return .make(.aggregate(input, aggregate), fields)
    }

    /// In a set without the column such an argument would be null, not any row's value.
    private func refuseGroupedArguments(
        _ grouping: SelectParts.Grouping, _ calls: SelectCalls
    ) throws(SQLError) {
        let keys = grouping.keys.reduce(into: Set<Int>()) { $0.formUnion($1.columns) }
        for (argument, place) in calls.direct where !argument.columns.isDisjoint(with: keys) {
            throw SQLError(
                "a grouped column as the argument of an ordered-set aggregate is not supported "
                    + "with grouping sets", .featureNotSupported, at: place,
                hint: "Write a query for each grouping set, with UNION ALL.")
        }
    }

    /// Each window definition is one operation; its calls add their columns.
    private func windowed(_ input: Plan, _ parts: inout SelectParts) throws(SQLError) -> Plan {
        var plan = input
        var columns: [Int: Int] = [:]
        var open = Array(parts.calls.windows.enumerated())
        while let (number, first) = open.first {
            // random() is not the same as itself.
            let together = open.filter {
                $0.offset == number
                    || Expression.areSame($0.element.partition, first.partition)
                        && $0.element.order.isSame(as: first.order)
            }
            open.removeAll { entry in together.contains { $0.offset == entry.offset } }
            let over = OverPlan(
                partition: first.partition, order: first.order,
                calls: together.map(\.element.call))
            var fields = plan.columns
            for (index, window) in together {
                columns[Placeholder.window + index] = fields.count
                fields.append(Field("", window.call.type))
            }
            plan = .make(.over(plan, over), fields)
        }
        guard !columns.isEmpty else { return plan }
        try parts.mapAbove(windows: false) { (expression) throws(SQLError) in
            expression.replacing { inner, depth in
                switch inner {
                case .column(let index, let type) where depth == 0:
                    columns[index].map { .column($0, type) }
                case .outer(let index, depth: depth, let type) where depth > 0:
                    columns[index].map { .outer($0, depth: depth, type) }
                default: nil
                }
            }
        }
        return plan
    }

    /// Table functions of the select list, by their numbers: their rows side by side, for each row;
    /// those whose arguments are rows of others above these.
    private func unnested(_ input: Plan, _ numbers: [Int], _ parts: inout SelectParts) -> Plan {
        var plan = input
        var open = numbers
        while !open.isEmpty {
            let ready = open.filter { number in
                parts.calls.tableCalls(in: parts.calls.tables[number].arguments).isEmpty
            }
            guard !ready.isEmpty else { break }
            plan = unnestedTogether(plan, ready, &parts)
            open.removeAll(where: ready.contains)
        }
        return plan
    }

    private func unnestedTogether(
        _ input: Plan, _ numbers: [Int], _ parts: inout SelectParts
    ) -> Plan {
        var fields = input.columns
        var results: [Int: Expression] = [:]
        let calls = numbers.map { parts.calls.tables[$0] }
        for (number, call) in zip(numbers, calls) {
            let own = call.function.columns
            let columns = own.enumerated().map {
                Expression.column(fields.count + $0.offset, $0.element.type)
            }
            results[number] = own.count == 1 ? columns[0] : .record(columns, .record(own))
            fields += own
        }
        func replaced(_ expression: Expression) -> Expression {
            expression.replacing { inner, depth in
                guard depth == 0, let number = inner.tablePlaceholder else { return nil }
                return results[number]
            }
        }
        try? parts.mapAbove(windows: false) { (expression) throws(SQLError) in
            replaced(expression)
        }
        for number in numbers { parts.calls.tables[number].arguments = [] }
        if let keys = parts.grouping?.keys { parts.grouping?.keys = keys.map(replaced) }
        for index in parts.calls.groupings.indices {
            parts.calls.groupings[index].0 = parts.calls.groupings[index].0.map(replaced)
        }
        return .make(.unnest(input, calls, withOrdinality: false, keepsEmpty: false), fields)
    }

    /// Projection, DISTINCT, order and limit.
    func finish(
        _ plan: Plan, _ select: SelectSyntax, _ parts: SelectParts, _ query: QuerySyntax?,
        _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        var limits = LimitClause(place: select.place)
        if let query { limits = try self.limits(query, context, parts.from) }
        if !parts.postponed.isEmpty { return try finishPostponed(plan, parts, limits) }
        let late = computedLast(select, parts, limits)
        if !late.isEmpty { return try finish(plan, parts, limits, last: late) }
        var list = parts.items
        func column(_ expression: Expression) -> Expression {
            let index = list.firstIndex { $0.isWritten(as: expression) }
            if let index { return .column(index, list[index].type) }
            list.append(expression)
            return .column(list.count - 1, expression.type)
        }
        var keys = parts.order
        for index in keys.indices { keys[index].expression = column(keys[index].expression) }
        let on = parts.distinctOn.map(column)
        let names = parts.names + Array(repeating: "", count: list.count - parts.items.count)
        var result = plan.projected(list, names)
        switch select.distinct {
        case .all: break
        case .distinct:
            result = try result.withoutUnknown
            try checkDistinct(result, select)
            result = distinct(result)
        case .on: result = distinctOn(result, on, &keys, limits)
        }
        result = try result.ordered(keys, limits)
        if list.count > parts.items.count {
            result = result.projected(
                Array(result.columnExpressions.prefix(parts.items.count)), parts.names)
        }
        return BoundRelation(result, alias: "")
    }

    /// Items that differ at each evaluation (nextval, random) are computed for the rows that
    /// ORDER BY and LIMIT leave, in their order, if neither asks for them.
    private func computedLast(
        _ select: SelectSyntax, _ parts: SelectParts, _ limits: LimitClause
    ) -> Set<Int> {
        guard case .all = select.distinct, parts.calls.tables.isEmpty,
            !parts.order.isEmpty || limits.count != nil || limits.offset != nil,
            limits.offset == nil
                || !limits.withTies && (limits.count == nil || limits.countWithOffset != nil)
        else { return [] }
        return Set(
            parts.items.indices.filter { index in
                let item = parts.items[index]
                return item.isVolatile
                    && !parts.order.contains { $0.expression.isWritten(as: item) }
            })
    }

    private func finish(
        _ plan: Plan, _ parts: SelectParts, _ limits: LimitClause, last: Set<Int>
    ) throws(SQLError) -> BoundRelation {
        var list = plan.columnExpressions
        func column(_ expression: Expression) -> Expression {
            list.append(expression)
            return .column(list.count - 1, expression.type)
        }
        var keys = parts.order
        for index in keys.indices { keys[index].expression = column(keys[index].expression) }
        let items = parts.items.enumerated().map { index, item in
            last.contains(index) ? item : column(item)
        }
        let names = plan.columns.map(\.name)
        var result = plan.projected(
            list, names + Array(repeating: "", count: list.count - names.count))
        // Rows that OFFSET skips are computed too.
        var (first, last) = (limits, LimitClause(place: limits.place))
        (first.count, last.offset) = (limits.countWithOffset, limits.offset)
        first.offset = nil
        result = try result.ordered(keys, first).projected(items, parts.names)
        return BoundRelation(try result.ordered([], last), alias: "")
    }

    /// DISTINCT ON and order over the rows below, then the rows of table functions.
    private func finishPostponed(
        _ plan: Plan, _ parts: SelectParts, _ limits: LimitClause
    ) throws(SQLError) -> BoundRelation {
        var list = plan.columnExpressions
        func column(_ expression: Expression) -> Expression {
            let index = list.firstIndex { $0.isWritten(as: expression) }
            if let index { return .column(index, list[index].type) }
            list.append(expression)
            return .column(list.count - 1, expression.type)
        }
        var parts = parts
        var keys = parts.order
        for index in keys.indices { keys[index].expression = column(keys[index].expression) }
        let on = parts.distinctOn.map(column)
        let names = plan.columns.map(\.name)
        let all = LimitClause(place: limits.place)
        var result = plan.projected(
            list, names + Array(repeating: "", count: list.count - names.count))
        result = distinctOn(result, on, &keys, all)
        result = try result.ordered(keys, all)
        result = unnested(result, parts.postponed, &parts)
        result = try result.ordered([], limits)
        return BoundRelation(result.projected(parts.items, parts.names), alias: "")
    }

    private func checkDistinct(_ plan: Plan, _ select: SelectSyntax) throws(SQLError) {
        guard let index = plan.columns.firstIndex(where: { $0.type == .json }) else { return }
        let place = index < select.items.count ? select.items[index].expression.place : select.place
        throw SQLError(
            "could not identify an equality operator for type json", .undefinedFunction,
            at: place)
    }

    /// DISTINCT ON: the first row of each, in the order asked for.
    private func distinctOn(
        _ plan: Plan, _ on: [Expression], _ keys: inout [SortKey], _ limits: LimitClause
    ) -> Plan {
        var sort = SortPlan(
            keys.filter { key in !on.contains { $0.isSame(as: key.expression) } })
        sort.partition = on
        sort.limit = .literal(.integer(1), .bigint)
        // Endless rows are never sorted as a whole: the order only says which row is the first.
        if plan.facts.isEndless, limits.count == nil { keys = [] }
        return plan.with(.sort(plan, sort))
    }
}

extension SelectParts {
    /// Applies a rewriting to all that is computed above an aggregation (or above windows).
    mutating func mapAbove(
        windows: Bool = true, _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) {
        items = try items.mapAll(transform)
        having = try having.mapOne(transform)
        qualify = try qualify.mapOne(transform)
        order = try order.mapExpressions(transform)
        distinctOn = try distinctOn.mapAll(transform)
        for index in calls.tables.indices {
            calls.tables[index].arguments = try calls.tables[index].arguments.mapAll(transform)
        }
        guard windows else { return }
        for index in calls.windows.indices {
            let window = calls.windows[index]
            calls.windows[index].partition = try window.partition.mapAll(transform)
            calls.windows[index].order = try window.order.mapExpressions(transform)
            calls.windows[index].call.arguments = try window.call.arguments.mapAll(transform)
            calls.windows[index].call.filter = try window.call.filter.mapOne(transform)
        }
    }
}

/// Turns expressions over FROM into ones over the aggregation's output, and refuses what is
/// neither grouped nor aggregated.
struct GroupRewriting {
    var keys: [Expression]
    let calls: SelectCalls
    var sets: [[Int]]?
    /// Keys of the rows below: where all columns of one are grouped by, its others may stand.
    var keyed: [BoundRelation.KeyedColumns]

    func rewrite(_ expression: Expression) throws(SQLError) -> Expression {
        try expression.rewrite { (inner, depth) throws(SQLError) in
            try replace(inner, depth, keys)
        }
    }

    private func replace(
        _ inner: Expression, _ depth: Int, _ keys: [Expression]
    ) throws(SQLError) -> Expression? {
        for (index, key) in keys.enumerated()
        where inner.isWritten(as: depth == 0 ? key : key.seenFromInside(depth)) {
            return output(index, key.type, depth)
        }
        let column: Int
        switch inner {
        case .column(let index, _) where depth == 0: column = index
        case .outer(let index, depth: depth, _) where depth > 0: column = index
        default: return nil
        }
        switch Placeholder.kind(column) {
        case Placeholder.aggregate:
            return output(keys.count + Placeholder.number(column), inner.type, depth)
        case Placeholder.grouping:
            let bits = try grouping(Placeholder.number(column), keys)
            return depth == 0 ? bits : bits.seenFromInside(depth)
        case 0: throw ungrouped(column, isInner: depth > 0)
        default: return nil
        }
    }

    private func output(_ index: Int, _ type: DataType, _ depth: Int) -> Expression {
        depth == 0 ? .column(index, type) : .outer(index, depth: depth, type)
    }

    private func ungrouped(_ column: Int, isInner: Bool) -> SQLError {
        let use = calls.uses[column]
        let name = use?.name ?? "?column?"
        if isInner {
            return SQLError(
                "subquery uses ungrouped column \"\(name)\" from outer query", .groupingError,
                at: use?.place)
        }
        return SQLError(
            "column \"\(name)\" must appear in the GROUP BY clause or be used in an aggregate "
                + "function", .groupingError, at: use?.place)
    }

    /// Columns that a grouped key of the rows determines are grouped by too, in all sets: the key
    /// is part of each.
    mutating func addDependentKeys(_ expression: Expression) {
        let known = knownColumns
        guard !known.isEmpty else { return }
        var missing: [Expression] = []
        let keys = keys
        _ = expression.replacing { inner, depth in
            if keys.contains(where: {
                inner.isWritten(as: depth == 0 ? $0 : $0.seenFromInside(depth))
            }) {
                return inner
            }
            let column: Int
            switch inner {
            case .column(let index, _) where depth == 0: column = index
            case .outer(let index, depth: depth, _) where depth > 0: column = index
            default: return nil
            }
            let own = Expression.column(column, inner.type)
            if known.contains(where: { $0.contains(column) }),
                !missing.contains(where: { $0.isSame(as: own) })
            {
                missing.append(own)
            }
            return nil
        }
        let added = keys.count..<keys.count + missing.count
        self.keys += missing
        sets = sets?.map { $0 + added }
    }

    /// The columns of relations whose key is grouped by.
    private var knownColumns: [Range<Int>] {
        let common = keys.indices.filter { index in
            sets?.allSatisfy { $0.contains(index) } ?? true
        }
        let grouped = common.compactMap { index -> Int? in
            if case .column(let column, _) = keys[index] { return column }
            return nil
        }
        return keyed.filter { $0.key.allSatisfy(grouped.contains) }.map(\.columns)
    }

    /// GROUPING(a, b): the bits of its arguments, the last the lowest.
    private func grouping(
        _ number: Int, _ keys: [Expression]
    ) throws(SQLError) -> Expression {
        let (arguments, place) = calls.groupings[number]
        let bits = Expression.column(keys.count + calls.aggregates.count, .integer)
        var sum: Expression?
        for (index, argument) in arguments.reversed().enumerated() {
            guard let key = keys.firstIndex(where: { $0.isWritten(as: argument) }) else {
                throw SQLError(
                    "arguments to GROUPING must be grouping expressions of the associated query "
                        + "level", .groupingError, at: place)
            }
            guard sets != nil else { continue }
            let one = Expression.literal(.integer(1), .integer)
            func call(_ name: String, _ a: Expression, _ b: Expression) throws(SQLError)
                -> Expression
            {
                let function = try FunctionRegistry.scalar(name, [a.type, b.type])
                return .call(function, [a, b], function.result)
            }
            let bit = try call(
                "&", try call(">>", bits, .literal(.integer(Int64(key)), .integer)), one)
            let weighted = try call("<<", bit, .literal(.integer(Int64(index)), .integer))
            sum =
                try sum.then { (total) throws(SQLError) in try call("+", total, weighted) }
                ?? weighted
        }
        return sum ?? .literal(.integer(0), .integer)
    }
}
