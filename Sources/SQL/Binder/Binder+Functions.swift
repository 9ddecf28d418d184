import Aggregation
import Formats

// Functions in FROM.
extension Binder {
    private static let recordFunctions: Set<String> = [
        "json_to_record", "jsonb_to_record", "json_to_recordset", "jsonb_to_recordset",
    ]

    /// Functions that read data: the catalog's.
    static func isReader(_ name: String) -> Bool {
        name.hasPrefix("read_") || name == "kafka" || name == "range_topic"
    }

    func functions(
        _ calls: [CallSyntax], _ withOrdinality: Bool, _ syntax: RelationSyntax,
        _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        if calls.count == 1, Binder.isReader(calls[0].functionName) {
            return try reader(calls[0], syntax)
        }
        // Functions see what stands to their left without LATERAL.
        let shown = context.showLaterals()
        defer { context.hide(shown) }
        // A level of their own, so that what they read of their left is `outer`.
        let inner = context.inside(Scope(parent: context.scope))
        let binder = ExpressionBinder(self, inner, .from)
        var bound: [TableFunctionCall] = []
        var fields: [Field] = []
        var outputs: [Expression] = []
        for call in calls {
            let name = call.functionName
            if syntax.columnDefinitions.isEmpty, Self.recordFunctions.contains(name) {
                throw SQLError(
                    "a column definition list is required for functions returning \"record\"",
                    .syntaxError, at: call.name.place)
            }
            let arguments = try binder.arranged(call, name, call.name.place)
            let table = try table(name, arguments, binder, call.name.place)
            for field in table.function.columns {
                outputs.append(.column(fields.count, field.type))
                fields.append(field)
            }
            bound.append(table)
        }
        if calls.count == 1, fields.count == 1, syntax.columnDefinitions.isEmpty {
            // One column is called as the relation is, unless the function names it.
            if fields[0].name.isEmpty || fields[0].name == calls[0].functionName {
                fields[0].name = syntax.alias?.text ?? calls[0].functionName
            }
        }
        if withOrdinality { fields.append(Field("ordinality", .bigint)) }
        let plan = Plan.make(
            .unnest(.oneRow, bound, withOrdinality: withOrdinality, keepsEmpty: false), fields)
        var relation = BoundRelation(
            plan, alias: syntax.alias?.text ?? calls.first?.functionName ?? "")
        if calls.count == 1, fields.count == 1 { relation.tables[0].isScalar = true }
        if !syntax.columnDefinitions.isEmpty {
            relation = try defined(relation, syntax, binder)
        } else if calls.count == 1, ExpressionBinder.populates(calls[0].functionName) == true {
            let base = try binder.bind(calls[0].arguments[0])
            let row = try binder.filled(
                base, plan.columnExpressions[0], calls[0].functionName, calls[0].name.place)
            if case .record(let list, .record(let fields)) = row {
                var columns = list
                if withOrdinality { columns.append(plan.columnExpressions[1]) }
                let names = fields.map(\.name) + (withOrdinality ? ["ordinality"] : [])
                relation = BoundRelation(
                    plan.projected(columns, names), alias: relation.tables[0].alias)
            }
        }
        return relation
    }

