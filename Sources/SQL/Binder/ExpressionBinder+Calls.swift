import Aggregation
import Formats

extension ExpressionBinder {
    func call(_ call: CallSyntax, _ place: Range<Int>) throws(SQLError) -> Expression {
        let name = call.functionName
        guard !Self.laterFunctions.contains(name) else {
            throw SQLError("\(name) is not supported yet", .featureNotSupported, at: place)
        }
        if call.over != nil { return try windowCall(call, name, place) }
        if let special = try specialForm(name, call, place) { return special }
        if name == "hll_count", let direct = call.withoutSketch {
            return try aggregateCall(direct, direct.functionName, place)
        }
        if SketchFunctions.isValue(name), call.isOfAggregate {
            let arguments = try bind(call.arguments)
            let function = try placed(place) { () throws(SQLError) in
                try SketchFunctions.scalar(name, arguments.map(\.type))
            }
            let coerced = try coerce(
                arguments, to: function.parameters, place, at: call.arguments.map(\.place))
            return .call(function, coerced, function.result)
        }
        if name == "approx_percentile", let direct = call.withoutError {
            return try aggregateCall(direct, name, place)
        }
        if FunctionRegistry.isAggregate(name) { return try aggregateCall(call, name, place) }
        try refuseAggregateClauses(call, name, place)
        if FunctionRegistry.isWindow(name) {
            if let result = try hypothetical(call, name, place) { return result }
            throw SQLError(
                "window function \(name) requires an OVER clause", .wrongObjectType, at: place)
        }
        if let row = try populated(call, name, place) { return row }
        if FunctionRegistry.isTable(name), !FunctionRegistry.isScalar(name) {
            return try tableCall(call, name, place)
        }
        if call.isVariadic, let last = call.arguments.last {
            return try variadic(name, call, last, place)
        }
        let arguments = try arranged(call, name, place)
        if !call.namedArguments.isEmpty { return try apply(name, arguments, place) }
        if let cast = try castCall(name, arguments, call, place) { return cast }
        return try apply(name, arguments, place, at: call.arguments.map(\.place))
    }

    /// `date(x)`: the name of a type over one argument that becomes it is a cast, where no function
    /// is meant; nil: it is none.
    private func castCall(
        _ name: String, _ arguments: [Expression], _ call: CallSyntax, _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        guard arguments.count == 1, name != "char", let syntax = call.arguments.first,
            let type = try? TypeName(name, call.name.place).resolved(),
            (try? FunctionRegistry.scalar(name, arguments.map(\.type))) == nil,
            Cast.context(from: arguments[0].type, to: type) != nil
        else { return nil }
        return try explicitCast(arguments[0], to: type, false, syntax.place)
    }

    /// Of anomalies, a later step.
    private static let laterFunctions: Set<String> = [
        "mad_zscore", "ewma_zscore", "tukey_outlier", "rate_change", "cusum",
    ]

