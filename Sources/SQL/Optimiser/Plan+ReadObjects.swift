import Aggregation
import Formats

extension Plan {
    /// Whether the objects of a column were read, as JSON. Those that a query makes with ROW(...),
    /// and those of tables of the session, are SQL's rows.
    func readsObjects(_ column: Int) -> Bool {
        var known: [SharedColumn: Bool] = [:]
        return readsObjects(column, &known)
    }

    fileprivate func readsObjects(_ column: Int, _ known: inout [SharedColumn: Bool]) -> Bool {
        switch node {
        case .scan(let relation, _): return !relation.isInMemory
        case .project(let input, let list): return list[column].readsObjects(of: input, &known)
        case .aggregate(let input, let aggregate):
            let expressions =
                column < aggregate.keys.count
                ? [aggregate.keys[column]]
                : aggregate.calls.dropFirst(column - aggregate.keys.count).first?.arguments ?? []
            for one in expressions where one.readsObjects(of: input, &known) { return true }
            return false
        case .join(let left, let right, _):
            let width = left.columns.count
            return column < width
                ? left.readsObjects(column, &known)
                : column - width < right.columns.count
                    && right.readsObjects(column - width, &known)
        case .union(let inputs):
            for input in inputs where input.readsObjects(column, &known) { return true }
            return false
        case .shared(let shared):
            let key = SharedColumn(id: shared.id, column: column)
            if let answer = known[key] { return answer }
            let answer = shared.plan.readsObjects(column, &known)
            known[key] = answer
            return answer
        default:
            for input in children {
                // What is computed beside the input's columns may be of any of them.
                let columns =
                    column < input.columns.count
                    ? [column]
                    : input.columns.indices.filter { input.columns[$0].type.holdsObjects }
                for column in columns where input.readsObjects(column, &known) { return true }
            }
            return false
        }
    }
}

extension Expression {
    fileprivate func readsObjects(
        of input: Plan, _ known: inout [SharedColumn: Bool]
    ) -> Bool {
        switch self {
        case .record: return false
        case .column(let index, _):
            return index < input.columns.count && input.readsObjects(index, &known)
        default:
            for child in children
            where child.type.holdsObjects && child.readsObjects(of: input, &known) { return true }
            return false
        }
    }
}

/// A column of a shared plan, of which something is found out once.
struct SharedColumn: Hashable {
    var id: Int
    var column: Int
}
