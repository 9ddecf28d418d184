import Formats
import KafkaClient
import Platform
import SQL

/// `rtd query`: runs the statements of its scripts one after another, up to the first that fails.
///
/// The first statement is read before the cluster is found, so that a slip in it starts no server.
enum QueryCommand {
    static func run(_ options: QueryOptions) -> Int32 {
        do throws(CommandFailure) {
            let scripts = try QueryScript.read(options.sources)
            guard try hasStatement(scripts) else { return 0 }
            return ClientRun.run("query", options.limitedConnection, options.reporting) {
                connection, _ async throws(CommandFailure) in
                try await connection.connect()
                let run = QueryRun(connection, QueryOutput(options))
                for script in scripts {
                    guard try await run.run(script) else { break }
                }
                await connection.cluster.close()
                return 0
            }
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
            return error.status
        }
    }

    /// Whether there is anything to do; throws what is wrong with the first statement.
    private static func hasStatement(_ scripts: [QueryScript]) throws(CommandFailure) -> Bool {
        for script in scripts {
            var statements = try script.statements()
            if try script.next(&statements) != nil { return true }
        }
        return false
    }
}

extension QueryOptions {
    /// `--timeout` is the time of a request and of its repetitions. Without it a person waits half
    /// a minute for what can be tried again, not the two minutes that records are worth.
    fileprivate var limitedConnection: ConnectionOptions {
        var connection = connection
        if let timeout {
            let milliseconds = max(1, min(timeout.wholeMilliseconds, Int64(Int32.max)))
            // The last assignment wins, so the option wins over properties.
            for name in ["request.timeout.ms", "delivery.timeout.ms"] {
                connection.properties.append(
                    PropertyAssignment(name: name, value: "\(milliseconds)"))
            }
        } else if connection.propertyFiles.isEmpty {
            connection.properties.insert(
                PropertyAssignment(name: "delivery.timeout.ms", value: "30000"), at: 0)
        }
        return connection
    }
}

/// Where answers go: rows to stdout, tags and notices to stderr.
struct QueryOutput: Sendable {
    private let format: QueryOptions.Format
    private let table: AlignedTable
    private let showsTags: Bool
    private let showsNotices: Bool

    init(_ options: QueryOptions) {
        let isTerminal = StandardOutput.isTerminal
        format = options.format ?? (isTerminal ? .table : .json)
        var table = AlignedTable()
        table.columns = StandardOutput.columns
        let noColour = ProcessEnvironment.value("NO_COLOR") ?? ""
        table.isColoured = isTerminal && noColour.isEmpty
        self.table = table
        let isQuiet = options.reporting.isQuiet
        showsTags = options.reporting.isVerbose || (StandardError.isTerminal && !isQuiet)
        showsNotices = !isQuiet
    }

    /// False when the reader of stdout has left.
    func write(_ outcome: StatementOutcome, tag: String) throws(CommandFailure) -> Bool {
        if showsNotices {
            for notice in outcome.notices { StandardError.write(line: "rtd: \(notice)") }
        }
        guard let rows = outcome.table else {
            if showsTags { StandardError.write(line: "rtd: \(tag)") }
            return true
        }
        do throws(SystemError) {
            try StandardOutput.write(text(rows))
            return true
        } catch {
            if error.isBrokenPipe { return false }
            throw CommandFailure(error)
        }
    }

    private func text(_ rows: ResultTable) -> String {
        var buffer = OutputBuffer()
        switch format {
        case .table: return table.text(rows)
        case .json: rows.appendJSON(to: &buffer)
        case .csv: rows.appendCSV(to: &buffer)
        case .tsv: rows.appendTSV(to: &buffer)
        }
        return buffer.bytes.text(0..<buffer.count)
    }
}

/// The scripts of one call at work on a cluster.
private struct QueryRun {
    let connection: ClusterConnection
    let runner: StatementRunner
    let output: QueryOutput

    init(_ connection: ClusterConnection, _ output: QueryOutput) {
        self.connection = connection
        self.output = output
        let clock = connection.loop.clock
        runner = StatementRunner(cluster: connection.cluster) { clock.wallMilliseconds }
    }

    /// False when nobody reads the answers any more.
    func run(_ script: QueryScript) async throws(CommandFailure) -> Bool {
        var statements = try script.statements()
        while let statement = try script.next(&statements) {
            let outcome = try await outcome(of: statement, script)
            guard try output.write(outcome, tag: statement.tag) else { return false }
        }
        return true
    }

    private func outcome(
        of statement: Statement, _ script: QueryScript
    ) async throws(CommandFailure) -> StatementOutcome {
        do throws(StatementError) {
            switch statement {
            case .administration(let administration):
                return try await runner.run(administration)
            case .delete(let delete):
                if let deletion = delete.recordDeletion {
                    return try await runner.run(.deleteRecords(deletion))
                }
            default: break
            }
            throw StatementError(
                "\(statement.tag) is not supported yet", .featureNotSupported, at: nil)
        } catch {
            switch error {
            case .statement(let error): throw CommandFailure(script.report(error))
            case .client(let error): throw connection.failure(error)
            }
        }
    }
}

extension QueryScript {
    fileprivate func statements() throws(CommandFailure) -> Parser {
        do throws(SQLError) {
            return try Parser(text)
        } catch {
            throw CommandFailure(report(error))
        }
    }

    fileprivate func next(_ parser: inout Parser) throws(CommandFailure) -> Statement? {
        do throws(SQLError) {
            return try parser.next()
        } catch {
            throw CommandFailure(report(error))
        }
    }
}
