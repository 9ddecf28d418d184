import Aggregation
import Formats
import SQL

// DROP, and what depends on what.
extension QuerySession {
    func drop(
        _ kind: String, _ names: [Name], ifExists: Bool, cascades: Bool
    ) throws(SQLError) -> Outcome {
        if kind == "SCHEMA" { return try dropSchemas(names, ifExists: ifExists, cascades) }
        if kind == "TYPE" || kind == "DOMAIN" {
            return try dropTypes(kind, names, ifExists: ifExists, cascades)
        }
        var dropped: [String] = []
        for name in names {
            guard let found = try catalog.find(name), let entry = catalog.entries[found],
                !entry.isType
            else {
                if ifExists {
                    environment.note(
                        "\(kind.lowercased()) \"\(name.text)\" does not exist, skipping")
                    continue
                }
                throw SQLError(
                    "\(kind.lowercased()) \"\(name.text)\" does not exist", .undefinedRelation,
                    at: name.place
                ).suggesting(catalog.entries.keys.sorted(), for: name.text)
            }
            let own = entry.kind
            let areTables =
                ["TABLE", "SOURCE"].contains(own) && ["TABLE", "SOURCE"].contains(kind)
            guard own == kind || areTables else {
                throw SQLError(
                    "\"\(found)\" is not a \(kind.lowercased())", .wrongObjectType, at: name.place,
                    hint: "Use DROP \(own).")
            }
            dropped.append(found)
        }
        let dependents = dependents(of: dropped)
        guard dependents.isEmpty || cascades else { throw needed(kind, names, dropped) }
        for (view, _) in dependents {
            environment.note("drop cascades to \(described(view))")
            catalog.remove(view)
        }
        for name in dropped { remove(name) }
        return Outcome(tag: "DROP \(kind)")
    }

    /// `table t`
    func described(_ name: String) -> String {
        "\(catalog.entries[name]?.kind.lowercased() ?? "table") \(name)"
    }

    /// With the sequences that belong to it; of a sequence, with the defaults that use it.
    func remove(_ name: String) {
        if case .table(let table)? = catalog.entries[name] {
            for sequence in table.ownedSequences { catalog.remove(sequence) }
        }
        catalog.remove(name)
    }

    private func needed(_ kind: String, _ names: [Name], _ dropped: [String]) -> SQLError {
        let target = "\(kind.lowercased()) \(dropped[0])"
        let lines = dependents(of: dropped).map { view, on in
            "\(described(view)) depends on \(described(on))"
        }
        return SQLError(
            dropped.count == 1
                ? "cannot drop \(target) because other objects depend on it"
                : "cannot drop desired object(s) because other objects depend on them",
            .dependentObjectsExist, at: names.first?.place,
            hint: "Use DROP ... CASCADE to drop the dependent objects too.",
            detail: lines.joined(separator: "\n"))
    }

    /// Views over these relations, and views over those; each with the relation that it uses.
    func dependents(of names: [String]) -> [(view: String, on: String)] {
        var open = names
        var gone = Set(names)
        var found: [(view: String, on: String)] = []
        while let name = open.popLast() {
            for (view, entry) in catalog.entries.sorted(by: { $0.key < $1.key }) {
                guard case .view(let definition) = entry, !gone.contains(view),
                    definition.query.relationNames.contains(where: {
                        (try? catalog.find($0)) ?? nil == name
                    })
                else { continue }
                gone.insert(view)
                found.append((view, name))
                open.append(view)
            }
        }
        return found
    }
}

extension SessionCatalog.Entry {
    var isType: Bool { if case .type = self { true } else { false } }

    /// As DROP names it.
    var kind: String {
        switch self {
        case .table: "TABLE"
        case .source(let definition): definition.isSource ? "SOURCE" : "TABLE"
        case .view(let view): view.isMaterialized ? "MATERIALIZED VIEW" : "VIEW"
        case .sequence: "SEQUENCE"
        case .type(.domain): "DOMAIN"
        case .type: "TYPE"
        }
    }
}