    /// Arguments in the function's order; what is left out has its default.
    func arranged(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> [Expression] {
        let given = try bind(call.arguments)
        guard !call.namedArguments.isEmpty else { return given }
        var named: [(name: String, value: Expression)] = []
        for (word, syntax) in call.namedArguments {
            named.append((word.isQuoted ? word.text : word.text.lowercased(), try bind(syntax)))
        }
        for (index, (word, _)) in call.namedArguments.enumerated()
        where named[..<index].contains(where: { $0.name == named[index].name }) {
            throw SQLError(
                "argument name \"\(word.text)\" used more than once", .syntaxError,
                at: word.place)
        }
        for parameters in NamedParameter.lists[name] ?? [] {
            if let list = NamedParameter.arranged(parameters, given, named) { return list }
        }
        let shown =
            given.map(\.type.typeName) + named.map { "\($0.name) => \($0.value.type.typeName)" }
        throw SQLError(
            "function \(name)(\(shown.joined(separator: ", "))) does not exist",
            .undefinedFunction, at: place,
            hint: "No function matches the given name and argument types. "
                + "You might need to add explicit type casts.")
    }

    private func refuseNamed(_ call: CallSyntax) throws(SQLError) {
        guard let (name, _) = call.namedArguments.first else { return }
        throw SQLError(
            "function \(call.name.text) has no parameter named \"\(name.text)\"",
            .undefinedFunction, at: name.place)
    }

    /// VARIADIC ARRAY[...] is its elements.
    private func variadic(
        _ name: String, _ call: CallSyntax, _ last: SyntaxExpression, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        var arguments = try bind(Array(call.arguments.dropLast()))
        let array = try bind(last)
        switch array {
        case .array(let items, _): arguments += items
        case .literal(.array(let values), .array(let element)) where !values.isEmpty:
            arguments += values.map { .literal($0, element) }
        default: return try variadicRow(name, arguments, array, last.place, place)
        }
        return try apply(name, arguments, place)
    }

    /// VARIADIC over an array that each row has: what the function does with a whole array.
    private func variadicRow(
        _ name: String, _ arguments: [Expression], _ array: Expression, _ arrayPlace: Range<Int>,
        _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        guard case .array = array.type else {
            throw SQLError(
                "VARIADIC argument must be an array", .datatypeMismatch, at: arrayPlace)
        }
        var arguments = arguments
        let isDocument = name.hasPrefix("json_extract_path") || name.hasPrefix("jsonb_extract_path")
        if isDocument, let first = arguments.first, first.type == .unknown {
            arguments[0] = try coerce(first, to: name.hasPrefix("jsonb") ? .jsonb : .json, place)
        }
        switch (name, arguments.count) {
        case ("concat", 0):
            return try apply("array_to_string", [array, .literal(.text(""), .text)], place)
        case ("concat_ws", 1): return try apply("array_to_string", [array, arguments[0]], place)
        case ("json_extract_path", 1), ("jsonb_extract_path", 1):
            return try apply("#>", [arguments[0], array], place)
        case ("json_extract_path_text", 1), ("jsonb_extract_path_text", 1):
            return try apply("#>>", [arguments[0], array], place)
        case ("jsonb_build_array", 0): return try apply("to_jsonb", [array], place)
        default:
            throw SQLError(
                "VARIADIC argument must be a constant array", .featureNotSupported, at: arrayPlace)
        }
    }

    private func refuseAggregateClauses(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) {
        func refuse(_ what: String) -> SQLError {
            SQLError(
                "\(what) specified, but \(name) is not an aggregate function", .wrongObjectType,
                at: place)
        }
        // An unknown name is the better error.
        guard FunctionRegistry.isScalar(name) || FunctionRegistry.isTable(name) else { return }
        if call.isStar {
            throw SQLError(
                "\(name)(*) specified, but \(name) is not an aggregate function",
                .wrongObjectType, at: place)
        }
        if call.isDistinct { throw refuse("DISTINCT") }
        if !call.withinGroup.isEmpty { throw refuse("WITHIN GROUP") }
        if !call.order.isEmpty { throw refuse("ORDER BY") }
        if call.filter != nil { throw refuse("FILTER") }
    }

    func tableCall(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        guard let calls, clause == .select || clause == .order || clause == .group else {
            throw SQLError(
                "set-returning functions are not allowed in \(clause.rawValue)",
                .featureNotSupported, at: place)
        }
        if inAggregate, clause != .group {
            throw SQLError(
                "aggregate function calls cannot contain set-returning function calls",
                .featureNotSupported, at: place,
                hint: Self.lateralHint)
        }
        if inWindow {
            throw SQLError(
                "window function calls cannot contain set-returning function calls",
                .featureNotSupported, at: place, hint: Self.lateralHint)
        }
        let table = try tableFunction(name, try arranged(call, name, place), place)
        // What GROUP BY writes again is the item.
        let same =
            clause != .group
            ? nil
            : calls.tables.firstIndex {
                $0.function.name == table.function.name
                    && Expression.areSame($0.arguments, table.arguments, true)
            }
        if same == nil { calls.tables.append(table) }
        let columns = table.function.columns
        let type = columns.count == 1 ? columns[0].type : DataType.record(columns)
        return .column(Placeholder.table + (same ?? calls.tables.count - 1), type)
    }

    func tableFunction(
        _ name: String, _ arguments: [Expression], _ place: Range<Int>
    ) throws(SQLError) -> TableFunctionCall {
        try placed(place) { () throws(SQLError) in
            let function = try FunctionRegistry.table(name, arguments.map(\.type))
            return TableFunctionCall(
                function, try coerce(arguments, to: function.parameters, place))
        }
    }
}

// Aggregates.
extension ExpressionBinder {
    func aggregateCall(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        if clause == .callFilter {
            throw SQLError(
                "aggregate functions are not allowed in FILTER", .groupingError, at: place)
        }
        if inAggregate {
            throw SQLError(
                "aggregate function calls cannot be nested", .groupingError, at: place)
        }
        var inner = self
        inner.inAggregate = true
        let bound = try inner.boundAggregate(call.withinGroupOfMode, name, place)
        let level = bound.outerLevel
        if level > 0 { return try outerAggregate(bound, level, place) }
        try refuseNested(bound, place)
        guard let calls, clause.allowsAggregates else {
            throw SQLError(
                "aggregate functions are not allowed in \(clause.rawValue)", .groupingError,
                at: place)
        }
        return .column(calls.add(bound), bound.type)
    }

