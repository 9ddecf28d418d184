import Aggregation
import Formats

extension ExpressionBinder {
    /// The function or operator that the name means for these arguments, applied to them.
    func apply(
        _ name: String, _ arguments: [Expression], _ place: Range<Int>,
        at places: [Range<Int>] = []
    ) throws(SQLError) -> Expression {
        if let rows = try compareRows(name, arguments, place) { return rows }
        if let documents = try documents(name, arguments, place) {
            return try apply(name, documents, place, at: places)
        }
        let arguments = try embedded(name, arguments, place)
        return try placed(place) { () throws(SQLError) in
            let (function, arguments) = try resolved(name, arguments)
            let coerced = try coerce(arguments, to: function.parameters, place, at: places)
            return .call(function, coerced, function.result)
        }
    }

    /// What the name means for the arguments. Where it means nothing, time columns that are numbers
    /// stand for the moments that they mean.
    private func resolved(
        _ name: String, _ arguments: [Expression]
    ) throws(SQLError) -> (ScalarFunction, [Expression]) {
        do {
            return (try FunctionRegistry.scalar(name, arguments.map(\.type)), arguments)
        } catch {
            guard error.state == .undefinedFunction else { throw error }
            let moments = arguments.map { moment($0) ?? $0 }
            guard let function = try? FunctionRegistry.scalar(name, moments.map(\.type)) else {
                throw error
            }
            return (function, moments)
        }
    }

    /// A number that is a time of the watermark, as a timestamp; else nil.
    func moment(_ expression: Expression) -> Expression? {
        guard expression.type.isNumber, let unit = scope?.epochUnit(of: expression) else {
            return nil
        }
        return EpochTime.time(number: expression, unit)
    }

    /// The arguments of a JSON operator whose left side was read from JSON as a record or an array:
    /// what is written for documents also holds for inputs whose members all have one type.
    private func documents(
        _ name: String, _ arguments: [Expression], _ place: Range<Int>
    ) throws(SQLError) -> [Expression]? {
        guard ["->", "->>", "#>", "#>>"].contains(name), arguments.count == 2 else { return nil }
        switch arguments[0].type {
        case .record, .array: return [try apply("to_json", [arguments[0]], place), arguments[1]]
        default: return nil
        }
    }

    /// What is put into JSON, or looked at as jsonb, as it was read.
    private func embedded(
        _ name: String, _ arguments: [Expression], _ place: Range<Int>
    ) throws(SQLError) -> [Expression] {
        let isBuilt =
            ["json_build_object", "json_build_array", "to_jsonb"].contains(name)
            || ["jsonb_build_object", "jsonb_build_array"].contains(name)
        guard isBuilt, arguments.contains(where: \.isRead) else { return arguments }
        var list: [Expression] = []
        for argument in arguments {
            list.append(argument.isRead ? try apply("to_json", [argument], place) : argument)
        }
        return list
    }

    func unary(
        _ symbol: String, _ operand: SyntaxExpression, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        // -9223372036854775808 and -2147483648 are of the smaller type.
        if symbol == "-", case .integer(let digits) = operand.node, let value = Int64("-" + digits)
        {
            let isShort = Int32(exactly: value) != nil
            return .literal(.integer(value), isShort ? .integer : .bigint)
        }
        let bound = try bind(operand)
        if symbol == "+", bound.type.isNumber { return bound }
        let result = try apply(symbol, [bound], place)
        return bound.isLiteral ? try constant(result, place) : result
    }

    func logic(_ expression: SyntaxExpression) throws(SQLError) -> Expression {
        var list: [Expression] = []
        var rest = expression
        // Long chains lean to the left: walked, not recursed into.
        var right: [SyntaxExpression] = []
        var isAnd = false
        if case .and = expression.node { isAnd = true }
        while true {
            if isAnd, case .and(let a, let b) = rest.node {
                right.append(b)
                rest = a
            } else if !isAnd, case .or(let a, let b) = rest.node {
                right.append(b)
                rest = a
            } else {
                break
            }
        }
        for part in [rest] + right.reversed() {
            list.append(try condition(part, isAnd ? "AND" : "OR"))
        }
        return isAnd ? .and(list) : .or(list)
    }

    func pattern(
        _ like: SyntaxExpression.Like, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let name =
            switch like.kind {
            case .like: "like"
            case .ilike: "ilike"
            case .similar: "similar to"
            }
        var arguments = [try bind(like.operand), try bind(like.pattern)]
        if let escape = like.escape { arguments.append(try bind(escape)) }
        let result = try apply(name, arguments, place)
        return like.isNegated ? .not(result) : result
    }

