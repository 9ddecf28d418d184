import Aggregation
import Formats
import Platform
import SQL

/// Runs statements one after another: keeps the tables, views and settings they make, and hands the
/// rows of queries to an output. Used by one thread.
public final class QuerySession {
    private(set) var environment: SessionEnvironment
    let catalog: SessionCatalog
    var settings = SessionVariables()
    /// Ends the running statement where a function works for long.
    private(set) var busyStop: BusyStop
    /// Lines of input that the running statement has left out.
    var skipped = 0
    var lateRows = 0
    /// The query of --state has been run.
    var hasKeptQuery = false
    var transaction: OpenTransaction?
    var preparedStatements: [String: PreparedStatement] = [:]
    /// Of the EXECUTE that is running.
    var arguments: [Expression] = []
    /// EXPLAIN is at work: what it explains is not run, or measured.
    var explained: ExplainedQueries?
    /// The transactional id of a kept query that begins anew because of its input.
    var transactionName: String?

    func changeParameter(_ name: String, _ value: String?) { environment.parameters[name] = value }

    public init(_ environment: SessionEnvironment) {
        self.environment = environment
        busyStop = BusyStop(environment.stop, environment.clock)
        catalog = SessionCatalog(environment)
        settings.services = SessionCalls(self)
        catalog.systemCatalog = SystemCatalog(self)
    }

    /// What a statement did beside writing rows.
    public struct Outcome: Sendable {
        /// PostgreSQL's command tag: "SELECT 3", "INSERT 0 1", "CREATE TABLE".
        public var tag: String
        /// Lines of input left out because they could not be read.
        public var skipped = 0
        public var lateRows = 0
    }

    /// Runs a statement; `output` gets its rows, if it has any.
    public func run(
        _ statement: Statement, output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        settings.startStatement(environment.clock)
        catalog.inputs.forgetFiles()
        environment.topics?.startStatement()
        output.use(settings.settings.text)
        catalog.searchPath = settings.value("search_path") ?? ""
        try checkTransaction(statement)
        environment.stop.forgetTimeout()
        busyStop = BusyStop(environment.stop, environment.clock)
        let timer = settings.timeoutMilliseconds.map {
            StatementTimer(milliseconds: $0, environment.stop)
        }
        defer { timer?.end() }
        do throws(SQLError) {
            return try attempt(statement, output)
        } catch {
            transaction?.isFailed = true
            // Whatever was given up because of it.
            throw environment.stop.cancellation ?? error
        }
    }

    /// Runs it again where the input turns out to have other types.
    private func attempt(
        _ statement: Statement, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        var unsuited: SQLError?
        while true {
            (skipped, lateRows) = (0, 0)
            do throws(SQLError) {
                var outcome = try dispatch(statement, output)
                outcome.skipped = skipped
                outcome.lateRows = lateRows
                return outcome
            } catch {
                if InputRestart.isAsked(by: error) { continue }
                // A column of an input without rows may have any type.
                guard error.state.rawValue.hasPrefix("42"),
                    catalog.inputs.tryOtherTypes() || catalog.inputs.narrowClashes()
                else { throw unsuited ?? error }
                unsuited = unsuited ?? error
            }
        }
    }

    func dispatch(
        _ statement: Statement, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        switch statement {
        case .administration(let statement):
            throw SQLError("\(statement.tag) needs a cluster", .featureNotSupported)
        case .query(let query):
            if query.with.hasChanges {
                return try run(query.with) { (tables) throws(SQLError) in
                    var query = query
                    query.with = tables
                    return try dispatch(.query(query), output)
                }
            }
            return environment.isVerifying ? try verify(query) : try select(query, output)
        case .explain(let explain): return try self.explain(explain, output)
        case .createTable(let definition): return try create(definition)
        case .createView(let definition): return try create(definition)
        case .dropRelations(let kind, let names, let ifExists, let cascades):
            return try drop(kind, names, ifExists: ifExists, cascades: cascades)
        case .createSchema(let name, let ifNotExists):
            return try createSchema(name, ifNotExists: ifNotExists)
        case .refresh(let name): return try refresh(name)
        case .flush: return Outcome(tag: statement.tag)
        case .maintenance(let word, let names): return try maintain(word, names)
        case .alterTable(let alter): return try self.alter(alter)
        case .createSequence(let sequence): return try create(sequence)
        case .createType(let definition): return try create(definition)
        case .alterSequence(let sequence): return try alter(sequence)
        case .insert, .update, .delete: return try change(statement, output)
        case .merge(let merge): return try self.merge(merge)
        case .truncate(let names, let restarts): return try truncate(names, restarts: restarts)
        case .copy(let copy): return try self.copy(copy, output)
        case .copyFrom(let copy): return try self.copy(copy)
        case .transaction(let statement): return try run(statement)
        case .prepare(let syntax): return try prepare(syntax)
        case .execute(let syntax): return try execute(syntax, output)
        case .deallocate(let name): return try deallocate(name)
        case .set(let setting):
            try set(setting)
            return Outcome(tag: setting.value == nil ? setting.tag : "SET")
        case .show(let setting): return try show(setting, output)
        case .showRelations(let what): return try showRelations(what, output)
        case .describe(let relation): return try describe(relation, output)
        }
    }

    func set(_ setting: SettingSyntax) throws(SQLError) {
        guard !setting.isLocal || transaction != nil else {
            return environment.note("SET LOCAL can only be used in transaction blocks")
        }
        if setting.name.text.lowercased() == "all", setting.value == nil {
            return settings.resetAll()
        }
        try settings.set(setting)
    }

    /// True if the session keeps a relation of that name, so that a statement on it is not the
    /// cluster's.
    public func holds(_ name: Name) -> Bool { (try? catalog.find(name)) ?? nil != nil }

    /// The session's own relations, sorted.
    public var relationNames: [String] { catalog.entries.keys.sorted() }

    private func select(
        _ query: QuerySyntax, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        var prepared = try prepare(query, isOutput: true)
        if output.showsWhatStands, environment.stateDirectory == nil {
            prepared = prepared.shownLive
        }
        let rows = try executeKept(prepared, output, nil)
        return Outcome(tag: "SELECT \(rows)")
    }
}
