import Aggregation
import Formats

/// A column that a name can mean: what computes it over the rows of the query's FROM.
struct ScopeColumn {
    var name: String
    var expression: Expression
    /// Not part of `*`.
    var isHidden = false
    /// What it counts, if it is a number and the watermark's time.
    var epochUnit: EpochUnit?
}

/// A relation of FROM under its alias.
struct ScopeTable {
    var alias: String
    var columns: [ScopeColumn]
    /// The relation's own name, where an alias hides it.
    var original: String?
    /// Null where an outer join found no row of it: then its row as a whole is null.
    var presence: Expression?
    /// The rows of a function that gives single values: a row as a whole is its value.
    var isScalar = false
}

/// The names of one FROM, and the scopes around it. Made by the binder for each SELECT (and for the
/// left side of each join while its right side is bound); an expression of an inner query sees the
/// columns of outer ones through it as `outer`.
final class Scope {
    let tables: [ScopeTable]
    /// What is visible without a qualifier, in the order of `*`. Columns that USING merged come
    /// first and once.
    let columns: [ScopeColumn]
    let parent: Scope?
    /// False while a relation is bound that may not look at its neighbours (no LATERAL): the scope
    /// counts as a level, but its names are not seen.
    var isVisible: Bool
    /// Where aggregates of an inner query go that belong to this one.
    var calls: SelectCalls?
    /// WINDOW name AS (...), those that build on others resolved.
    var windows: [(Name, WindowSyntax)] = []

    init(
        tables: [ScopeTable] = [], columns: [ScopeColumn] = [], parent: Scope?,
        isVisible: Bool = true
    ) {
        self.tables = tables
        self.columns = columns
        self.parent = parent
        self.isVisible = isVisible
    }

    func window(_ name: Name) -> WindowSyntax? {
        windows.first { name.means($0.0.text) }?.1
    }

    /// `table.column`, as PostgreSQL names a column that is not grouped.
    func qualifiedName(of index: Int) -> String? {
        for table in tables {
            for column in table.columns {
                if case .column(index, _) = column.expression {
                    return "\(table.alias).\(column.name)"
                }
            }
        }
        return nil
    }

    /// What a column counts that is a number and a time of the watermark; nil: it is none.
    func epochUnit(of expression: Expression) -> EpochUnit? {
        switch expression {
        case .column(let index, _):
            for column in tables.lazy.flatMap(\.columns) where column.epochUnit != nil {
                if case .column(index, _) = column.expression { return column.epochUnit }
            }
            return nil
        case .outer(let index, let depth, let type):
            var scope: Scope? = self
            for _ in 0..<depth { scope = scope?.parent }
            return scope?.epochUnit(of: .column(index, type))
        default: return nil
        }
    }

    /// How many levels out `other` lies (nil: past the outermost).
    func levels(to other: Scope?) -> Int {
        var count = 0
        var scope: Scope? = self
        while let current = scope, current !== other {
            count += 1
            scope = current.parent
        }
        return count
    }

    /// What was found, and how many parts of the name it took; the rest are members.
    struct Found {
        var expression: Expression
        /// As the relation spells it.
        var name: String
        var parts: Int
        var depth: Int
    }

    /// Looks a name up: a relation's alias and its column in the scopes from the innermost, then a
    /// column alone, of which the rest of the name are members. An alias further out so stands
    /// before a column that has its name.
    func find(_ parts: [Name]) throws(SQLError) -> Found? {
        if let found = try first({ (scope) throws(SQLError) in try scope.qualified(parts) }) {
            return found
        }
        let alone = try first { (scope) throws(SQLError) in
            guard let column = try scope.column(parts[0], in: scope.columns) else { return nil }
            return (column, 1)
        }
        if let alone { return alone }
        return try first { (scope) throws(SQLError) in try scope.lookUpByEnding(parts) }
    }

    private func first(
        _ lookUp: (Scope) throws(SQLError) -> (ScopeColumn, Int)?
    ) throws(SQLError) -> Found? {
        var scope: Scope? = self
        var depth = 0
        while let current = scope {
            if current.isVisible, let (column, count) = try lookUp(current) {
                return Found(
                    expression: column.expression.seenFromInside(depth), name: column.name,
                    parts: count, depth: depth)
            }
            scope = current.parent
            depth += 1
        }
        return nil
    }

    private func qualified(_ parts: [Name]) throws(SQLError) -> (ScopeColumn, Int)? {
        guard let table = try table(parts),
            let found = try column(parts[table.parts], in: table.table.columns)
        else { return nil }
        return (found, table.parts + 1)
    }

    /// `orders.id` and `public.orders.id` of `FROM shop.public.orders`, as in PostgreSQL; only for
    /// what would mean nothing else.
    private func lookUpByEnding(_ parts: [Name]) throws(SQLError) -> (ScopeColumn, Int)? {
        var count = parts.count - 1
        while count > 0 {
            if let table = try table(endingIn: Array(parts[..<count])),
                let found = try column(parts[count], in: table.columns)
            {
                return (found, count + 1)
            }
            count -= 1
        }
        return nil
    }

