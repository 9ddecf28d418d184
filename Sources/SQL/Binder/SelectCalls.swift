import Aggregation
import Formats

/// Column numbers that stand for what is computed above FROM: an aggregate's result, a window
/// function's, the row of a table function, GROUPING(). They are replaced when the plan above FROM
/// is built.
enum Placeholder {
    static let aggregate = 1 << 40
    static let window = 2 << 40
    static let table = 3 << 40
    static let grouping = 4 << 40

    static func kind(_ index: Int) -> Int { (index >> 40) << 40 }
    static func number(_ index: Int) -> Int { index & (aggregate - 1) }
}

/// The calls that the expressions of one SELECT contain, gathered while they are bound.
final class SelectCalls {
    var aggregates: [AggregateCall] = []
    var windows: [WindowCall] = []
    var tables: [TableFunctionCall] = []
    /// Arguments of ordered-set aggregates that are a group's, not a row's, over FROM.
    var direct: [(argument: Expression, place: Range<Int>)] = []
    /// Arguments of GROUPING(), over FROM.
    var groupings: [([Expression], Range<Int>)] = []
    /// Where a column stands outside of aggregates, for the error that it is not grouped.
    var uses: [Int: (name: String, place: Range<Int>)] = [:]

    struct WindowCall {
        var call: OverCall
        var partition: [Expression]
        var order: [SortKey]
    }

    /// The same call is computed once.
    func add(_ call: AggregateCall) -> Int {
        if let index = aggregates.firstIndex(where: { $0.isSame(as: call) }) {
            return Placeholder.aggregate + index
        }
        aggregates.append(call)
        return Placeholder.aggregate + aggregates.count - 1
    }
}

extension SelectCalls {
    /// The numbers of the table functions whose rows the expressions use, arguments of others among
    /// them too.
    func tableCalls(in expressions: [Expression]) -> Set<Int> {
        var found: Set<Int> = []
        for expression in expressions {
            _ = expression.replacing { inner, depth in
                if depth == 0, let number = inner.tablePlaceholder { found.insert(number) }
                return nil
            }
        }
        for number in found { found.formUnion(tableCalls(in: tables[number].arguments)) }
        return found
    }
}

extension Expression {
    /// The number of the table function whose row it stands for.
    var tablePlaceholder: Int? {
        guard case .column(let index, _) = self, Placeholder.kind(index) == Placeholder.table else {
            return nil
        }
        return Placeholder.number(index)
    }
}

extension AggregateCall {
    func isSame(as other: AggregateCall) -> Bool {
        function.name == other.function.name && function.parameters == other.function.parameters
            && type == other.type && isDistinct == other.isDistinct
            && Expression.areSame(arguments, other.arguments)
            && Expression.areSame(
                [filter].compactMap { $0 }, [other.filter].compactMap { $0 })
            && order.isSame(as: other.order)
    }
}

extension [SortKey] {
    func isSame(as other: [SortKey]) -> Bool {
        count == other.count
            && zip(self, other).allSatisfy {
                $0.isDescending == $1.isDescending && $0.nullsFirst == $1.nullsFirst
                    && $0.expression.isSame(as: $1.expression)
            }
    }
}
