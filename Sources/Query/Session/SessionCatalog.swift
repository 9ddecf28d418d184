import Aggregation
import Formats
import Platform
import SQL

/// What names mean in a session: its tables and views first, then stdin, then topics; paths in
/// quotes are files. Used by the session's thread only.
final class SessionCatalog: Catalog {
    enum Entry {
        case table(StoredTable)
        case view(ViewDefinition)
        /// CREATE SOURCE/TABLE ... WITH (connector = ...)
        case source(TableDefinition)
        case sequence(StoredSequence)
        case type(UserType)
    }

    private(set) var entries: [String: Entry] = [:]
    /// CREATE SCHEMA: relations in them are kept as `schema.name`.
    var schemas: Set<String> = [] {
        didSet { path = schemaPath() }
    }
    /// As SET has it; schemas that nobody has created have no part in it.
    var searchPath = "" {
        didSet { if searchPath != oldValue { path = schemaPath() } }
    }
    /// Where names without a schema are looked for; nil: everywhere that a bare name is.
    private var path: [String]?
    let environment: SessionEnvironment
    /// Relations over files and stdin that statements have opened: stdin can be read once.
    let inputs: InputCatalog

    /// information_schema and pg_catalog.
    var systemCatalog: SystemCatalog?

    init(_ environment: SessionEnvironment) {
        self.environment = environment
        inputs = InputCatalog(environment)
    }

    func define(_ name: String, _ entry: Entry) { entries[name] = entry }
    func remove(_ name: String) { entries[name] = nil }
    func restore(_ all: [String: Entry]) { entries = all }

    /// What nextval and its kin mean by a text: folded to lower case unless quoted.
    func sequence(named text: String) throws(SQLError) -> StoredSequence {
        let isQuoted = text.hasPrefix("\"") && text.hasSuffix("\"") && text.utf8.count > 1
        let spelled = isQuoted ? String(text.dropFirst().dropLast()) : text
        let name = Name(spelled, isQuoted: isQuoted, 0..<0)
        guard let found = try find(name), let entry = entries[found] else {
            throw SQLError("relation \"\(spelled)\" does not exist", .undefinedRelation)
        }
        guard case .sequence(let sequence) = entry else {
            throw SQLError("\"\(found)\" is not a sequence", .wrongObjectType)
        }
        return sequence
    }

    func rowType(_ name: String) -> [Field]? {
        let asked = Name(name, isQuoted: false, 0..<0)
        guard let found = try? find(asked), case .table(let table)? = entries[found] else {
            return nil
        }
        return table.columns.map { Field($0.name, $0.type) }
    }

    func userType(_ name: String) -> UserType? {
        let asked = Name(name, isQuoted: false, 0..<0)
        guard let found = try? find(asked), case .type(let type)? = entries[found] else {
            return nil
        }
        return type
    }

    private func schemaPath() -> [String]? {
        let words = searchPath.split(separator: ",").map { word in
            String(word.filter { $0 != " " && $0 != "\"" })
        }
        let known = words.filter { $0 == "public" || schemas.contains($0) }
        return known.contains { $0 != "public" } ? known : nil
    }

    /// The created schema that a relation is kept in.
    func schema(of name: String) -> String? {
        guard !schemas.isEmpty, let point = name.firstIndex(of: ".") else { return nil }
        let schema = String(name[..<point])
        return schemas.contains(schema) ? schema : nil
    }

    /// The name under which a new relation is kept: that of `public` has no schema.
    func created(_ name: Name) -> Name {
        let plain = name.withoutPublic
        guard plain.text == name.text, !name.text.contains("."), let first = path?.first,
            first != "public"
        else { return plain }
        return Name("\(first).\(name.text)", isQuoted: name.isQuoted, name.place)
    }

    /// The spelling under which an entry is kept, by the rule for names; nil if there is none.
    func find(_ name: Name) throws(SQLError) -> String? {
        if let path, !name.text.contains(".") {
            for schema in path where schema != "public" {
                let full = Name("\(schema).\(name.text)", isQuoted: name.isQuoted, name.place)
                if let found = try findSpelled(full) { return found }
            }
        }
        return try findSpelled(name)
    }

