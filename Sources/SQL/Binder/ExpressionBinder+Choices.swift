import Aggregation
import Formats

// CASE, COALESCE, arrays and their parts.
extension ExpressionBinder {
    /// An operand that stands in several places of what is made of it, and is computed once.
    private func once(_ operand: Expression) -> Expression {
        operand.replacing { inner, _ in
            guard case .call(var function, let arguments, let type) = inner,
                function.volatility == .volatile, function.instance == 0
            else { return nil }
            function.instance = binder.nextID()
            return .call(function, arguments.map { once($0) }, type)
        }
    }

    func choice(
        _ operand: SyntaxExpression?, _ branches: [(SyntaxExpression, SyntaxExpression)],
        _ otherwise: SyntaxExpression?, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let tables = calls?.tables.count
        let subject = try operand.then { (syntax) throws(SQLError) in once(try bind(syntax)) }
        var conditions: [Expression] = []
        for (condition, _) in branches {
            if let subject {
                let value = try bind(condition)
                conditions.append(try apply("=", [subject, value], condition.place))
            } else {
                conditions.append(try self.condition(condition, "CASE/WHEN"))
            }
        }
        var results = try bind(branches.map(\.1))
        if let otherwise { results.append(try bind(otherwise)) }
        try refuseTables(since: tables, "CASE", place)
        // PostgreSQL looks at ELSE first.
        var types = results.map(\.type)
        var places = branches.map(\.1.start)
        if let otherwise, let last = types.popLast() {
            types.insert(last, at: 0)
            places.insert(otherwise.start, at: 0)
        }
        let type = try commonType(types, places, "CASE")
        var list: [Expression.Branch] = []
        for (index, condition) in conditions.enumerated() {
            list.append(
                .init(condition, try coerce(results[index], to: type, branches[index].1.place)))
        }
        let rest = try otherwise.then { (syntax) throws(SQLError) in
            try coerce(results[results.count - 1], to: type, syntax.place)
        }
        return .choice(list, otherwise: rest, type)
    }

    /// Rows of functions where not all that is written is evaluated.
    private func refuseTables(
        since count: Int?, _ construct: String, _ place: Range<Int>
    ) throws(SQLError) {
        guard let calls, calls.tables.count > (count ?? 0) else { return }
        throw SQLError(
            "set-returning functions are not allowed in \(construct)", .featureNotSupported,
            at: place, hint: Self.lateralHint)
    }

    static let lateralHint =
        "You might be able to move the set-returning function into a LATERAL FROM item."

    /// Calls that are no functions: their arguments have one type, or are not all evaluated.
    func specialForm(
        _ name: String, _ call: CallSyntax, _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        switch name {
        case "coalesce":
            let tables = calls?.tables.count
            let list = try unified(call.arguments, "COALESCE", place)
            try refuseTables(since: tables, "COALESCE", place)
            return list.count == 1 ? list[0] : .coalesce(list, list[0].type)
        case "pg_typeof":
            // A literal has no type yet, which no function could see.
            guard call.arguments.count == 1, try bind(call.arguments)[0].type == .unknown
            else { return nil }
            return .literal(.text("unknown"), .text)
        case "quote_literal", "quote_nullable":
            let list = try bind(call.arguments)
            guard list.count == 1, !list[0].type.isText else { return nil }
            return try apply(name, [try explicitCast(list[0], to: .text, false, place)], place)
        case "nullif":
            guard call.arguments.count == 2 else { return nil }
            var list = try bind(call.arguments)
            list[0] = once(list[0])
            let test = try apply("=", list, place)
            var value = list[0]
            // Its type is that of the = it stands for.
            if case .call(_, let sides, _) = test, sides.count == 2 { value = sides[0] }
            if value.type == .unknown { value = try coerce(value, to: .text, place) }
            return .choice([.init(test, .literal(.null, value.type))], otherwise: value, value.type)
        case "greatest", "least":
            let list = try unified(call.arguments, name.uppercased(), place)
            return list.count == 1 ? list[0] : try apply(name, list, place)
        case "normalize":
            // The form is a word.
            guard call.arguments.count == 2, case .name(let names) = call.arguments[1].node,
                names.count == 1
            else { return nil }
            let form = names[0].text.uppercased()
            return try apply(
                name, [try bind(call.arguments[0]), .literal(.text(form), .text)], place)
        case "now", "transaction_timestamp", "statement_timestamp":
            guard call.arguments.isEmpty else { return nil }
            let (now, start) = (binder.settings.now, binder.settings.statementStart)
            return name == "statement_timestamp" && start != now
                ? .literal(.integer(start), .timestamptz) : .now(.timestamptz)
        case "json_object", "jsonb_object":
            guard call.arguments.count == 1, case .string(let text) = call.arguments[0].node,
                text.drop(while: { $0 != "{" }).dropFirst().first(where: { !$0.isWhitespace })
                    == "{"
            else { return nil }
            let pairs = try explicitCast(
                try bind(call.arguments[0]), to: .array(.array(.text)), false, place)
            return try apply("\(name) of pairs", [pairs], place)
        case "array_fill": return try filledArray(call, place)
        case "timeofday":
            guard call.arguments.isEmpty else { return nil }
            let format = Expression.literal(
                .text("Dy Mon DD HH24:MI:SS.US YYYY TZ"), .text)
            return try apply("to_char", [try apply("clock_timestamp", [], place), format], place)
        case "proctime":
            throw SQLError(
                "PROCTIME() stands only as the time of a window and in FOR SYSTEM_TIME AS OF",
                .featureNotSupported, at: place)
        default: return nil
        }
    }