    func between(_ expression: SyntaxExpression) throws(SQLError) -> Expression {
        guard
            case .between(
                let operand, let lowSyntax, let highSyntax, let isSymmetric, let isNegated) =
                expression.node
        else { return try bind(expression) }
        let place = expression.place
        let (a, b, c) = (try bind(operand), try bind(lowSyntax), try bind(highSyntax))
        func inside(_ low: Expression, _ high: Expression) throws(SQLError) -> Expression {
            let start = try apply(">=", [a, low], place, at: [operand.place, lowSyntax.place])
            let end = try apply("<=", [a, high], place, at: [operand.place, highSyntax.place])
            return .and([start, end])
        }
        var result = try inside(b, c)
        if isSymmetric { result = .or([result, try inside(c, b)]) }
        return isNegated ? .not(result) : result
    }

    func isTest(
        _ operand: SyntaxExpression, _ test: String, _ isNegated: Bool, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        var result: Expression
        switch test {
        case "NULL":
            let bound = try bind(operand)
            if bound.isRead {
                // An object is there or not, whatever its members are.
                result = .isNull(try apply("to_json", [bound], place))
            } else if case .record(let fields) = bound.type {
                return nullRow(bound, fields, isNegated)
            } else {
                result = .isNull(bound)
            }
        case "TRUE", "FALSE":
            let bound = try condition(operand, "IS \(isNegated ? "NOT " : "")\(test)")
            result = .not(.isDistinct(bound, .boolean(test == "TRUE")))
        case "UNKNOWN": result = .isNull(try condition(operand, "IS UNKNOWN"))
        case let form where form.hasSuffix("NORMALIZED"):
            let name = form.split(separator: " ").first.map(String.init) ?? ""
            result = try apply(
                "is_normalized",
                [
                    try bind(operand),
                    .literal(.text(name == "NORMALIZED" ? "NFC" : name), .text),
                ], place)
        default:
            let kind = test.split(separator: " ").last.map { $0.lowercased() } ?? "value"
            result = try apply(
                "[is json]",
                [try bind(operand), .literal(.text(kind == "json" ? "value" : kind), .text)],
                place)
        }
        if isNegated { result = .not(result) }
        return result
    }

    /// A row is null if all its members are, and not null if none is; a row inside is a value,
    /// which is null only if it is absent.
    private func nullRow(
        _ row: Expression, _ fields: [Field], _ isNegated: Bool
    ) -> Expression {
        let members = row.members(fields)
        let tests = members.map { member -> Expression in
            var test = Expression.isNull(member)
            if case .record = member {
                test = .boolean(false)
            } else if case .record = member.type {
                test = .not(.isDistinct(member, .literal(.null, member.type)))
            }
            return isNegated ? .not(test) : test
        }
        let all = Expression.all(tests) ?? .boolean(!isNegated)
        if case .record = row { return all }
        return isNegated ? .and([.not(.isNull(row)), all]) : .or([.isNull(row), all])
    }

    func isDistinct(
        _ a: SyntaxExpression, _ b: SyntaxExpression, _ isNegated: Bool, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let (left, right) = (try bind(a), try bind(b))
        let result = try distinct(left, right, place, [a.place, b.place])
        return isNegated ? .not(result) : result
    }

    private func distinct(
        _ left: Expression, _ right: Expression, _ place: Range<Int>,
        _ places: [Range<Int>] = []
    ) throws(SQLError) -> Expression {
        if case .record(let fields) = left.type, case .record(let others) = right.type {
            var list: [Expression] = []
            for (x, y) in zip(left.members(fields), right.members(others)) {
                list.append(try distinct(x, y, place))
            }
            return list.isEmpty ? .boolean(false) : .or(list)
        }
        return try placed(place) { () throws(SQLError) in
            let function = try FunctionRegistry.scalar("=", [left.type, right.type])
            let sides = try coerce(
                [left, right], to: function.parameters, place, at: places)
            return .isDistinct(sides[0], sides[1])
        }
    }

    func inList(
        _ operand: SyntaxExpression, _ list: [SyntaxExpression], _ isNegated: Bool,
        _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let bound = try bind(operand)
        let items = try bind(list)
        var result = try constantSet(bound, items, list, place)
        if result == nil {
            var tests: [Expression] = []
            for item in items { tests.append(try apply("=", [bound, item], place)) }
            result = tests.count == 1 ? tests[0] : .or(tests)
        }
        let test = result ?? .boolean(false)
        return isNegated ? .not(test) : test
    }

    /// IN over literals is a set, if they have a type in common with the operand.
    private func constantSet(
        _ operand: Expression, _ items: [Expression], _ list: [SyntaxExpression],
        _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        if case .record = operand.type { return nil }
        guard items.count > 1, items.allSatisfy(\.isConstant),
            let type = try? FunctionRegistry.commonType([operand.type] + items.map(\.type)),
            // Equal values of jsonb are not equal texts.
            type != .jsonb,
            (try? FunctionRegistry.scalar("=", [type, type])) != nil
        else { return nil }
        var values: [Value] = []
        var hasNull = false
        for (item, syntax) in zip(items, list) {
            let cast = try coerce(item, to: type, syntax.place)
            guard case .literal(let value, _) = try constant(cast, syntax.place) else { return nil }
            if value.isNull { hasNull = true } else { values.append(value) }
        }
        return .isIn(try coerce(operand, to: type, place), values, hasNull: hasNull)
    }

