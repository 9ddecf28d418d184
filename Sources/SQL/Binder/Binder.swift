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
    /// EMIT of the outermost query, which decides how windowed aggregates inside give rows.
    var emit: BoundEmit?
    /// Names that the statement speaks of; nil: it has a `*`.
    var wanted: Set<String>? = []
    var entries: [String: CatalogEntry] = [:]
    /// Views being bound, to find one that uses itself.
    var openViews: [String] = []
    var views: [String: BoundRelation] = [:]
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
        guard let more = names.names, let wanted else {
            wanted = nil
            return
        }
        self.wanted = wanted.union(more)
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
func placed<T>(
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
