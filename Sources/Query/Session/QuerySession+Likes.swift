import Aggregation
import Formats
import SQL

// CREATE TABLE (LIKE other): the elements of the other, as they would be written.
extension QuerySession {
    func withLikes(
        _ elements: [TableDefinition.Element]
    ) throws(SQLError) -> [TableDefinition.Element] {
        var all: [TableDefinition.Element] = []
        for element in elements {
            guard case .like(let name, let including) = element else {
                all.append(element)
                continue
            }
            all += try columns(like: name, including)
        }
        return all
    }

    private func columns(
        like name: Name, _ including: Set<String>
    ) throws(SQLError) -> [TableDefinition.Element] {
        guard let found = try catalog.find(name), let entry = catalog.entries[found] else {
            throw catalog.missing(name)
        }
        guard case .table(let table) = entry, let syntax = table.definition.syntax else {
            // Of a view the columns alone.
            let query = QuerySyntax(.table(name), name.place)
            return try prepare(query).columns.map { field in
                var column = ColumnDefinition(Name(field.name, isQuoted: true, name.place))
                column.resolvedType = field.type.stored
                return .column(column)
            }
        }
        return syntax.elements.compactMap { element in
            switch element {
            case .column(let column): .column(column.copied(including))
            case .primaryKey, .unique:
                including.contains("INDEXES") ? element.withoutName : nil
            case .check: including.contains("CONSTRAINTS") ? element : nil
            case .star, .watermark, .like: nil
            }
        }
    }
}

extension TableDefinition.Element {
    /// A key's name is the other table's.
    fileprivate var withoutName: TableDefinition.Element {
        if case .unique(let names, _) = self { return .unique(names, name: nil) }
        return self
    }
}

extension ColumnDefinition {
    fileprivate func copied(_ including: Set<String>) -> ColumnDefinition {
        var column = self
        // An identity has a sequence of its own; a serial's default goes on with the other's.
        column.ownedSequence = nil
        if identity != nil {
            column.defaultValue = nil
            column.expressionText = nil
            if !including.contains("IDENTITY") { column.identity = nil }
        } else if generated != nil {
            if !including.contains("GENERATED") {
                column.generated = nil
                column.expressionText = nil
            }
        } else if !including.contains("DEFAULTS") {
            column.defaultValue = nil
            column.expressionText = nil
        }
        return column
    }
}
