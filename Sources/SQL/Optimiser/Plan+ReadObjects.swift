import Aggregation
import Formats

extension Plan {
    /// Whether the objects of a column were read, as JSON. Those that a query makes with ROW(...),
    /// and those of tables of the session, are SQL's rows.
    func readsObjects(_ column: Int) -> Bool {
        switch node {
        case .scan(let relation, _): return !relation.isInMemory
        case .project(let input, let list): return list[column].readsObjects(of: input)
        case .aggregate(let input, let aggregate):
            let expressions =
                column < aggregate.keys.count
                ? [aggregate.keys[column]]
                : aggregate.calls.dropFirst(column - aggregate.keys.count).first?.arguments ?? []
            return expressions.contains { $0.readsObjects(of: input) }
        case .join(let left, let right, _):
            let width = left.columns.count
            return column < width
                ? left.readsObjects(column)
                : column - width < right.columns.count && right.readsObjects(column - width)
        case .union(let inputs): return inputs.contains { $0.readsObjects(column) }
        default:
            return children.contains { input in
                // What is computed beside the input's columns may be of any of them.
                column < input.columns.count
                    ? input.readsObjects(column)
                    : input.columns.indices.contains {
                        input.columns[$0].type.holdsObjects && input.readsObjects($0)
                    }
            }
        }
    }
}

extension Expression {
    fileprivate func readsObjects(of input: Plan) -> Bool {
        switch self {
        case .record: return false
        case .column(let index, _):
            return index < input.columns.count && input.readsObjects(index)
        default:
            return children.contains { $0.type.holdsObjects && $0.readsObjects(of: input) }
        }
    }
}
