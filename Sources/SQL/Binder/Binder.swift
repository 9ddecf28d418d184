import Aggregation
import Formats

/// Looks up the names of a statement and resolves its types: from syntax to a plan.
///
/// One is made for one statement and used on one thread; it remembers the relations that it asked
/// the catalog for, so that a name means one relation throughout the statement.
public final class Binder {
    let catalog: any Catalog
    let settings: SessionSettings
    let parameters: QueryParameters
    /// Columns that the values of the outermost VALUES are stored in.
    var assigned: AssignmentTargets?
    /// EMIT of the outermost query, which decides how windowed aggregates inside give rows.
    var emit: BoundEmit?
    /// Names that the statement speaks of.
    var wanted: WantedNames?
    /// In lower case: columns of relations that are known without waiting for rows.
    private var knownColumns: Set<String> = []
    var entries: [String: CatalogEntry] = [:]
    /// Views being bound, to find one that uses itself.
    var openViews: [String] = []
    var views: [String: BoundRelation] = [:]
    /// Recursive queries whose second term is being bound.
    var recursions: [CommonTableEntry] = []
    private var lastID = 0

    public init(
        catalog: any Catalog, settings: SessionSettings = SessionSettings(),
        parameters: QueryParameters = QueryParameters()
    ) {
        self.catalog = catalog
        self.settings = settings
        self.parameters = parameters
    }

    /// Binds a whole query.
    public func bind(_ query: QuerySyntax) throws(SQLError) -> BoundQuery {
        want(WantedNames(query))
        emit = try query.emit.then { (syntax) throws(SQLError) in try bindEmit(syntax) }
        var plan = try self.query(query, QueryContext()).plan.withoutUnknown
        if let emit = query.emit { try checkWindowClose(plan, emit) }
        plan = plan.withSingleUsesInlined
        return BoundQuery(plan, emit: emit)
    }

    func want(_ names: WantedNames) {
        if wanted == nil { wanted = names } else { wanted?.merge(names) }
    }

    /// What a relation is asked for under its alias. A name that another relation is known to have
    /// is not waited for.
    func wanted(_ alias: String, mayWait: Bool) throws(SQLError) -> Set<String>? {
        guard let wanted, mayWait else { return wanted?.names }
        guard let names = wanted.names(of: alias) else { return nil }
        guard wanted.relations.count > 1 else { return names }
        for relation in wanted.relations where !relation.mayWait {
            guard let known = try? known(relation) else { continue }
            for column in known.columns where !column.isHidden {
                knownColumns.insert(column.name.lowercased())
            }
        }
        return names.filter { !knownColumns.contains($0.lowercased()) }
    }

    private func known(_ syntax: RelationSyntax) throws(SQLError) -> (any Relation)? {
        let entry: CatalogEntry
        switch syntax.kind {
        case .name(let parts):
            entry = try self.entry(
                try reference(.name(parts), syntax), syntax.alias?.text ?? parts.dotted)
        case .literal(let path):
            entry = try self.entry(
                try reference(.literal(path), syntax),
                syntax.alias?.text ?? Binder.alias(ofPath: path))
        default: return nil
        }
        if case .relation(let relation) = entry { return relation }
        return nil
    }

    /// For shared plans and recursions.
    func nextID() -> Int {
        lastID += 1
        return lastID
    }
}

/// What lies around a query: the scopes that it may look into, and the queries that WITH names.
struct QueryContext {
    var scope: Scope?
    var commonTables: [CommonTableEntry] = []

    func inside(_ scope: Scope?) -> QueryContext {
        QueryContext(scope: scope, commonTables: commonTables)
    }
}

/// Gives an error that names no place this one.
public func placed<T>(
    _ place: Range<Int>, _ body: () throws(SQLError) -> T
) throws(SQLError) -> T {
    do {
        return try body()
    } catch {
        var placed = error
        if placed.place == nil { placed.place = place }
        throw placed
    }
}

extension Optional {
    /// `map` with a typed error.
    func then<T>(_ transform: (Wrapped) throws(SQLError) -> T) throws(SQLError) -> T? {
        guard let self else { return nil }
        return try transform(self)
    }
}

extension RelationSyntax {
    /// Whether its rows may be long in coming, so that its columns are.
    var mayWait: Bool {
        if let stream, stream.isStream, !stream.isBounded { return true }
        switch kind {
        case .name(let parts): return parts.count == 1 && parts[0].text.lowercased() == "stdin"
        case .literal(let path): return path == "-" || path == "/dev/stdin"
        case .functions, .window, .query, .nested: return true
        }
    }
}
