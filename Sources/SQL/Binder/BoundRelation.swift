import Aggregation
import Formats

/// What a query or a FROM item is once bound: a plan, and how its columns are seen.
struct BoundRelation {
    var plan: Plan
    var tables: [ScopeTable] = []
    /// Visible without a qualifier, in the order of `*`; hidden ones behind.
    var columns: [ScopeColumn] = []
    /// Of each relation in it whose rows have a key: the key and its columns, by their numbers.
    var keyed: [KeyedColumns] = []

    /// Columns that are known where those of `key` are.
    struct KeyedColumns {
        var key: [Int]
        var columns: Range<Int>
    }

    init(_ plan: Plan) { self.plan = plan }

    /// A plan under one alias; `hidden` says which of its columns are not part of `*`.
    init(_ plan: Plan, alias: String, hidden: Set<Int> = []) {
        self.plan = plan
        columns = plan.columns.enumerated().map { index, field in
            ScopeColumn(
                name: field.name, expression: .column(index, field.type),
                // What a session names for itself begins so.
                isHidden: hidden.contains(index) || field.name.utf8.first == 1)
        }
        tables = [ScopeTable(alias: alias, columns: columns)]
        if let key = plan.facts.key, !key.isEmpty {
            keyed = [KeyedColumns(key: key, columns: plan.columns.indices)]
        }
        noteTimes()
    }

    /// Marks the columns that are numbers and times of the watermark.
    mutating func noteTimes() {
        guard let unit = plan.facts.epochUnit else { return }
        func noted(_ column: ScopeColumn) -> ScopeColumn {
            guard case .column(let index, _) = column.expression,
                plan.moment(ofNumber: index) != nil
            else { return column }
            var noted = column
            noted.epochUnit = unit
            return noted
        }
        columns = columns.map(noted)
        for index in tables.indices { tables[index].columns = tables[index].columns.map(noted) }
    }

    /// `AS alias (names)`.
    mutating func rename(_ alias: Name?, _ names: [Name]) throws(SQLError) {
        guard alias != nil || !names.isEmpty else { return }
        let old = tables.first?.alias ?? ""
        let label = alias?.text ?? old
        let visible = columns.filter { !$0.isHidden }
        guard names.count <= visible.count else {
            throw SQLError(
                "table \"\(label)\" has \(visible.count) columns available but \(names.count) "
                    + "columns specified", .invalidColumnReference, at: names.place)
        }
        var position = 0
        for index in columns.indices where !columns[index].isHidden {
            guard position < names.count else { break }
            columns[index].name = names[position].text
            position += 1
        }
        tables = [
            ScopeTable(
                alias: label, columns: columns, original: old == label ? nil : old,
                isScalar: tables.first?.isScalar ?? false)
        ]
    }

    /// The columns of a FROM behind `width` others.
    func shifted(_ width: Int) -> BoundRelation {
        func shift(_ column: ScopeColumn) -> ScopeColumn {
            var shifted = column
            shifted.expression = column.expression.mapColumns { $0 + width }
            return shifted
        }
        var relation = self
        relation.columns = columns.map(shift)
        relation.tables = tables.map {
            ScopeTable(
                alias: $0.alias, columns: $0.columns.map(shift), original: $0.original,
                presence: $0.presence?.mapColumns { $0 + width }, isScalar: $0.isScalar)
        }
        relation.keyed = keyed.map {
            KeyedColumns(
                key: $0.key.map { $0 + width },
                columns: $0.columns.lowerBound + width..<$0.columns.upperBound + width)
        }
        return relation
    }

    /// One side of an outer join that may find no row of it, with a column more that is true: by it
    /// the rows of relations whose alias is among the names are told from none.
    func marked(for names: Set<String>) -> BoundRelation {
        let wanted = tables.indices.filter {
            tables[$0].presence == nil && names.contains(tables[$0].alias.lowercased())
        }
        guard !wanted.isEmpty else { return self }
        var relation = self
        relation.plan = plan.projected(
            plan.columnExpressions + [.literal(.boolean(true), .boolean)],
            plan.columns.map(\.name) + [""])
        let presence = Expression.column(plan.columns.count, .boolean)
        for index in wanted { relation.tables[index].presence = presence }
        return relation
    }

    func scope(parent: Scope?, isVisible: Bool = true) -> Scope {
        Scope(tables: tables, columns: columns, parent: parent, isVisible: isVisible)
    }
}

extension Plan {
    /// Columns that nothing gave a type (literals in quotes, NULL) are text.
    var withoutUnknown: Plan {
        get throws(SQLError) {
            guard columns.contains(where: { $0.type == .unknown }) else { return self }
            return try retyped(
                columns.map { $0.type == .unknown ? .text : $0.type }, SessionSettings())
        }
    }

    /// The same rows with columns cast; literals of a projection or of VALUES are read as their
    /// new type.
    func retyped(
        _ types: [DataType], _ settings: SessionSettings
    ) throws(SQLError) -> Plan {
        guard zip(columns, types).contains(where: { $0.type != $1 }) else { return self }
        let fields = zip(columns, types).map { Field($0.name, $1) }
        func cast(_ list: [Expression]) throws(SQLError) -> [Expression] {
            var result: [Expression] = []
            for (expression, type) in zip(list, types) {
                result.append(try ConstantFolding.cast(expression, to: type, settings))
            }
            return result
        }
        switch node {
        case .project(let input, let list): return .make(.project(input, try cast(list)), fields)
        case .values(let rows):
            var mapped: [[Expression]] = []
            for row in rows { mapped.append(try cast(row)) }
            return .make(.values(mapped), fields)
        default: return .make(.project(self, try cast(columnExpressions)), fields)
        }
    }
}
