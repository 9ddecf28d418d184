import Aggregation
import Formats

extension ExpressionBinder {
    func literal(_ expression: SyntaxExpression) throws(SQLError) -> Expression {
        let place = expression.place
        switch expression.node {
        case .null: return .literal(.null, .unknown)
        case .boolean(let value): return .boolean(value)
        case .integer(let digits), .decimal(let digits): return try number(digits, place)
        case .string(let text): return .literal(.text(text), .unknown)
        case .bits, .hexBits:
            throw SQLError("bit strings are not supported", .featureNotSupported, at: place)
        case .interval(let text, let fields): return try interval(text, fields, place)
        case .parameter(let number):
            let bound = binder.parameters.bound
            if number >= 1, number <= bound.count { return bound[number - 1] }
            guard number >= 1, number <= binder.parameters.positional.count else {
                throw SQLError(
                    "there is no parameter $\(number)", .undefinedParameter, at: place,
                    hint: "Give it with --param \(number)=VALUE.")
            }
            return parameter(binder.parameters.positional[number - 1])
        case .namedParameter(let name):
            guard let value = binder.parameters.named[name] else {
                throw SQLError(
                    "there is no parameter :\(name)", .undefinedParameter, at: place,
                    hint: "Give it with --param \(name)=VALUE."
                ).suggesting(Array(binder.parameters.named.keys), for: name)
            }
            return parameter(value)
        case .keywordValue(let word, let digits):
            let value = try keyword(word, place)
            let modifiers = digits.map { [$0] } ?? []
            return try rounded(value, TypeName(word, modifiers: modifiers, place), place)
        default:
            throw SQLError("unexpected expression", .internalError, at: place)
        }
    }

    private func number(_ digits: String, _ place: Range<Int>) throws(SQLError) -> Expression {
        if let value = Int64(digits) {
            let isShort = Int32(exactly: value) != nil
            return .literal(.integer(value), isShort ? .integer : .bigint)
        }
        return try constant(
            .cast(.literal(.text(digits), .text), .anyNumeric, isTry: false), place)
    }

    private func interval(
        _ text: String, _ fields: String?, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let fields = fields.map { IntervalFields($0) }
        let value = try constant(
            .cast(
                .literal(.text(fields?.complete(text) ?? text), .text), .interval, isTry: false),
            place)
        guard let fields, case .literal(.interval(let whole), _) = value else { return value }
        let kept = Expression.literal(.interval(fields.keep(whole)), .interval)
        guard let digits = fields.digits,
            let function = TimePrecision.function(.interval, digits: digits)
        else { return kept }
        return try constant(
            .call(function, [kept, .literal(.integer(Int64(digits)), .integer)], .interval), place)
    }

    private func parameter(_ value: Value) -> Expression {
        switch value {
        case .null, .text: .literal(value, .unknown)
        case .boolean: .literal(value, .boolean)
        case .integer(let number):
            .literal(value, Int32(exactly: number) == nil ? .bigint : .integer)
        case .double: .literal(value, .double)
        case .numeric: .literal(value, .anyNumeric)
        case .interval: .literal(value, .interval)
        case .bytes: .literal(value, .bytea)
        case .array, .record: .literal(value, .unknown)
        }
    }

    private func keyword(_ word: String, _ place: Range<Int>) throws(SQLError) -> Expression {
        switch word {
        case "CURRENT_TIMESTAMP": return .now(.timestamptz)
        case "LOCALTIMESTAMP": return .cast(.now(.timestamptz), .timestamp, isTry: false)
        case "CURRENT_DATE": return .cast(.now(.timestamptz), .date, isTry: false)
        case "CURRENT_TIME", "LOCALTIME": return .cast(.now(.timestamptz), .time, isTry: false)
        case "CURRENT_USER", "SESSION_USER", "USER", "CURRENT_ROLE", "CURRENT_CATALOG":
            return .literal(.text("rtd"), .text)
        case "CURRENT_SCHEMA": return .literal(.text("public"), .text)
        case "DEFAULT":
            throw SQLError("DEFAULT is not allowed in this context", .syntaxError, at: place)
        default:
            throw SQLError("\(word) is not supported", .featureNotSupported, at: place)
        }
    }

    /// An expression without columns as the literal that it is.
    func constant(_ expression: Expression, _ place: Range<Int>) throws(SQLError) -> Expression {
        try placed(place) { () throws(SQLError) in
            try ConstantFolding.value(of: expression, binder.settings)
        }
    }
}

// Casts.
extension ExpressionBinder {
    func cast(
        _ operand: SyntaxExpression, _ name: TypeName, _ isTry: Bool, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let type: DataType
        if let row = rowType(name) {
            type = row
        } else {
            type = try name.resolved(in: binder.catalog)
        }
        if case .array(let list) = operand.node, case .array(let element) = type {
            var inner = name
            inner.arrayDepth -= 1
            // PostgreSQL's integer[] has any number of dimensions: so has a literal cast to it.
            let isNested = list.contains { if case .array = $0.node { true } else { false } }
            if isNested, inner.arrayDepth == 0 { inner.arrayDepth = 1 }
            var items: [Expression] = []
            for syntax in list {
                items.append(try cast(syntax, inner, isTry, syntax.place))
            }
            return .array(items, .array(items.first?.type ?? element))
        }
        let value = try explicitCast(
            try bind(operand), to: type.withDimensions(of: operand), isTry, operand.place,
            castPlace: place)
        let result = try rounded(value, name, place)
        return name.domain(in: binder.catalog)?.checked(result) ?? result
    }

