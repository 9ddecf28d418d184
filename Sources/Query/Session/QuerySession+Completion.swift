import Aggregation
import Formats
import SQL

// What a prompt asks for while a statement is typed.
extension QuerySession {
    /// How long the columns of a relation may take to be found.
    private static let completionMilliseconds: Int64 = 2_000

    /// The session's own relations and the topics, sorted. The cluster is looked for only where it
    /// is in use already, or `connects`.
    public func completionRelations(connects: Bool) -> [String] {
        let topics = environment.topics
        let names = connects || topics?.isConnected == true ? topics?.names() ?? [] : []
        return Set(names).union(relationNames).sorted()
    }

    /// The settings that SET and SHOW know.
    public var settingNames: [String] { settings.all.map(\.0) }

    /// The functions that an expression may call, without those with names of the engine's own.
    public static var functionNames: [String] {
        Set(FunctionRegistry.names).filter { $0.first?.isLetter == true }.sorted()
    }

    /// The functions that FROM may call.
    public static var tableFunctionNames: [String] {
        let windows = ["tumble", "hop", "cumulate", "session"]
        return (FunctionRegistry.tableNames + InputCatalog.functionNames + windows).sorted()
    }

    /// The columns that a query has; none where it cannot be bound, or not soon.
    public func columns(of query: String) -> [Field] {
        catalog.inputs.forgetFiles()
        environment.topics?.startStatement()
        environment.stop.forgetTimeout()
        let timer = StatementTimer(
            milliseconds: Self.completionMilliseconds, environment.stop)
        defer {
            timer.end()
            environment.stop.clear()
        }
        guard var parser = try? Parser(Array(query.utf8)), let statement = try? parser.next(),
            case .query(let syntax) = statement
        else { return [] }
        return (try? prepare(syntax))?.columns ?? []
    }
}