    /// A table function; or the one row of a scalar one.
    private func table(
        _ name: String, _ arguments: [Expression], _ binder: ExpressionBinder,
        _ place: Range<Int>
    ) throws(SQLError) -> TableFunctionCall {
        switch name {
        case "json_to_record", "jsonb_to_record":
            // One row: the document itself, of which the definition list takes members.
            let type: DataType = name.hasPrefix("jsonb") ? .jsonb : .json
            let function = TableFunction(name, [type], [Field("value", type)]) {
                (arguments, rows, _) throws(SQLError) in
                rows[0].append(arguments[0])
                return 1
            }
            let list = try binder.coerce(arguments, to: [type], place)
            return TableFunctionCall(function, list)
        case "json_to_recordset", "jsonb_to_recordset":
            let elements = name.hasPrefix("jsonb") ? "jsonb_array_elements" : "json_array_elements"
            return try binder.tableFunction(elements, arguments, place)
        case "json_populate_recordset", "jsonb_populate_recordset":
            guard arguments.count == 2 else { break }
            let elements = name.hasPrefix("jsonb") ? "jsonb_array_elements" : "json_array_elements"
            return try binder.tableFunction(elements, [arguments[1]], place)
        case "json_populate_record", "jsonb_populate_record":
            guard arguments.count == 2 else { break }
            let row = try binder.filled(arguments[0], arguments[1], name, place)
            guard case .record(let list, .record(let fields)) = row else { break }
            let function = TableFunction(name, fields.map(\.type), fields) {
                (arguments, rows, _) throws(SQLError) in
                for (index, value) in arguments.enumerated() { rows[index].append(value) }
                return 1
            }
            return TableFunctionCall(function, list)
        default: break
        }
        if FunctionRegistry.isTable(name) || !FunctionRegistry.isScalar(name) {
            return try binder.tableFunction(name, arguments, place)
        }
        let value = try binder.apply(name, arguments, place)
        let function = TableFunction(name, [value.type], [Field(name, value.type)]) {
            (arguments, rows, _) throws(SQLError) in
            rows[0].append(arguments[0])
            return 1
        }
        return TableFunctionCall(function, [value])
    }

    /// AS (a int, b text): members of the JSON that the function gives.
    private func defined(
        _ relation: BoundRelation, _ syntax: RelationSyntax, _ binder: ExpressionBinder
    ) throws(SQLError) -> BoundRelation {
        var list: [Expression] = []
        var names: [String] = []
        let columns = relation.plan.columnExpressions
        for (index, (name, type)) in syntax.columnDefinitions.enumerated() {
            let target = try type.resolved(in: catalog)
            let isDocument = columns.count == 1 && [.json, .jsonb].contains(columns[0].type)
            guard isDocument || index < columns.count else {
                throw SQLError(
                    "function return row and query-specified return row do not match",
                    .datatypeMismatch, at: name.place)
            }
            let value =
                isDocument
                ? try member(name, of: columns[0], as: target, binder) : columns[index]
            list.append(try binder.explicitCast(value, to: target, false, name.place))
            names.append(name.text)
        }
        let plan = relation.plan.projected(list, names)
        return BoundRelation(plan, alias: syntax.alias?.text ?? relation.tables[0].alias)
    }

    /// A member of a document as what a cast makes a value of the type of.
    func member(
        _ name: Name, of document: Expression, as type: DataType, _ binder: ExpressionBinder
    ) throws(SQLError) -> Expression {
        let key = Expression.literal(.text(name.text), .unknown)
        func apply(_ symbol: String) throws(SQLError) -> Expression {
            try binder.apply(symbol, [document, key], name.place)
        }
        switch type {
        case .json, .jsonb: return try apply("->")
        case .array:
            let member = try apply("->")
            return .call(JSONArrayText.function(member.type, key: name.text), [member], .text)
        default: return try apply("->>")
        }
    }

    /// read_json('file', option => value)
    private func reader(
        _ call: CallSyntax, _ syntax: RelationSyntax
    ) throws(SQLError) -> BoundRelation {
        let binder = ExpressionBinder(self, QueryContext(), .from)
        func value(_ expression: SyntaxExpression) throws(SQLError) -> Value {
            // A bare name is a source or an option's word: stdin, json.
            if case .name(let parts) = expression.node { return .text(parts.dotted) }
            let bound = try binder.constant(try binder.bind(expression), expression.place)
            if case .literal(let value, _) = bound { return value }
            throw SQLError(
                "an argument of \(call.functionName) must be a constant", .featureNotSupported,
                at: expression.place)
        }
        var arguments: [Value] = []
        for argument in call.arguments { arguments.append(try value(argument)) }
        var named: [(String, Value)] = []
        for (name, argument) in call.namedArguments {
            named.append((name.text.lowercased(), try value(argument)))
        }
        return try stored(
            .function(call.functionName, arguments, named: named),
            alias: syntax.alias?.text ?? call.functionName, syntax)
    }
}
