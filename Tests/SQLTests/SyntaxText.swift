import Formats

@testable import SQL

/// Syntax as text, with every operator in parentheses; made to be compared.
enum SyntaxText {
    static func of(_ expression: SyntaxExpression) -> String {
        switch expression.node {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .integer(let digits), .decimal(let digits): digits
        case .string(let text): "'\(text)'"
        case .bits(let digits): "b'\(digits)'"
        case .hexBits(let digits): "x'\(digits)'"
        case .interval(let text, let fields): "interval '\(text)'\(fields.map { " " + $0 } ?? "")"
        case .name(let parts): dotted(parts)
        case .star(let star): of(star)
        case .parameter(let number): "$\(number)"
        case .namedParameter(let name): ":\(name)"
        case .unary(let symbol, let operand): "(\(symbol) \(of(operand)))"
        case .binary(let symbol, let left, let right): "(\(of(left)) \(symbol) \(of(right)))"
        case .and(let left, let right): "(\(of(left)) and \(of(right)))"
        case .or(let left, let right): "(\(of(left)) or \(of(right)))"
        case .not(let operand): "(not \(of(operand)))"
        case .call(let call): of(call)
        case .scalarQuery(let query): "{\(of(query))}"
        case .exists(let query): "exists{\(of(query))}"
        case .arrayQuery(let query): "array{\(of(query))}"
        case .array(let list): "array[\(commas(list))]"
        case .row(let list): "row(\(commas(list)))"
        case .grouping(let list): "grouping(\(commas(list)))"
        case .keywordValue(let word, let precision): word + (precision.map { "(\($0))" } ?? "")
        default: predicate(expression)
        }
    }

    private static func predicate(_ expression: SyntaxExpression) -> String {
        func no(_ isNegated: Bool) -> String { isNegated ? "not " : "" }
        switch expression.node {
        case .like(let like):
            let escape = like.escape.map { " escape " + of($0) } ?? ""
            return "(\(of(like.operand)) \(no(like.isNegated))\(like.kind) "
                + "\(of(like.pattern))\(escape))"
        case .isTest(let operand, let test, let isNegated):
            return "(\(of(operand)) is \(no(isNegated))\(test))"
        case .isDistinct(let left, let right, let isNegated):
            return "(\(of(left)) is \(no(isNegated))distinct from \(of(right)))"
        case .between(let operand, let low, let high, let isSymmetric, let isNegated):
            return "(\(of(operand)) \(no(isNegated))between\(isSymmetric ? " symmetric" : "") "
                + "\(of(low)) .. \(of(high)))"
        case .inList(let operand, let list, let isNegated):
            return "(\(of(operand)) \(no(isNegated))in (\(commas(list))))"
        case .inQuery(let operand, let query, let isNegated):
            return "(\(of(operand)) \(no(isNegated))in {\(of(query))})"
        case .quantifiedQuery(let operand, let symbol, let isAll, let query):
            return "(\(of(operand)) \(symbol) \(isAll ? "all" : "any"){\(of(query))})"
        case .quantifiedArray(let operand, let symbol, let isAll, let array):
            return "(\(of(operand)) \(symbol) \(isAll ? "all" : "any")(\(of(array))))"
        default: return postfix(expression)
        }
    }

    private static func postfix(_ expression: SyntaxExpression) -> String {
        switch expression.node {
        case .choice(let operand, let branches, let otherwise):
            let head = operand.map { " " + of($0) } ?? ""
            let body = branches.map { " when \(of($0.0)) then \(of($0.1))" }.joined()
            return "case\(head)\(body)\(otherwise.map { " else " + of($0) } ?? "") end"
        case .cast(let operand, let type, let isTry):
            return "\(isTry ? "try_" : "")cast(\(of(operand)) as \(of(type)))"
        case .subscripted(let operand, let index): return "\(of(operand))[\(of(index))]"
        case .sliced(let operand, let low, let high):
            return "\(of(operand))[\(low.map(of) ?? ""):\(high.map(of) ?? "")]"
        case .member(let operand, let name): return "(\(of(operand))).\(quoted(name))"
        case .collate(let operand, let name): return "(\(of(operand)) collate \(quoted(name)))"
        case .atTimeZone(let operand, let zone): return "(\(of(operand)) at zone \(of(zone)))"
        default: return "?"
        }
    }

    static func quoted(_ name: Name) -> String {
        name.isQuoted ? "\"\(name.text)\"" : name.text
    }

    static func dotted(_ parts: [Name]) -> String { parts.map(quoted).joined(separator: ".") }

    static func commas(_ list: [SyntaxExpression]) -> String {
        list.map(of).joined(separator: ", ")
    }