    private func findSpelled(_ name: Name) throws(SQLError) -> String? {
        if entries[name.text] != nil { return name.text }
        guard !name.isQuoted else { return nil }
        let folded = name.text.lowercased()
        let matches = entries.keys.filter { $0.lowercased() == folded }
        if matches.isEmpty, folded.hasPrefix("public.") {
            let rest = Name(String(name.text.dropFirst(7)), isQuoted: false, name.place)
            return try findSpelled(rest)
        }
        guard matches.count < 2 else {
            throw SQLError(
                "relation name \"\(name.text)\" is ambiguous", .ambiguousName, at: name.place,
                hint: "Write \(matches.sorted().map { "\"\($0)\"" }.joined(separator: " or ")).")
        }
        return matches.first
    }

    func relation(
        _ reference: RelationReference, wanted: Set<String>?
    ) throws(SQLError) -> CatalogEntry {
        var reference = reference
        if environment.follows, !reference.isBounded, !reference.isStandardInput {
            reference.isStream = true
        }
        switch reference.kind {
        case .name(let parts): return try named(parts, reference, wanted)
        case .literal(let text):
            if text.hasPrefix("kafka://") { return try topicURL(text, reference, wanted) }
            return .relation(try inputs.file(text, options: [:], reference, wanted))
        case .function(let name, let arguments, let named):
            return .relation(
                try inputs.function(name, arguments, named, reference, wanted))
        }
    }

    private func named(
        _ parts: [Name], _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> CatalogEntry {
        let spelled = Name(
            parts.map(\.text).joined(separator: "."), isQuoted: parts.contains(where: \.isQuoted),
            reference.place)
        if let key = try find(spelled), let entry = entries[key] {
            switch entry {
            case .table(let table): return .relation(table)
            case .view(let view): return .view(name: key, columns: view.columns, view.query)
            case .source(let definition):
                return .derived(
                    try inputs.source(definition, reference, wanted), definition)
            case .sequence(let sequence): return .relation(sequence.relation)
            case .type: throw missing(spelled)
            }
        }
        if let system = try systemCatalog?.relation(parts) { return .relation(system) }
        if spelled.text.lowercased() == "stdin", !spelled.isQuoted {
            return .relation(try inputs.file("-", options: [:], reference, wanted))
        }
        var topic = TopicReference(spelled.text, isQuoted: spelled.isQuoted)
        topic.ask(reference, wanted)
        topic.mayBeCaptured = true
        guard let found = try inputs.topic(topic) else { throw missing(spelled) }
        guard (found as? any CapturedRecords)?.isCaptured == true else {
            return .relation(TimedRelation.declaring(environment.time, found))
        }
        let rows = try EnvelopeRelation(found, .captured, keyNames: [])
        // The rows of a table come in no order of time.
        return .relation(
            rows.isEndless ? TimedRelation.declaring(environment.time, rows) : rows)
    }

    private func topicURL(
        _ text: String, _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> CatalogEntry {
        var topic = try TopicReference.parse(text, reference.place)
        topic.ask(reference, wanted)
        guard let found = try inputs.topic(topic) else {
            throw SQLError(
                "relation \"\(text)\" does not exist", .undefinedRelation, at: reference.place)
        }
        return .relation(TimedRelation.declaring(environment.time, found))
    }

    func missing(_ name: Name) -> SQLError {
        let known = entries.keys.sorted() + ["stdin"] + (environment.topics?.names() ?? [])
        var error = SQLError(
            "relation \"\(name.text)\" does not exist", .undefinedRelation, at: name.place
        ).suggesting(known, for: name.text)
        if name.text.lowercased() == "stream", !name.isQuoted {
            error.hint = "STREAM stands behind the relation: FROM clicks STREAM."
        } else if error.hint == nil, name.text.contains("."), POSIXFileSystem().exists(name.text) {
            error.hint = "Files are written in quotes: '\(name.text)'."
        }
        return error
    }
}

extension TopicReference {
    static func parse(_ url: String, _ place: Range<Int>) throws(SQLError) -> TopicReference {
        if let topic = TopicReference(url: url) { return topic }
        throw SQLError(
            "\"\(url)\" names no topic", .invalidParameterValue, at: place,
            hint: "Write 'kafka://host:port/topic'.")
    }

    /// What the query wants of it.
    mutating func ask(_ reference: RelationReference, _ wanted: Set<String>?) {
        isStream = reference.isStream
        self.wanted = wanted
        expected = reference.expected.subtracting(InputCatalog.windowNames)
        expectedPaths = reference.expectedPaths
    }
}

extension RelationReference {
    /// It ends when its writer does, whatever is followed.
    fileprivate var isStandardInput: Bool {
        switch kind {
        case .name(let parts):
            parts.count == 1 && !parts[0].isQuoted && parts[0].text.lowercased() == "stdin"
        case .literal(let path): path == "-" || path == "/dev/stdin"
        case .function(_, let arguments, _):
            [.text("-"), .text("/dev/stdin"), .text("stdin")].contains(arguments.first)
        }
    }
}