    /// An aggregate over nothing but columns of an outer query belongs to that query.
    private func outerAggregate(
        _ call: AggregateCall, _ level: Int, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        var target = scope
        for _ in 0..<level { target = target?.parent }
        guard let calls = target?.calls else {
            throw SQLError(
                "aggregate functions are not allowed in \(clause.rawValue)", .groupingError,
                at: place)
        }
        var lifted = call
        for _ in 0..<level {
            lifted = try lifted.mapExpressions { (expression) throws(SQLError) in
                expression.seenFromOutside
            }
        }
        try refuseNested(lifted, place)
        return .outer(calls.add(lifted), depth: level, call.type)
    }

    /// A subquery in an aggregate may hold another aggregate of the same query.
    private func refuseNested(_ call: AggregateCall, _ place: Range<Int>) throws(SQLError) {
        guard call.expressions.contains(where: \.hasOwnAggregate) else { return }
        throw SQLError("aggregate function calls cannot be nested", .groupingError, at: place)
    }

    /// Arguments in front of WITHIN GROUP are the group's.
    func noteDirect(
        _ syntax: [SyntaxExpression], _ arguments: [Expression], _ place: Range<Int>
    ) throws(SQLError) {
        // Their columns have to be grouped by, so where they stand is remembered.
        var plain = self
        plain.inAggregate = false
        _ = try plain.bind(syntax)
        for argument in arguments { calls?.direct.append((argument, place)) }
    }

    private func checkWithinGroup(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) {
        if call.withinGroup.isEmpty {
            guard name == "percentile_cont" || name == "percentile_disc" else { return }
            throw SQLError(
                "WITHIN GROUP is required for ordered-set aggregate \(name)", .wrongObjectType,
                at: place)
        }
        guard !Self.orderedSets.contains(name) else { return }
        throw SQLError(
            "\(name) is not an ordered-set aggregate, so it cannot have WITHIN GROUP",
            .wrongObjectType, at: place)
    }

    private static let orderedSets: Set<String> = [
        "mode", "percentile_cont", "percentile_disc", "approx_percentile", "approx_top_k",
    ]

    fileprivate func boundAggregate(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> AggregateCall {
        try refuseNamed(call)
        let given = try bind(call.arguments)
        var arguments = given
        var order = try sortKeys(call.withinGroup.isEmpty ? call.order : call.withinGroup)
        let isOrderedSet = !call.withinGroup.isEmpty
        let types = arguments.map(\.type) + (isOrderedSet ? order.map(\.expression.type) : [])
        let function = try placed(place) { () throws(SQLError) in
            try FunctionRegistry.aggregate(name, types, isStar: call.isStar)
        }
        try checkWithinGroup(call, name, place)
        let parameters = function.parameters
        if isOrderedSet {
            try noteDirect(call.arguments, arguments, place)
            let split = max(0, parameters.count - order.count)
            arguments = try coerce(arguments, to: Array(parameters.prefix(split)), place)
            let keys = try coerce(
                order.map(\.expression), to: Array(parameters.dropFirst(split)), place)
            for (index, key) in keys.enumerated() { order[index].expression = key }
        } else {
            arguments = try coerce(arguments, to: parameters, place)
        }
        var filter: Expression?
        if let syntax = call.filter {
            var inner = self
            inner.clause = .callFilter
            filter = try inner.condition(syntax, "FILTER")
        }
        if call.isDistinct, !isOrderedSet {
            for (index, key) in order.enumerated()
            where !arguments.contains(where: { $0.isSame(as: key.expression) }) {
                // An argument as it was before it became the parameter's type is the argument.
                if let same = given.firstIndex(where: { $0.isSame(as: key.expression) }) {
                    order[index].expression = arguments[same]
                    continue
                }
                throw SQLError(
                    "in an aggregate with DISTINCT, ORDER BY expressions must appear in "
                        + "argument list", .invalidColumnReference,
                    at: call.order.first?.expression.place ?? place)
            }
        }
        if call.isDistinct, order.isEmpty, Self.collecting.contains(name) {
            // PostgreSQL finds what is distinct by sorting, and its users see the order.
            for argument in arguments where argument.type != .json {
                order.append(SortKey(argument, isDescending: false, nullsFirst: false))
            }
        }
        return AggregateCall(
            function, arguments, isDistinct: call.isDistinct && !function.ignoresDuplicates,
            filter: filter, order: order, type: function.result)
    }

    /// Aggregates whose result has the order of the rows.
    private static let collecting: Set<String> = [
        "array_agg", "list", "string_agg", "json_agg", "jsonb_agg",
    ]

    func sortKeys(_ items: [OrderItem]) throws(SQLError) -> [SortKey] {
        var keys: [SortKey] = []
        for item in items {
            let bound = try sortable(try bind(item.expression), item.expression.place)
            keys.append(
                SortKey(bound, isDescending: item.isDescending, nullsFirst: item.nullsFirst))
        }
        return keys
    }

    /// What can be compared by order: text for a literal, an error for json.
    func sortable(_ expression: Expression, _ place: Range<Int>) throws(SQLError) -> Expression {
        if expression.type == .unknown { return try coerce(expression, to: .text, place) }
        if expression.type == .json {
            throw SQLError(
                "could not identify an ordering operator for type json", .undefinedFunction,
                at: place, hint: "Use an explicit ordering operator or modify the query.")
        }
        return expression
    }

    /// What can be grouped by: text for a literal, an error for json.
    func groupable(_ expression: Expression, _ place: Range<Int>) throws(SQLError) -> Expression {
        if expression.type == .unknown { return try coerce(expression, to: .text, place) }
        if expression.type == .json {
            throw SQLError(
                "could not identify an equality operator for type json", .undefinedFunction,
                at: place)
        }
        return expression
    }

    func grouping(
        _ list: [SyntaxExpression], _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        var inner = self
        inner.inAggregate = true
        var arguments = try inner.bind(list)
        let level = Expression.outerLevel(of: arguments)
        var owner = calls
        if level > 0 {
            // It is of the outer query whose columns it names.
            var target = scope
            for _ in 0..<level {
                target = target?.parent
                arguments = arguments.map(\.seenFromOutside)
            }
            owner = target?.calls
        }
        guard let owner, level > 0 || clause.allowsAggregates else {
            throw SQLError(
                "grouping operations are not allowed in \(clause.rawValue)", .groupingError,
                at: place)
        }
        owner.groupings.append((arguments, place))
        let index = Placeholder.grouping + owner.groupings.count - 1
        return level > 0
            ? .outer(index, depth: level, .integer) : .column(index, .integer)
    }
}

extension AggregateCall {
    fileprivate var outerLevel: Int { Expression.outerLevel(of: expressions) }
}

extension Expression {
    /// Whether it reads the result of an aggregate of its own query, also from inside a subquery.
    fileprivate var hasOwnAggregate: Bool {
        var found = false
        _ = replacing { inner, depth in
            switch inner {
            case .column(let index, _) where depth == 0:
                found = found || Placeholder.kind(index) == Placeholder.aggregate
            case .outer(let index, depth: depth, _) where depth > 0:
                found = found || Placeholder.kind(index) == Placeholder.aggregate
            default: break
            }
            return nil
        }
        return found
    }