    private static func of(_ star: SyntaxExpression.Star) -> String {
        var text = star.qualifier.isEmpty ? "*" : dotted(star.qualifier) + ".*"
        if !star.excluded.isEmpty {
            text += " exclude (\(star.excluded.map(quoted).joined(separator: ", ")))"
        }
        if !star.replaced.isEmpty {
            text += " replace (\(star.replaced.map(of).joined(separator: ", ")))"
        }
        return text
    }

    static func of(_ type: TypeName) -> String {
        var text = type.name
        if !type.members.isEmpty {
            text +=
                "(\(type.members.map { "\(quoted($0.0)) \(of($0.1))" }.joined(separator: ", ")))"
        }
        if !type.modifiers.isEmpty {
            text += "(\(type.modifiers.map(String.init).joined(separator: ",")))"
        }
        return text + String(repeating: "[]", count: type.arrayDepth)
    }

    static func of(_ call: CallSyntax) -> String {
        var inside = call.isDistinct ? "distinct " : ""
        inside += call.isVariadic ? "variadic " : ""
        var list = call.arguments.map(of)
        list += call.namedArguments.map { "\(quoted($0.0)) => \(of($0.1))" }
        inside += call.isStar ? "*" : list.joined(separator: ", ")
        if !call.order.isEmpty { inside += " order \(of(call.order))" }
        var text = "\(quoted(call.name))(\(inside))"
        if !call.withinGroup.isEmpty { text += " within \(of(call.withinGroup))" }
        if let filter = call.filter { text += " filter \(of(filter))" }
        if call.ignoresNulls { text += " ignore nulls" }
        switch call.over {
        case .named(let name)?: text += " over \(quoted(name))"
        case .inline(let window)?: text += " over (\(of(window)))"
        case nil: break
        }
        return text
    }

    static func of(_ order: [OrderItem]) -> String {
        order.map { item in
            let nulls = item.nullsFirst.map { $0 ? " nulls first" : " nulls last" } ?? ""
            return of(item.expression) + (item.isDescending ? " desc" : "") + nulls
        }.joined(separator: ", ")
    }

    static func of(_ window: WindowSyntax) -> String {
        var parts: [String] = []
        if let base = window.base { parts.append(quoted(base)) }
        if !window.partition.isEmpty { parts.append("by \(commas(window.partition))") }
        if !window.order.isEmpty { parts.append("order \(of(window.order))") }
        if let frame = window.frame {
            let exclusion = frame.exclusion == .none ? "" : " exclude \(frame.exclusion)"
            parts.append("\(frame.unit) \(of(frame.start)) .. \(of(frame.end))\(exclusion)")
        }
        return parts.joined(separator: " ")
    }

    private static func of(_ bound: FrameSyntax.Bound) -> String {
        switch bound {
        case .unboundedPreceding: "start"
        case .preceding(let distance): "-\(of(distance))"
        case .currentRow: "current"
        case .following(let distance): "+\(of(distance))"
        case .unboundedFollowing: "end"
        }
    }

    static func of(_ item: SelectItem) -> String {
        of(item.expression) + (item.alias.map { " as \(quoted($0))" } ?? "")
    }
}

// Queries.
extension SyntaxText {
    static func of(_ query: QuerySyntax) -> String {
        var text = ""
        if !query.with.isEmpty {
            let tables = query.with.map { table in
                let columns = table.columns.isEmpty ? "" : "(\(names(table.columns)))"
                let kept = table.isMaterialized.map { $0 ? " kept" : " not kept" } ?? ""
                return "\(quoted(table.name))\(columns)\(kept) {\(of(table.query))}"
            }
            text +=
                "with \(query.isRecursive ? "recursive " : "")\(tables.joined(separator: ", ")) "
        }
        text += of(query.body)
        if !query.order.isEmpty { text += " order \(of(query.order))" }
        if let limit = query.limit { text += " limit \(of(limit))" }
        if query.withTies { text += " ties" }
        if let offset = query.offset { text += " offset \(of(offset))" }
        if let emit = query.emit { text += " emit \(of(emit))" }
        for lock in query.locks { text += " for \(lock.strength) of \(names(lock.relations))" }
        return text
    }

    static func names(_ names: [Name]) -> String { names.map(quoted).joined(separator: ", ") }

    private static func of(_ body: QuerySyntax.Body) -> String {
        switch body {
        case .select(let select): of(select)
        case .values(let rows, _):
            "values " + rows.map { "(\(commas($0)))" }.joined(separator: ", ")
        case .table(let name): "table \(quoted(name))"
        case .set(let set):
            "(\(of(set.left)) \(set.kind)\(set.all ? " all" : "") \(of(set.right)))"
        case .query(let query): "{\(of(query))}"
        }
    }