    /// The name of a table is the type of its rows; nil: it is another type, or none.
    private func rowType(_ name: TypeName) -> DataType? {
        guard name.members.isEmpty, name.modifiers.isEmpty, (try? name.resolved()) == nil,
            let fields = binder.catalog.rowType(name.name)
        else { return nil }
        var type = DataType.record(fields)
        for _ in 0..<name.arrayDepth { type = .array(type) }
        return type
    }

    /// timestamp(3): digits of the second, which a cast rounds to.
    func rounded(
        _ value: Expression, _ name: TypeName, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        guard let digits = name.modifiers.first, name.arrayDepth == 0,
            let function = TimePrecision.function(value.type, digits: digits)
        else { return value }
        let call = Expression.call(
            function, [value, .literal(.integer(Int64(max(0, digits))), .integer)], value.type)
        return value.isLiteral ? try constant(call, place) : call
    }

    func explicitCast(
        _ expression: Expression, to type: DataType, _ isTry: Bool, _ place: Range<Int>,
        castPlace: Range<Int>? = nil
    ) throws(SQLError) -> Expression {
        let type = type.withDimensions(of: expression.type)
        if expression.type == type { return expression }
        if expression.isNullLiteral { return .literal(.null, type) }
        if case .literal(.text(let text), .unknown) = expression {
            let cast = Expression.cast(.literal(.text(text), .text), type, isTry: isTry)
            if type == .text { return .literal(.text(text), .text) }
            return try constant(cast, place)
        }
        if type == .json || type == .jsonb, expression.type.holdsObjects {
            let text = try apply("to_json", [expression], place)
            return type == .json ? text : .cast(text, .jsonb, isTry: isTry)
        }
        guard Cast.context(from: expression.type, to: type) != nil else {
            if type.isTime, let moment = moment(expression) {
                return try explicitCast(moment, to: type, isTry, place)
            }
            throw SQLError(
                "cannot cast type \(expression.type.typeName) to \(type.typeName)",
                .cannotCoerce, at: castPlace ?? place)
        }
        let cast = Expression.cast(expression, type, isTry: isTry)
        return expression.isLiteral ? try constant(cast, place) : cast
    }

    /// A cast that nobody wrote.
    func coerce(
        _ expression: Expression, to type: DataType, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        if expression.type == type { return expression }
        if expression.isNullLiteral { return .literal(.null, type) }
        if case .literal(.text, .unknown) = expression {
            return try explicitCast(expression, to: type, false, place)
        }
        if case .record(let list, _) = expression, case .record(let fields) = type,
            list.count == fields.count
        {
            var members: [Expression] = []
            for (member, field) in zip(list, fields) {
                members.append(try coerce(member, to: field.type, place))
            }
            return .record(members, type)
        }
        if case .array(let list, _) = expression, case .array(let element) = type {
            var items: [Expression] = []
            for item in list { items.append(try coerce(item, to: element, place)) }
            return .array(items, type)
        }
        let cast = Expression.cast(expression, type, isTry: false)
        return expression.isLiteral ? try constant(cast, place) : cast
    }

    func coerce(
        _ list: [Expression], to types: [DataType], _ place: Range<Int>,
        at places: [Range<Int>] = []
    ) throws(SQLError) -> [Expression] {
        var coerced: [Expression] = []
        for (index, expression) in list.enumerated() {
            let type = index < types.count ? types[index] : (types.last ?? expression.type)
            let own = index < places.count ? places[index] : place
            coerced.append(try coerce(expression, to: type, own))
        }
        return coerced
    }
}

extension DataType {
    /// The same of a cast of an array of arrays.
    fileprivate func withDimensions(of other: DataType) -> DataType {
        guard case .array(let element) = self, case .array(let inner) = other else { return self }
        if case .array = element { return self }
        var type = self
        var rest = inner
        while case .array(let deeper) = rest {
            type = .array(type)
            rest = deeper
        }
        return type
    }

    /// PostgreSQL's integer[] has any number of dimensions: so has a literal that is cast to it.
    fileprivate func withDimensions(of literal: SyntaxExpression) -> DataType {
        guard case .string(let text) = literal.node, case .array(let element) = self else {
            return self
        }
        if case .array = element { return self }
        var depth = 0
        // [1:2][0:1]= may stand before.
        let braces = text.drop { $0 != "{" }
        for character in braces {
            if character == "{" { depth += 1 } else if !character.isWhitespace { break }
        }
        var type = self
        for _ in 0..<max(0, min(depth, FormatLimits.arrayDepthMax + 1) - 1) { type = .array(type) }
        return type
    }
}

extension Expression {
    var isNullLiteral: Bool {
        if case .literal(.null, _) = self { return true }
        return false
    }
}
