import Aggregation
import Formats

extension Binder {
    /// A CHECK of a table, over its columns in their order, and the columns that it names.
    public func check(
        _ condition: SyntaxExpression, _ table: String, _ columns: [Field]
    ) throws(SQLError) -> (condition: Expression, columns: [Int]) {
        let visible = columns.enumerated().map {
            ScopeColumn(name: $1.name, expression: .column($0, $1.type))
        }
        let scope = Scope(
            tables: [ScopeTable(alias: table, columns: visible)], columns: visible, parent: nil)
        let binder = ExpressionBinder(self, QueryContext(scope: scope), .check)
        let bound = try binder.condition(condition, "CHECK")
        return (bound, bound.columns.sorted())
    }
}
