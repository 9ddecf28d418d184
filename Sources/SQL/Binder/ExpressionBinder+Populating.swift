import Aggregation
import Formats

// json_populate_record(row, document) and its kin: the row with what the document has of its
// members. They are written out, member by member.
extension ExpressionBinder {
    /// Whether a function of the name gives a row for each element of an array; nil: another.
    static func populates(_ name: String) -> Bool? {
        switch name {
        case "json_populate_record", "jsonb_populate_record": false
        case "json_populate_recordset", "jsonb_populate_recordset": true
        default: nil
        }
    }

    /// In an expression; nil: it is another call.
    func populated(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        guard let isSet = Self.populates(name), call.arguments.count == 2 else { return nil }
        let base = try bind(call.arguments[0])
        guard isSet else {
            return try filled(base, try bind(call.arguments[1]), name, call.arguments[0].place)
        }
        let prefix = name.hasPrefix("jsonb") ? "jsonb" : "json"
        let elements = CallSyntax(
            Name("\(prefix)_array_elements", isQuoted: false, call.name.place),
            [call.arguments[1]])
        let document = try tableCall(elements, elements.functionName, place)
        return try filled(base, document, name, call.arguments[0].place)
    }

    /// The members of `base` from the document, or else its own.
    func filled(
        _ base: Expression, _ document: Expression, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        guard case .record(let fields) = base.type else {
            throw SQLError(
                "first argument of \(name) must be a row type", .datatypeMismatch, at: place)
        }
        let document = try coerce(
            document, to: name.hasPrefix("jsonb") ? .jsonb : .json, place)
        var members: [Expression] = []
        for (field, own) in zip(fields, base.members(fields)) {
            let key = Name(field.name, isQuoted: true, place)
            let found = try binder.member(key, of: document, as: field.type, self)
            let value = try explicitCast(found, to: field.type, false, place)
            guard !base.isNullLiteral else {
                members.append(value)
                continue
            }
            let entry = try apply(
                "->", [document, .literal(.text(field.name), .unknown)], place)
            members.append(
                .choice([.init(.isNull(entry), own)], otherwise: value, field.type))
        }
        return .record(members, .record(fields))
    }
}