    private static func of(_ select: SelectSyntax) -> String {
        var text = "select "
        switch select.distinct {
        case .all: break
        case .distinct: text += "distinct "
        case .on(let list): text += "distinct on (\(commas(list))) "
        }
        text += select.items.map(of).joined(separator: ", ")
        if !select.from.isEmpty { text += " from \(select.from.map(of).joined(separator: ", "))" }
        if let filter = select.filter { text += " where \(of(filter))" }
        if let group = select.group {
            text += " group \(group.isDistinct ? "distinct " : "")"
            text += group.isAll ? "all" : group.elements.map(of).joined(separator: ", ")
        }
        if let having = select.having { text += " having \(of(having))" }
        for (name, window) in select.windows { text += " window \(quoted(name)) (\(of(window)))" }
        if let qualify = select.qualify { text += " qualify \(of(qualify))" }
        return text
    }

    private static func of(_ element: GroupSyntax.Element) -> String {
        func lists(_ lists: [[SyntaxExpression]]) -> String {
            lists.map { $0.count == 1 ? of($0[0]) : "(\(commas($0)))" }.joined(separator: ", ")
        }
        switch element {
        case .expression(let expression): return of(expression)
        case .empty: return "()"
        case .rollup(let list): return "rollup(\(lists(list)))"
        case .cube(let list): return "cube(\(lists(list)))"
        case .sets(let sets): return "sets(\(sets.map(of).joined(separator: ", ")))"
        case .list(let list): return "(\(commas(list)))"
        }
    }

    static func of(_ item: FromItem) -> String {
        switch item {
        case .relation(let relation): return of(relation)
        case .join(let join):
            var text = "(\(of(join.left)) \(join.kind) \(of(join.right))"
            if let match = join.match { text += " match \(of(match))" }
            switch join.condition {
            case .none: break
            case .on(let condition): text += " on \(of(condition))"
            case .using(let list, let alias):
                text += " using (\(names(list)))\(alias.map { " as \(quoted($0))" } ?? "")"
            case .natural: text += " natural"
            }
            return text + ")"
        }
    }

    static func of(_ relation: RelationSyntax) -> String {
        var text = relation.isLateral ? "lateral " : ""
        switch relation.kind {
        case .name(let parts): text += dotted(parts)
        case .literal(let literal): text += "'\(literal)'"
        case .functions(let calls, let withOrdinality):
            text += calls.map(of).joined(separator: " & ")
            text += withOrdinality ? " ordinality" : ""
        case .window(let window): text += of(window)
        case .query(let query): text += "{\(of(query))}"
        case .nested(let item): text += of(item)
        }
        if let stream = relation.stream { text += of(stream) }
        if let time = relation.asOf { text += " as of \(of(time))" }
        if let alias = relation.alias { text += " as \(quoted(alias))" }
        if !relation.columnAliases.isEmpty { text += "(\(names(relation.columnAliases)))" }
        if !relation.columnDefinitions.isEmpty {
            let columns = relation.columnDefinitions.map { "\(quoted($0.0)) \(of($0.1))" }
            text += " defs (\(columns.joined(separator: ", ")))"
        }
        return text
    }

    private static func of(_ stream: StreamModifiers) -> String {
        (stream.isStream ? " stream" : "") + (stream.isBounded ? " bounded" : "")
            + (stream.watermark.map { " " + of($0) } ?? "")
    }

    static func of(_ watermark: WatermarkSyntax) -> String {
        "watermark \(quoted(watermark.column))"
            + (watermark.expression.map { " = \(of($0))" } ?? "")
            + (watermark.idle.map { " idle \(of($0))" } ?? "")
    }

    private static func of(_ window: WindowTableSyntax) -> String {
        var text = "\(window.kind.rawValue)(\(of(window.data))"
        if !window.partition.isEmpty {
            text += " by \(window.partition.map(dotted).joined(separator: ", "))"
        }
        switch window.time {
        case .column(let path): text += "; \(dotted(path))"
        case .processing: text += "; proctime"
        }
        return text + window.spans.map { "; \(of($0))" }.joined() + ")"
    }

    private static func of(_ emit: EmitSyntax) -> String {
        let kind: String
        switch emit.kind {
        case .changes: kind = "changes"
        case .final: kind = "final"
        case .periodic(let span): kind = "periodic \(of(span))"
        case .onUpdate(let batch): kind = "on update" + (batch.map { " batch \(of($0))" } ?? "")
        case .onWindowClose(let delay, let timeout):
            kind =
                "close" + (delay.map { " delay \(of($0))" } ?? "")
                + (timeout.map { " timeout \(of($0))" } ?? "")
        }
        switch emit.late {
        case nil: return kind
        case .drop?: return kind + " late drop"
        case .update(let span)?: return kind + " late update" + (span.map { " \(of($0))" } ?? "")
        case .to(let name)?: return kind + " late to \(quoted(name))"
        }
    }
}