    /// array_fill of several dimensions, which are as many as the sizes that are written.
    private func filledArray(
        _ call: CallSyntax, _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        guard call.arguments.count > 1, case .array(let sizes) = call.arguments[1].node else {
            return nil
        }
        if call.arguments.count == 3 { try checkBounds(call.arguments[2]) }
        let list = try bind(Array(call.arguments.prefix(2)))
        guard list[0].type != .unknown, sizes.count > 1 || call.arguments.count == 3 else {
            return nil
        }
        let function = FunctionRegistry.filledArray(
            of: list[0].type, dimensions: sizes.count)
        return .call(
            function, try coerce(list, to: function.parameters, place), function.result)
    }

    /// Lower bounds of arrays are 1.
    private func checkBounds(_ syntax: SyntaxExpression) throws(SQLError) {
        if case .array(let bounds) = syntax.node,
            bounds.allSatisfy({ if case .integer("1") = $0.node { true } else { false } })
        {
            return
        }
        throw SQLError(
            "arrays whose subscripts do not begin at 1 are not supported", .featureNotSupported,
            at: syntax.place)
    }

    /// The common type; an error stands at the first that does not fit those before it.
    func commonType(
        _ types: [DataType], _ places: [Range<Int>], _ construct: String
    ) throws(SQLError) -> DataType {
        do {
            return try FunctionRegistry.commonType(types, for: construct)
        } catch {
            for count in 2...max(2, types.count) {
                let known = Array(types.prefix(count))
                guard (try? FunctionRegistry.commonType(known, for: construct)) == nil else {
                    continue
                }
                return try placed(places[min(count, places.count) - 1]) { () throws(SQLError) in
                    try FunctionRegistry.commonType(known, for: construct)
                }
            }
            throw error
        }
    }

    /// The arguments, cast to their common type.
    func unified(
        _ list: [SyntaxExpression], _ construct: String, _ place: Range<Int>
    ) throws(SQLError) -> [Expression] {
        guard !list.isEmpty else {
            throw SQLError("syntax error at or near \")\"", .syntaxError, at: place)
        }
        let bound = try bind(list)
        let type = try commonType(bound.map(\.type), list.map(\.start), construct)
        var coerced: [Expression] = []
        for (expression, syntax) in zip(bound, list) {
            coerced.append(try coerce(expression, to: type, syntax.place))
        }
        return coerced
    }

    func array(_ list: [SyntaxExpression], _ place: Range<Int>) throws(SQLError) -> Expression {
        guard !list.isEmpty else {
            throw SQLError(
                "cannot determine type of empty array", .indeterminateDatatype, at: place,
                hint: "Explicitly cast to the desired type, for example ARRAY[]::integer[].")
        }
        let items = try unified(list, "ARRAY", place)
        try checkDimensions(list, place)
        return .array(items, .array(items[0].type))
    }

    /// Arrays that are written within one array have the same length.
    private func checkDimensions(
        _ list: [SyntaxExpression], _ place: Range<Int>
    ) throws(SQLError) {
        var length: Int?
        for item in list {
            guard case .array(let inner) = item.node else { continue }
            guard (length ?? inner.count) == inner.count else {
                throw SQLError(
                    "multidimensional arrays must have array expressions with matching dimensions",
                    .arraySubscriptError, at: place)
            }
            length = inner.count
        }
    }