    /// 0 if a column of their own query is read, or none at all; else the nearest level that is.
    /// Subqueries in them are looked into: they may read columns of any level.
    fileprivate static func outerLevel(of expressions: [Expression]) -> Int {
        var nearest = Int.max
        for expression in expressions {
            _ = expression.replacing { inner, depth in
                switch inner {
                case .column where depth == 0: nearest = 0
                case .outer(_, depth: let level, _) where level >= max(depth, 1):
                    nearest = min(nearest, level - depth)
                default: break
                }
                return nil
            }
        }
        return nearest == Int.max ? 0 : nearest
    }
}

extension CallSyntax {
    /// mode(x), as DuckDB has it, is mode() WITHIN GROUP (ORDER BY x).
    fileprivate var withinGroupOfMode: CallSyntax {
        guard functionName == "mode", withinGroup.isEmpty, order.isEmpty, arguments.count == 1
        else { return self }
        var call = self
        call.withinGroup = [OrderItem(arguments[0], isDescending: false, nullsFirst: nil)]
        call.arguments = []
        return call
    }

    /// approx_percentile(p, error) WITHIN GROUP (ORDER BY x), as RisingWave has it, without the
    /// error, than which ours is less; nil: it is another call.
    fileprivate var withoutError: CallSyntax? {
        guard withinGroup.count == 1, arguments.count == 2 else { return nil }
        var call = self
        call.arguments.removeLast()
        return call
    }

    /// A call over what an aggregate gives, as it stands.
    fileprivate var isOfAggregate: Bool {
        guard over == nil, filter == nil, withinGroup.isEmpty,
            case .call(let inner)? = arguments.first?.node
        else { return false }
        return inner.over == nil && FunctionRegistry.isAggregate(inner.functionName)
    }

    /// hll_count(hll_state(x)) counts x; nil: it is another call.
    fileprivate var withoutSketch: CallSyntax? {
        guard arguments.count == 1, case .call(var inner) = arguments[0].node,
            inner.functionName == "hll_state", inner.over == nil,
            filter == nil || inner.filter == nil
        else { return nil }
        inner.filter = inner.filter ?? filter
        inner.name = Name("approx_count_distinct", isQuoted: false, name.place)
        return inner
    }

    /// Functions have lower-case names.
    public var functionName: String { name.isQuoted ? name.text : name.text.lowercased() }
}
