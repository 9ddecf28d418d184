import Aggregation
import Formats
import Platform
import SQL

/// Runs statements one after another: keeps the tables, views and settings they make, and hands the
/// rows of queries to an output. Used by one thread.
public final class QuerySession {
    let environment: SessionEnvironment
    let catalog: SessionCatalog
    var settings = SessionVariables()
    /// Lines of input that the running statement has left out.
    var skipped = 0
    var lateRows = 0
    /// The query of --state has been run.
    var hasKeptQuery = false
    /// The transactional id of a kept query that begins anew because of its input.
    var transactionName: String?

    public init(_ environment: SessionEnvironment) {
        self.environment = environment
        catalog = SessionCatalog(environment)
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
                guard error.state.rawValue.hasPrefix("42"), catalog.inputs.tryOtherTypes() else {
                    throw unsuited ?? error
                }
                unsuited = unsuited ?? error
            }
        }
    }

    private func dispatch(
        _ statement: Statement, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        switch statement {
        case .administration(let statement):
            throw SQLError("\(statement.tag) needs a cluster", .featureNotSupported)
        case .query(let query):
            return environment.isVerifying ? try verify(query) : try select(query, output)
        case .explain(let explain): return try self.explain(explain, output)
        case .createTable(let definition): return try create(definition)
        case .createView(let definition): return try create(definition)
        case .dropRelations(let kind, let names, let ifExists):
            return try drop(kind, names, ifExists: ifExists)
        case .insert(let insert): return try self.insert(insert, output)
        case .update(let update): return try self.update(update, output)
        case .delete(let delete): return try self.delete(delete, output)
        case .truncate(let names): return try truncate(names)
        case .copy(let copy): return try self.copy(copy, output)
        case .set(let setting):
            try settings.set(setting)
            return Outcome(tag: "SET")
        case .show(let setting): return try show(setting, output)
        case .showRelations(let what): return try showRelations(what, output)
        case .describe(let relation): return try describe(relation, output)
        }
    }

    /// True if the session keeps a relation of that name, so that a statement on it is not the
    /// cluster's.
    public func holds(_ name: Name) -> Bool { (try? catalog.find(name)) ?? nil != nil }

    /// The session's own relations, sorted.
    public var relationNames: [String] { catalog.entries.keys.sorted() }

    private func select(
        _ query: QuerySyntax, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        let prepared = try prepare(query)
        let rows = try executeKept(prepared, output, nil)
        return Outcome(tag: "SELECT \(rows)")
    }
}
