import Aggregation
import Formats

// What the catalog knows: relations, views, sources with generated columns.
extension Binder {
    func stored(
        _ kind: RelationReference.Kind, alias: String, _ syntax: RelationSyntax
    ) throws(SQLError) -> BoundRelation {
        let reference = try reference(kind, syntax)
        let entry = try self.entry(
            reference, syntax.alias?.text ?? alias, mayWait: syntax.mayWait)
        switch entry {
        case .relation(let relation):
            let alias = alias.isEmpty ? relation.name : alias
            return try scan(relation, alias: alias, reference)
        case .view(let name, let columns, let query):
            var view = try self.view(name, columns, query, syntax.place)
            view.tables[0].alias = alias
            if let watermark = syntax.stream?.watermark {
                try declare(watermark, on: &view, syntax.place)
            }
            return view
        case .derived(let relation, let definition):
            var derived = try self.derived(relation, definition, alias: alias)
            if let watermark = syntax.stream?.watermark {
                try declare(watermark, on: &derived, syntax.place)
            }
            return derived
        }
    }

    func reference(
        _ kind: RelationReference.Kind, _ syntax: RelationSyntax
    ) throws(SQLError) -> RelationReference {
        var reference = RelationReference(kind, syntax.place)
        guard let modifiers = syntax.stream else { return reference }
        reference.isStream = modifiers.isStream && !modifiers.isBounded
        reference.isBounded = modifiers.isBounded
        if let watermark = modifiers.watermark {
            let bound = try self.watermark(watermark)
            reference.watermark = (watermark.column, bound.delay, bound.idle)
        }
        return reference
    }

    /// Asked once a name.
    func entry(
        _ reference: RelationReference, _ alias: String, mayWait: Bool = false
    ) throws(SQLError) -> CatalogEntry {
        let key = reference.key
        if let entry = entries[key] { return entry }
        let names = try wanted(alias, mayWait: mayWait)
        var reference = reference
        reference.expected = names == nil ? [] : wanted?.expected(of: alias) ?? []
        reference.expectedPaths = wanted?.expectedPaths(of: alias) ?? []
        let entry = try placed(reference.place) { () throws(SQLError) in
            try catalog.relation(reference, wanted: names)
        }
        entries[key] = entry
        return entry
    }

    private func scan(
        _ relation: any Relation, alias: String, _ reference: RelationReference
    ) throws(SQLError) -> BoundRelation {
        let columns = relation.columns.enumerated().map {
            ScanColumn($0.offset, $0.element.type)
        }
        var scan = ScanPlan(columns)
        if let time = relation.time, time.column < columns.count {
            let column = Expression.column(time.column, columns[time.column].type)
            scan.time = ScanTime(
                try EpochTime.time(column, relation.columns[time.column].name, time.unit),
                delay: time.delay, idle: time.idle)
        } else if let watermark = reference.watermark {
            let names = relation.columns.map(\.name)
            switch NameMatch(watermark.column, in: names) {
            case .one(let index):
                let column = Expression.column(index, columns[index].type)
                scan.time = ScanTime(
                    try placed(watermark.column.place) { () throws(SQLError) in
                        try EpochTime.time(column, watermark.column.text)
                    }, delay: watermark.delay, idle: watermark.idle)
            case .none, .ambiguous:
                throw SQLError(
                    "column \"\(watermark.column.text)\" does not exist", .undefinedColumn,
                    at: watermark.column.place
                ).suggesting(names, for: watermark.column.text)
            }
        }
        let fields = relation.columns.map { Field($0.name, $0.type) }
        let hidden = relation.columns.indices.filter { relation.columns[$0].isHidden }
        return BoundRelation(
            .make(.scan(relation, scan), fields), alias: alias, hidden: Set(hidden))
    }

    /// A view is bound in place of its name, with nothing around it but the catalog.
    private func view(
        _ name: String, _ columns: [Name], _ query: QuerySyntax, _ place: Range<Int>
    ) throws(SQLError) -> BoundRelation {
        guard !openViews.contains(name) else {
            throw SQLError(
                "infinite recursion detected in rules for relation \"\(name)\"",
                .invalidRecursion, at: place)
        }
        if let bound = views[name] { return bound }
        openViews.append(name)
        defer { openViews.removeLast() }
        want(WantedNames(query))
        do {
            let bound = try self.query(query, QueryContext())
            var view = BoundRelation(try bound.plan.withoutUnknown, alias: name)
            try view.rename(nil, columns)
            views[name] = view
            return view
        } catch {
            // Places inside the view's own text mean nothing in this statement's.
            var outside = error
            outside.place = place
            throw outside
        }
    }