    func subscripted(
        _ base: SyntaxExpression, _ index: SyntaxExpression, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let value = try bind(base)
        let position = try bind(index)
        switch value.type {
        case .array(let element):
            if case .sliced = base.node, case .array = element {
                // PostgreSQL takes such a subscript for a slice.
                throw SQLError(
                    "slices and subscripts of one array are not supported together",
                    .featureNotSupported, at: place,
                    hint: "Write the subscript as a slice: [1:2] instead of [2].")
            }
            let number = try coerce(position, to: .integer, index.place)
            return try placed(place) { () throws(SQLError) in
                let function = try FunctionRegistry.scalar("[]", [value.type, .integer])
                return .call(function, [value, number], element)
            }
        case .json, .jsonb:
            // As a path, in which the text of a number is a position too.
            let step = try explicitCast(position, to: .text, false, index.place)
            return try apply("#>", [value, .array([step], .array(.text))], place)
        case .record(let fields):
            if case .literal(.text(let name), _) = position {
                return try member(value, Name(name, isQuoted: true, index.place))
            }
            _ = fields
            fallthrough
        default:
            throw SQLError(
                "cannot subscript type \(value.type.typeName) because it does not support "
                    + "subscripting", .datatypeMismatch, at: base.place)
        }
    }

    func sliced(
        _ base: SyntaxExpression, _ low: SyntaxExpression?, _ high: SyntaxExpression?,
        _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let value = try bind(base)
        guard case .array = value.type else {
            throw SQLError(
                "cannot subscript type \(value.type.typeName) because it does not support "
                    + "subscripting", .datatypeMismatch, at: base.place)
        }
        var bounds: [Expression] = []
        for bound in [low, high] {
            guard let bound else {
                bounds.append(.literal(.null, .integer))
                continue
            }
            bounds.append(try coerce(try bind(bound), to: .integer, bound.place))
        }
        return try apply("[:]", [value] + bounds, place)
    }
}

// Assignments to elements and members.
extension ExpressionBinder {
    /// The whole value of a column in which UPDATE sets a part.
    func assignedPart(
        _ base: SyntaxExpression, _ steps: [SyntaxExpression], _ value: SyntaxExpression
    ) throws(SQLError) -> Expression {
        let whole = try bind(base)
        guard whole.type != .jsonb else {
            return try assignedMember(whole, steps, value, base.figuredColumn)
        }
        return try assignedElement(whole, steps[...], value, base)
    }

    private func assignedElement(
        _ whole: Expression, _ steps: ArraySlice<SyntaxExpression>, _ value: SyntaxExpression,
        _ base: SyntaxExpression
    ) throws(SQLError) -> Expression {
        guard let step = steps.first else { return whole }
        guard case .array(let element) = whole.type else {
            throw SQLError(
                "cannot subscript type \(whole.type.typeName) because it does not support "
                    + "subscripting", .datatypeMismatch, at: base.place)
        }
        let position = try coerce(try bind(step), to: .integer, step.place)
        let new: Expression
        if steps.count > 1 {
            let function = try FunctionRegistry.scalar("[]", [whole.type, .integer])
            let old = Expression.call(function, [whole, position], element)
            new = try assignedElement(old, steps.dropFirst(), value, base)
        } else {
            new = try binder.assign(
                try bind(value), to: .init(base.figuredColumn, element), value.place)
        }
        let function = FunctionRegistry.assignedElement(of: whole.type, element)
        return .call(function, [whole, position, new], whole.type)
    }

    private func assignedMember(
        _ whole: Expression, _ steps: [SyntaxExpression], _ value: SyntaxExpression,
        _ column: String
    ) throws(SQLError) -> Expression {
        var path: [Expression] = []
        var beginsWithNumber = false
        for (index, step) in steps.enumerated() {
            let bound = try bind(step)
            guard bound.type.isInteger || bound.type.isText else {
                throw SQLError(
                    "subscript type \(bound.type.typeName) is not supported", .datatypeMismatch,
                    at: step.place,
                    hint: "jsonb subscript must be coercible to either integer or text.")
            }
            if index == 0 { beginsWithNumber = bound.type.isInteger }
            path.append(try explicitCast(bound, to: .text, false, step.place))
        }
        let bound = try bind(value)
        guard bound.type == .unknown || bound.type == .jsonb else {
            throw SQLError(
                "subscripted assignment to \"\(column)\" requires type jsonb but expression "
                    + "is of type \(bound.type.typeName)", .datatypeMismatch, at: value.start,
                hint: "You will need to rewrite or cast the expression.")
        }
        let new = try coerce(bound, to: .jsonb, value.place)
        return try apply(
            "[jsonb]=",
            [whole, .array(path, .array(.text)), .boolean(beginsWithNumber), new], value.place)
    }
}

extension SyntaxExpression {
    /// The column that an assignment is to.
    fileprivate var figuredColumn: String {
        switch node {
        case .name(let parts): parts.last?.text ?? ""
        case .assignedPart(let base, _, _): base.figuredColumn
        default: ""
        }
    }
}