    func table(endingIn parts: [Name]) throws(SQLError) -> ScopeTable? {
        let isQuoted = parts.contains { $0.isQuoted }
        let name = Name(parts.dotted, isQuoted: isQuoted, parts.place ?? 0..<0)
        let dotted = tables.indices.filter { tables[$0].alias.utf8.contains(UInt8(ascii: ".")) }
        let endings = dotted.map { index in
            tables[index].alias.split(separator: ".").suffix(parts.count).joined(separator: ".")
        }
        switch NameMatch(name, in: endings) {
        case .one(let index): return tables[dotted[index]]
        case .none: return nil
        case .ambiguous:
            throw SQLError(
                "table reference \"\(name.text)\" is ambiguous", .ambiguousName, at: name.place)
        }
    }

    /// The table that the first parts name, where at least one part is left for the column.
    private func table(_ parts: [Name]) throws(SQLError) -> (table: ScopeTable, parts: Int)? {
        var count = parts.count - 1
        while count > 0 {
            if let table = try table(named: Array(parts[..<count])) { return (table, count) }
            count -= 1
        }
        return nil
    }

    func table(named parts: [Name]) throws(SQLError) -> ScopeTable? {
        let isQuoted = parts.contains { $0.isQuoted }
        let name = Name(parts.dotted, isQuoted: isQuoted, parts.place ?? 0..<0)
        switch NameMatch(name, in: tables.lazy.map(\.alias)) {
        case .one(let index): return tables[index]
        case .none: return nil
        case .ambiguous:
            throw SQLError(
                "table reference \"\(name.text)\" is ambiguous", .ambiguousName, at: name.place)
        }
    }

    private func column(
        _ name: Name, in columns: [ScopeColumn]
    ) throws(SQLError) -> ScopeColumn? {
        switch NameMatch(name, in: columns.lazy.map(\.name)) {
        case .one(let index): return columns[index]
        case .none: return nil
        case .ambiguous:
            // What a record or a line has beside its value; a member of that name, which data may
            // bring at any time, is `(t).name`.
            let own = columns.filter { $0.isHidden && name.means($0.name) }
            if own.count == 1 { return own[0] }
            throw SQLError(
                "column reference \"\(name.text)\" is ambiguous", .ambiguousName, at: name.place)
        }
    }

    /// The row of a relation, for `SELECT t FROM t`.
    func wholeRow(_ name: Name) throws(SQLError) -> Expression? {
        var scope: Scope? = self
        var depth = 0
        while let current = scope {
            if current.isVisible, let table = try current.table(named: [name]) {
                let columns = table.columns.filter { !$0.isHidden }
                let type = DataType.record(columns.map { Field($0.name, $0.expression.type) })
                var row = Expression.record(columns.map(\.expression), type)
                if table.isScalar, columns.count == 1 { row = columns[0].expression }
                if let presence = table.presence {
                    row = .choice([.init(presence, row)], otherwise: nil, row.type)
                }
                return row.seenFromInside(depth)
            }
            scope = current.parent
            depth += 1
        }
        return nil
    }

    /// Why a name is not found, with what stands nearest.
    func missing(_ parts: [Name]) -> SQLError {
        let place = parts.place
        if let hidden = hiddenTable(parts) {
            return SQLError(
                "invalid reference to FROM-clause entry for table \"\(hidden)\"",
                .undefinedRelation, at: place,
                hint: "There is an entry for table \"\(hidden)\", but it cannot be referenced "
                    + "from this part of the query.")
        }
        let name = parts[parts.count - 1]
        var tables: [ScopeTable] = []
        var names: [String] = []
        var scope: Scope? = self
        while let current = scope {
            if current.isVisible {
                tables += current.tables
                names += current.columns.map(\.name)
            }
            scope = current.parent
        }
        guard parts.count > 1 else {
            return SQLError(
                "column \"\(name.text)\" does not exist", .undefinedColumn, at: place,
                hint: name.isQuoted
                    ? "Double quotes are for names; text stands in single ones: '\(name.text)'."
                    : nil
            ).suggesting(names, for: name.text)
        }
        let qualifier = Array(parts.dropLast())
        guard let table = tables.first(where: { Scope.means(qualifier, $0.alias) }) else {
            if names.contains(where: { parts[0].means($0) }) {
                return SQLError(
                    "column \"\(parts.dotted)\" does not exist", .undefinedColumn, at: place)
            }
            if let hidden = tables.first(where: { parts[0].means($0.original ?? "") }) {
                return SQLError(
                    "invalid reference to FROM-clause entry for table \"\(parts[0].text)\"",
                    .undefinedRelation, at: place,
                    hint: "Perhaps you meant to reference the table alias \"\(hidden.alias)\".")
            }
            return SQLError(
                "missing FROM-clause entry for table \"\(qualifier.dotted)\"", .undefinedRelation,
                at: place
            ).suggesting(tables.map(\.alias), for: qualifier.dotted)
        }
        return SQLError(
            "column \(qualifier.dotted).\(name.text) does not exist", .undefinedColumn, at: place
        ).suggesting(table.columns.map(\.name), for: name.text)
    }

    private func hiddenTable(_ parts: [Name]) -> String? {
        guard parts.count > 1 else { return nil }
        var scope: Scope? = self
        while let current = scope {
            if !current.isVisible,
                let table = current.tables.first(where: { parts[0].means($0.alias) })
            {
                return table.alias
            }
            scope = current.parent
        }
        return nil
    }

    private static func means(_ parts: [Name], _ alias: String) -> Bool {
        Name(parts.dotted, isQuoted: parts.contains { $0.isQuoted }, 0..<0).means(alias)
    }
}