    /// LIKE ANY and its kin are operators like others.
    static let patternSymbols = [
        "LIKE": "~~", "NOT LIKE": "!~~", "ILIKE": "~~*", "NOT ILIKE": "!~~*",
    ]

    func quantifiedArray(
        _ operand: SyntaxExpression, _ symbol: String, _ isAll: Bool, _ array: SyntaxExpression,
        _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        var left = try bind(operand)
        var right = try bind(array)
        let symbol = ExpressionBinder.patternSymbols[symbol] ?? symbol
        if left.type == .unknown, case .array(.text) = right.type {
            left = try coerce(left, to: .text, operand.place)
        }
        if right.type == .unknown {
            let element = left.type == .unknown ? DataType.text : left.type
            right = try coerce(right, to: .array(element), array.place)
        }
        guard case .array(let element) = right.type else {
            throw SQLError(
                "op ANY/ALL (array) requires array on right side", .wrongObjectType, at: place)
        }
        if case .array(let items, _) = right {
            var tests: [Expression] = []
            for item in items { tests.append(try test(symbol, left, item, place)) }
            if tests.isEmpty { return .boolean(isAll) }
            return isAll ? .and(tests) : .or(tests)
        }
        if case .literal(.array(let values), _) = right {
            var tests: [Expression] = []
            for value in values {
                tests.append(try test(symbol, left, .literal(value, element), place))
            }
            if tests.isEmpty { return .boolean(isAll) }
            return isAll ? .and(tests) : .or(tests)
        }
        return try apply(
            isAll ? "[all]" : "[any]",
            [left, .literal(.text(symbol), .text), right], place)
    }

    private func test(
        _ symbol: String, _ left: Expression, _ item: Expression, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let test = try apply(symbol, [left, item], place)
        if test.type == .boolean { return test }
        throw SQLError(
            "op ANY/ALL (array) requires operator to yield boolean", .wrongObjectType, at: place)
    }
}

// Rows.
extension ExpressionBinder {
    /// A comparison of rows is one of their members.
    private func compareRows(
        _ name: String, _ arguments: [Expression], _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        guard arguments.count == 2, case .record(let left) = arguments[0].type,
            case .record(let right) = arguments[1].type,
            ["=", "<>", "!=", "<", "<=", ">", ">="].contains(name)
        else { return nil }
        guard left.count == right.count else {
            throw SQLError(
                "unequal number of entries in row expressions", .syntaxError, at: place)
        }
        guard !left.isEmpty else {
            throw SQLError("cannot compare rows of zero length", .featureNotSupported, at: place)
        }
        let pairs = Array(zip(arguments[0].members(left), arguments[1].members(right)))
        switch name {
        case "=", "<>", "!=":
            var tests: [Expression] = []
            for (a, b) in pairs { tests.append(try apply(name, [a, b], place)) }
            return name == "=" ? .all(tests) : tests.count == 1 ? tests[0] : .or(tests)
        default: return try orderRows(name, pairs[...], place)
        }
    }

    /// `=` and `<>` of records that are not both written out as rows: nulls in them are values,
    /// equal to each other. nil: something else is compared.
    func sameRecords(
        _ name: String, _ sides: [Expression], _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        guard ["=", "<>", "!="].contains(name), case .record(let left) = sides[0].type,
            case .record(let right) = sides[1].type, left.count == right.count, !left.isEmpty
        else { return nil }
        let differ = try distinct(sides[0], sides[1], place)
        // A record that is null, such as an outer join's.
        let nulls = sides.map { side -> Expression in
            guard case .record(let list, _) = side else { return .isNull(side) }
            return .and(list.map { .isNull($0) })
        }
        return .choice(
            [.init(.or(nulls), .literal(.null, .boolean))],
            otherwise: name == "=" ? .not(differ) : differ, .boolean)
    }

    /// a < b where the firsts differ, else by the rest.
    private func orderRows(
        _ name: String, _ pairs: ArraySlice<(Expression, Expression)>, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        guard let (a, b) = pairs.first, pairs.count > 1 else {
            let pair = pairs.first.map { [$0.0, $0.1] } ?? []
            return try apply(name, pair, place)
        }
        let strict = name.hasPrefix("<") ? "<" : ">"
        return .or([
            try apply(strict, [a, b], place),
            .and([
                try apply("=", [a, b], place), try orderRows(name, pairs.dropFirst(), place),
            ]),
        ])
    }
}

extension Expression {
    /// A column that holds objects, or a member inside one.
    var isRead: Bool { access != nil && type.holdsObjects }

    func members(_ fields: [Field]) -> [Expression] {
        if case .record(let list, _) = self { return list }
        return fields.enumerated().map { .member(self, $0.offset, $0.element.type) }
    }
}