// Statements.
extension SyntaxText {
    static func of(_ statement: Statement) -> String {
        switch statement {
        case .query(let query): return of(query)
        case .explain(let explain):
            return "explain\(explain.isAnalyze ? " analyze" : "") \(explain.format) "
                + of(explain.statement)
        case .createTable(let table): return of(table)
        case .createView(let view):
            let flags = [
                view.orReplace ? "replace " : "", view.ifNotExists ? "if " : "",
                view.isTemporary ? "temp " : "", view.isMaterialized ? "materialized " : "",
            ].joined()
            return "view \(flags)\(quoted(view.name))(\(names(view.columns))) {\(of(view.query))}"
        case .createSchema(let name, let ifNotExists):
            return "schema \(ifNotExists ? "if " : "")\(quoted(name))"
        case .refresh(let name): return "refresh \(quoted(name))"
        case .flush: return "flush"
        case .maintenance(let word, let list): return "\(word) \(names(list))"
        case .dropRelations(let kind, let list, let ifExists, _):
            return "drop \(kind) \(names(list)) \(ifExists)"
        case .insert(let insert):
            return "insert \(quoted(insert.table))(\(names(insert.columns))) "
                + (insert.query.map(of) ?? "defaults") + returning(insert.returning)
        case .update(let update):
            let list = update.assignments.map { "\(quoted($0.0)) = \(of($0.1))" }
            return "update \(quoted(update.table))\(update.alias.map { " as " + quoted($0) } ?? "")"
                + " \(list.joined(separator: ", ")) from \(update.from.map(of))"
                + " where \(update.filter.map(of) ?? "-")" + returning(update.returning)
        case .delete(let delete):
            return "delete \(quoted(delete.table))\(delete.alias.map { " as " + quoted($0) } ?? "")"
                + " using \(delete.using.map(of)) where \(delete.filter.map(of) ?? "-")"
                + returning(delete.returning)
        case .truncate(let list, _): return "truncate \(names(list))"
        case .copy(let copy):
            let options = copy.options.map { "\($0.name.text)=\($0.value)" }
            return "copy {\(of(copy.query))} to \(copy.file ?? "stdout") "
                + options.joined(separator: ",")
        case .set(let setting): return "set \(setting.name.text) \(setting.value ?? "default")"
        case .show(let setting): return "show \(setting.name.text)"
        case .showRelations(let word): return "show \(word)"
        case .describe(let relation): return "describe \(of(relation))"
        case .administration(let statement): return "administration \(statement.tag)"
        case .alterTable, .createSequence, .createType, .alterSequence, .merge, .copyFrom,
            .transaction,
            .prepare, .execute, .deallocate:
            return statement.tag.lowercased()
        }
    }

    private static func returning(_ items: [SelectItem]) -> String {
        items.isEmpty ? "" : " returning " + items.map(of).joined(separator: ", ")
    }

    private static func of(_ table: TableDefinition) -> String {
        let flags = [
            table.isTemporary ? "temp " : "", table.isSource ? "source " : "table ",
            table.ifNotExists ? "if " : "",
        ].joined()
        let elements = table.elements.map(of).joined(separator: "; ")
        var text = "\(flags)\(quoted(table.name))(\(elements))"
        for include in table.includes {
            text += " include \(include.what)\(include.alias.map { " as " + quoted($0) } ?? "")"
        }
        func pairs(_ options: [OptionAssignment]) -> String {
            options.map { "\($0.name.text)=\($0.value)" }.joined(separator: ",")
        }
        if !table.options.isEmpty { text += " with \(pairs(table.options))" }
        if let format = table.format { text += " format \(format) \(table.encode ?? "-")" }
        if !table.encodeOptions.isEmpty { text += "(\(pairs(table.encodeOptions)))" }
        if let query = table.query { text += " {\(of(query))}" }
        return text
    }

    private static func of(_ element: TableDefinition.Element) -> String {
        switch element {
        case .star: return "*"
        case .like(let name, let including):
            return "like \(quoted(name)) \(including.sorted().joined(separator: "+"))"
        case .watermark(let watermark): return of(watermark)
        case .primaryKey(let list): return "key (\(names(list)))"
        case .unique(let list, _): return "unique (\(names(list)))"
        case .check(let condition, _): return "check \(of(condition))"
        case .column(let column):
            var text = quoted(column.name)
            if let type = column.type { text += " \(of(type))" }
            if column.isNotNull { text += " not null" }
            if column.isPrimaryKey { text += " key" }
            if let generated = column.generated { text += " = \(of(generated))" }
            if let value = column.defaultValue { text += " default \(of(value))" }
            if let metadata = column.metadata { text += " from '\(metadata)'" }
            return text
        }
    }
}
