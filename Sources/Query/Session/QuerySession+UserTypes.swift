import Aggregation
import Formats
import SQL

// CREATE TYPE and CREATE DOMAIN: types that live as long as the session.
extension QuerySession {
    func create(_ definition: TypeDefinition) throws(SQLError) -> Outcome {
        let name = catalog.created(definition.name)
        let spelled = definition.name.isQuoted ? name.text : name.text.lowercased()
        let exists = TypeName(spelled, name.place)
        let isTaken = try catalog.find(name) != nil
        if isTaken || (try? exists.resolved()) != nil {
            throw SQLError("type \"\(spelled)\" already exists", .duplicateObject, at: name.place)
        }
        let made: UserType
        switch definition.kind {
        case .enumeration(let labels): made = .enumeration(try enumeration(spelled, labels))
        case .composite(let members): made = .composite(try fields(members))
        case .domain(let syntax): made = .domain(try domain(spelled, syntax))
        }
        catalog.define(spelled, .type(made))
        return Outcome(tag: Statement.createType(definition).tag)
    }

    private func enumeration(
        _ name: String, _ labels: [(label: String, place: Range<Int>)]
    ) throws(SQLError) -> Enumeration {
        var seen: Set<String> = []
        for (label, place) in labels {
            guard label.utf8.count < 64 else {
                throw SQLError(
                    "invalid enum label \"\(label)\"", .invalidName, at: place,
                    detail: "Labels must be 63 bytes or less.")
            }
            guard seen.insert(label).inserted else {
                throw SQLError(
                    "duplicate key value violates unique constraint "
                        + "\"pg_enum_typid_label_index\"", .uniqueViolation, at: place,
                    detail: "The label \"\(label)\" stands twice.")
            }
        }
        return Enumeration(name, labels.map(\.label))
    }

    private func fields(_ members: [(Name, TypeName)]) throws(SQLError) -> [Field] {
        var fields: [Field] = []
        for (name, type) in members {
            let spelled = name.isQuoted ? name.text : name.text.lowercased()
            guard !fields.contains(where: { $0.name == spelled }) else {
                throw SQLError(
                    "column \"\(spelled)\" specified more than once", .duplicateColumn,
                    at: name.place)
            }
            if type.domain(in: catalog) != nil {
                throw SQLError(
                    "domains as members of types are not supported", .featureNotSupported,
                    at: type.place)
            }
            fields.append(Field(spelled, try type.resolved(in: catalog)))
        }
        return fields
    }

    private func domain(_ name: String, _ syntax: DomainSyntax) throws(SQLError) -> Domain {
        let type = try syntax.type.resolved(in: catalog)
        let base = syntax.type.domain(in: catalog)
        let binder = Binder(catalog: catalog, settings: settings.settings)
        var taken = Set(syntax.checks.compactMap(\.name?.text))
        var checks: [(name: String, condition: Expression)] = []
        for (given, condition) in syntax.checks {
            var chosen = given?.text ?? "\(name)_check"
            var number = 0
            while given == nil, !taken.insert(chosen).inserted {
                number += 1
                chosen = "\(name)_check\(number)"
            }
            checks.append((chosen, try binder.check(condition, ofDomainOver: type)))
        }
        checks.sort { $0.name < $1.name }
        return Domain(
            name, type, isNotNull: syntax.isNotNull || base?.isNotNull == true,
            defaultValue: syntax.defaultValue ?? base?.defaultValue,
            checks: (base?.checks ?? []) + checks)
    }

    /// CASCADE takes the columns of a type along.
    func dropTypes(
        _ kind: String, _ names: [Name], ifExists: Bool, _ cascades: Bool
    ) throws(SQLError) -> Outcome {
        var dropped: [String] = []
        for name in names {
            guard let found = try catalog.find(name), case .type(let type)? = catalog.entries[found]
            else {
                guard ifExists else {
                    throw SQLError(
                        "type \"\(name.text)\" does not exist", .undefinedObject, at: name.place)
                }
                environment.note("type \"\(name.text)\" does not exist, skipping")
                continue
            }
            if kind == "DOMAIN" {
                guard case .domain = type else {
                    throw SQLError(
                        "\"\(found)\" is not a domain", .wrongObjectType, at: name.place)
                }
            }
            dropped.append(found)
        }
        for name in dropped {
            let users = columns(ofType: name)
            guard users.isEmpty || cascades else {
                throw SQLError(
                    "cannot drop type \(name) because other objects depend on it",
                    .dependentObjectsExist, at: names.first?.place,
                    hint: "Use DROP ... CASCADE to drop the dependent objects too.",
                    detail: users.map { table, column in
                        "column \(column) of table \(table) depends on type \(name)"
                    }.joined(separator: "\n"))
            }
            for (table, column) in users {
                environment.note("drop cascades to column \(column) of table \(table)")
                let place = names.first?.place ?? 0..<0
                var alter = AlterTableSyntax("TABLE", Name(table, isQuoted: true, place), place)
                alter.actions = [
                    .dropColumn(
                        Name(column, isQuoted: true, place), ifExists: true, cascades: true)
                ]
                _ = try self.alter(alter)
            }
        }
        for name in dropped { catalog.remove(name) }
        return Outcome(tag: "DROP \(kind)")
    }

    /// Columns that are of the type.
    private func columns(ofType name: String) -> [(table: String, column: String)] {
        var found: [(table: String, column: String)] = []
        for (key, entry) in catalog.entries.sorted(by: { $0.key < $1.key }) {
            guard case .table(let table) = entry else { continue }
            for column in table.columnDefinitions where column.type?.name == name {
                found.append((key, column.name.text))
            }
        }
        return found
    }

    /// SHOW TYPES
    func showTypes(_ output: any ResultOutput) throws(SQLError) -> Outcome {
        var rows: [[Value]] = []
        for (name, entry) in catalog.entries.sorted(by: { $0.key < $1.key }) {
            guard case .type(let type) = entry else { continue }
            let shown = type.shown
            rows.append([.text(name), .text(shown.kind), .text(shown.definition)])
        }
        let names = ["name", "type", "definition"]
        return try answer(names.map { Field($0, .text) }, rows, "SHOW", output)
    }
}

extension UserType {
    fileprivate var shown: (kind: String, definition: String) {
        switch self {
        case .enumeration(let enumeration): ("enum", enumeration.labels.joined(separator: ", "))
        case .composite(let fields):
            ("composite", fields.map { "\($0.name) \($0.type)" }.joined(separator: ", "))
        case .domain(let domain):
            (
                "domain",
                (["\(domain.type)"] + (domain.isNotNull ? ["not null"] : [])
                    + domain.checks.map { "check " + $0.name }).joined(separator: ", ")
            )
        }
    }
}