    /// CREATE SOURCE with a list of columns: some of the relation's, and generated ones.
    private func derived(
        _ relation: any Relation, _ definition: TableDefinition, alias: String
    ) throws(SQLError) -> BoundRelation {
        let reference = RelationReference(.name([definition.name]), definition.name.place)
        let base = try scan(relation, alias: alias, reference)
        var list: [Expression] = []
        var columns: [ScopeColumn] = []
        func add(_ name: String, _ expression: Expression, isHidden: Bool = false) {
            columns.append(
                ScopeColumn(
                    name: name, expression: .column(list.count, expression.type),
                    isHidden: isHidden))
            list.append(expression)
        }
        // Generated columns see the relation's and those before them.
        var seen = base.columns
        func bind(_ syntax: SyntaxExpression) throws(SQLError) -> Expression {
            let scope = Scope(
                tables: [ScopeTable(alias: alias, columns: seen)], columns: seen, parent: nil)
            return try ExpressionBinder(self, QueryContext(scope: scope), .generated).bind(syntax)
        }
        let named = definition.elements.compactMap { element -> Name? in
            if case .column(let column) = element { return column.name }
            return nil
        }
        for element in definition.elements {
            switch element {
            case .star:
                for column in base.columns
                where !column.isHidden && !named.contains(where: { $0.means(column.name) }) {
                    add(column.name, column.expression)
                }
            case .column(let column):
                let value = try self.column(column, base, bind)
                add(column.name.text, value)
                seen.removeAll { column.name.means($0.name) }
                seen.append(ScopeColumn(name: column.name.text, expression: value))
            case .watermark, .primaryKey, .unique, .check, .like: break
            }
        }
        if list.isEmpty {
            for column in base.columns where !column.isHidden {
                add(column.name, column.expression)
            }
        }
        for column in base.columns
        where column.isHidden && !columns.contains(where: { $0.name == column.name }) {
            add(column.name, column.expression, isHidden: true)
        }
        var result = BoundRelation(base.plan.projected(list, columns.map(\.name)))
        result.columns = columns
        result.tables = [ScopeTable(alias: alias, columns: columns)]
        for element in definition.elements {
            guard case .watermark(let watermark) = element else { continue }
            try declare(watermark, on: &result, definition.place)
        }
        return result
    }

    private func column(
        _ column: ColumnDefinition, _ base: BoundRelation,
        _ bind: (SyntaxExpression) throws(SQLError) -> Expression
    ) throws(SQLError) -> Expression {
        var value: Expression
        if let generated = column.generated {
            value = try bind(generated)
        } else {
            let name =
                column.metadata.map { Name($0, isQuoted: false, column.name.place) }
                ?? column.name
            var index = base.columns.firstIndex { name.means($0.name) }
            if index == nil, column.metadata != nil {
                index = base.columns.firstIndex { $0.name == "_" + name.text.lowercased() }
            }
            guard let index else {
                throw SQLError(
                    "column \"\(name.text)\" does not exist", .undefinedColumn, at: name.place
                ).suggesting(base.columns.map(\.name), for: name.text)
            }
            value = base.columns[index].expression
        }
        guard let type = column.type else {
            return value.type == .unknown ? .cast(value, .text, isTry: false) : value
        }
        let target = try type.resolved(in: catalog)
        let binder = ExpressionBinder(self, QueryContext(), .generated)
        return try binder.explicitCast(value, to: target, false, type.place)
    }
}

extension RelationReference {
    /// The same name elsewhere in the text has the same key.
    fileprivate var key: String {
        let suffix = "|\(isStream)|\(watermark?.column.text ?? "")|\(watermark?.delay ?? -1)"
        switch kind {
        case .name(let parts):
            let names = parts.map { $0.isQuoted ? "\"\($0.text)\"" : $0.text }
            return "name:" + names.joined(separator: ".") + suffix
        case .literal(let text): return "literal:" + text + suffix
        case .function(let name, let arguments, let named):
            return "function:\(name)\(arguments)\(named)" + suffix
        }
    }
}
