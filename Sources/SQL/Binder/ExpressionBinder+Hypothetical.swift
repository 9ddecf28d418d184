import Aggregation
import Formats

// rank(a) WITHIN GROUP (ORDER BY k): where a row of these values would stand among the others. All
// four follow from how many rows come before it, so they are counts.
extension ExpressionBinder {
    /// nil: it is no such call.
    func hypothetical(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> Expression? {
        let names: Set<String> = ["rank", "dense_rank", "percent_rank", "cume_dist"]
        guard !call.withinGroup.isEmpty, names.contains(name) else { return nil }
        guard call.arguments.count == call.withinGroup.count else {
            var types: [String] = []
            for syntax in call.arguments + call.withinGroup.map(\.expression) {
                types.append(try bind(syntax).type.typeName)
            }
            throw SQLError(
                "function \(name)(\(types.joined(separator: ", "))) does not exist",
                .undefinedFunction, at: place,
                hint: "To use the hypothetical-set aggregate \(name), the number of hypothetical "
                    + "direct arguments (here \(call.arguments.count)) must match the number of "
                    + "ordering columns (here \(call.withinGroup.count)).")
        }
        var inner = self
        inner.inAggregate = true
        try inner.noteDirect(call.arguments, try inner.bind(call.arguments), place)
        let rows = HypotheticalRows(call, place)
        let formula: SyntaxExpression
        switch name {
        case "rank": formula = rows.plus(rows.count(rows.before), 1)
        case "dense_rank": formula = rows.plus(rows.distinctBefore, 1)
        case "percent_rank":
            let total = rows.count(nil)
            let share = rows.node(
                .binary("/", rows.double(rows.count(rows.before)), rows.double(total)))
            let isEmpty = rows.node(.binary("=", total, rows.integer(0)))
            formula = rows.node(
                .choice(operand: nil, [(isEmpty, rows.double(rows.integer(0)))], otherwise: share))
        default:
            formula = rows.node(
                .binary(
                    "/", rows.double(rows.plus(rows.count(rows.notAfter), 1)),
                    rows.double(rows.plus(rows.count(nil), 1))))
        }
        return try bind(formula)
    }
}

/// Writes the conditions and counts of a hypothetical row.
private struct HypotheticalRows {
    private let call: CallSyntax
    private let place: Range<Int>

    init(_ call: CallSyntax, _ place: Range<Int>) {
        self.call = call
        self.place = place
    }

    func node(_ node: SyntaxExpression.Node) -> SyntaxExpression { SyntaxExpression(node, place) }
    func integer(_ value: Int) -> SyntaxExpression { node(.integer("\(value)")) }
    func plus(_ value: SyntaxExpression, _ number: Int) -> SyntaxExpression {
        node(.binary("+", value, integer(number)))
    }
    func double(_ value: SyntaxExpression) -> SyntaxExpression {
        node(.cast(value, TypeName("double precision", place), isTry: false))
    }

    /// Rows that sort before it; those that do, or are its peers.
    var before: SyntaxExpression { condition(0, includingPeers: false) }
    var notAfter: SyntaxExpression { condition(0, includingPeers: true) }

    /// Key by key: before, or the same and before by the next ones.
    private func condition(_ index: Int, includingPeers: Bool) -> SyntaxExpression {
        let item = call.withinGroup[index]
        let (key, value) = (item.expression, call.arguments[index])
        let less = node(.binary(item.isDescending ? ">" : "<", key, value))
        let nullsFirst = item.nullsFirst ?? item.isDescending
        let (null, other) = nullsFirst ? (key, value) : (value, key)
        let byNull = node(
            .and(
                node(.isTest(null, "NULL", isNegated: false)),
                node(.isTest(other, "NULL", isNegated: true))))
        // A comparison with null is no answer, and FILTER takes that for no.
        let first = node(.or(byNull, less))
        let isLast = index + 1 == call.withinGroup.count
        if isLast, !includingPeers { return first }
        let same = node(.isDistinct(key, value, isNegated: true))
        if isLast { return node(.or(first, same)) }
        return node(
            .or(first, node(.and(same, condition(index + 1, includingPeers: includingPeers)))))
    }

    func count(_ condition: SyntaxExpression?) -> SyntaxExpression {
        var count = CallSyntax(Name("count", isQuoted: false, place), [])
        count.isStar = true
        count.filter = filter(condition)
        return node(.call(count))
    }

    var distinctBefore: SyntaxExpression {
        // As a row, for nulls count.
        let row = node(.row(call.withinGroup.map(\.expression)))
        var count = CallSyntax(Name("count", isQuoted: false, place), [row])
        count.isDistinct = true
        count.filter = filter(before)
        return node(.call(count))
    }

    private func filter(_ condition: SyntaxExpression?) -> SyntaxExpression? {
        guard let own = call.filter, let condition else { return condition ?? call.filter }
        return node(.and(own, condition))
    }
}
