import Aggregation
import Formats
import SQL

// CREATE SCHEMA and DROP SCHEMA. A relation of a schema is kept under `schema.name`, so that such a
// name means the same as ever where nobody has created the schema: topics have dots in their names.
extension QuerySession {
    func createSchema(_ name: Name, ifNotExists: Bool) throws(SQLError) -> Outcome {
        let spelled = name.isQuoted ? name.text : name.text.lowercased()
        let exists = catalog.schemas.contains(spelled) || Self.builtinSchemas.contains(spelled)
        if exists, ifNotExists {
            environment.note("schema \"\(spelled)\" already exists, skipping")
            return Outcome(tag: "CREATE SCHEMA")
        }
        guard !exists else {
            throw SQLError(
                "schema \"\(spelled)\" already exists", .duplicateSchema, at: name.place)
        }
        guard !spelled.hasPrefix("pg_") else {
            throw SQLError(
                "unacceptable schema name \"\(spelled)\"", .reservedName, at: name.place,
                detail: "The prefix \"pg_\" is reserved for system schemas.")
        }
        catalog.schemas.insert(spelled)
        return Outcome(tag: "CREATE SCHEMA")
    }

    private static let builtinSchemas: Set<String> = ["public", "pg_catalog", "information_schema"]

    func dropSchemas(
        _ names: [Name], ifExists: Bool, _ cascades: Bool
    ) throws(SQLError) -> Outcome {
        var schemas: [String] = []
        for name in names {
            let spelled = name.isQuoted ? name.text : name.text.lowercased()
            if catalog.schemas.contains(spelled) {
                schemas.append(spelled)
            } else if ifExists {
                environment.note("schema \"\(spelled)\" does not exist, skipping")
            } else {
                throw SQLError(
                    "schema \"\(spelled)\" does not exist", .undefinedSchema, at: name.place
                ).suggesting(catalog.schemas.sorted(), for: spelled)
            }
        }
        let relations = catalog.entries.keys.filter { name in
            catalog.schema(of: name).map(schemas.contains) ?? false
        }.sorted()
        let dependents = dependents(of: relations)
        guard relations.isEmpty || cascades else {
            throw SQLError(
                "cannot drop schema \(schemas[0]) because other objects depend on it",
                .dependentObjectsExist, at: names.first?.place,
                hint: "Use DROP ... CASCADE to drop the dependent objects too.",
                detail: relations.map { relation in
                    "\(described(relation)) depends on schema "
                        + "\(catalog.schema(of: relation) ?? schemas[0])"
                }.joined(separator: "\n"))
        }
        for name in relations + dependents.map(\.view) where catalog.entries[name] != nil {
            environment.note("drop cascades to \(described(name))")
            remove(name)
        }
        catalog.schemas.subtract(schemas)
        return Outcome(tag: "DROP SCHEMA")
    }
}
