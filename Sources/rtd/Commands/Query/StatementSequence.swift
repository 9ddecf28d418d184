import Formats
import KafkaClient
import Platform
import Query
import SQL
import Synchronization

/// The statements of one call at work: a session, and a cluster once a statement needs one. Used on
/// one thread.
final class StatementSequence {
    private let options: QueryOptions
    private let interruption: Interruption
    private var output: QueryOutput
    private let session: QuerySession
    private let cluster: SessionClusters
    private let stop: StopFlag
    private let notes: NoteSwitch
    /// 3 once records were skipped.
    private(set) var status: Int32 = 0

    init(_ options: QueryOptions, _ interruption: Interruption) {
        self.options = options
        self.interruption = interruption
        output = QueryOutput(options)
        cluster = SessionClusters(options)
        let isQuiet = options.reporting.isQuiet
        let progress = QueryProgressLine(options.reporting)
        let notes = NoteSwitch()
        self.notes = notes
        var environment = SessionEnvironment(clock: SystemClock()) { (note: String) -> Void in
            guard !isQuiet, !notes.isOff else { return }
            progress?.clear()
            StandardError.write(line: "rtd: \(note)")
        }
        if let progress { environment.progress = { progress.show($0) } }
        environment.onError = options.errorPolicy == .skip ? .skip : .fail
        environment.isStrict = options.isStrict
        environment.time = options.declaredTime
        environment.isVerifying = options.isVerifying
        environment.explainsWaits = options.explainsWaits
        environment.memoryMax = options.memory ?? Processes.memoryBytes / 2
        environment.temporaryDirectory =
            options.temporaryDirectory ?? ProcessEnvironment.value("TMPDIR") ?? "/tmp"
        environment.stateDirectory = options.stateDirectory
        environment.idleLimit = options.idleLimit
        environment.follows = options.follows
        environment.inputFormat = options.inputFormat?.rawValue
        environment.parameters = Dictionary(
            options.parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        let topics = TopicRelations(cluster, note: environment.note)
        environment.topics = topics
        let output = output
        environment.makeOutput = { file, options, place throws(SQLError) in
            if let file, file.hasPrefix("kafka://") {
                return try topics.copyTarget(file, options, place)
            }
            return try output.copyTarget(file, options, place)
        }
        let stop = environment.stop
        self.stop = stop
        session = QuerySession(environment)
        let cluster = cluster
        interruption.handle {
            stop.set()
            cluster.stopWaiting()
        }
    }

    func close() { cluster.close() }

    /// Rows as lists of columns, for people.
    var expands: Bool {
        get { output.isExpanded }
        set { output.isExpanded = newValue }
    }

    /// At a prompt Ctrl-C ends what runs, not the prompt, and long answers are shown by a pager.
    func becomeInteractive() {
        output.pager = Pager()
        let stop = stop
        interruption.handleAgain { stop.cancel() }
    }

    /// Before the next line of a prompt.
    func forgetInterruption() {
        interruption.forget()
        stop.clear()
        cluster.forgetStopped()
    }

    /// A signal has come since.
    var isInterrupted: Bool { interruption.isSignalled }

    /// Whether a DESCRIBE asks the cluster.
    func describesTopic(_ sql: String) -> Bool {
        guard var parser = try? Parser(Array(sql.utf8)), let statement = try? parser.next(),
            case .administration(.describeTopic(let name)) = statement
        else { return false }
        return !session.holds(name)
    }

    /// Where the topics are; says so without making a directory.
    var connectionText: String { cluster.text }

    /// `:NAME` of what is typed next; nil takes it away. Gives what is said of it.
    func setParameter(_ name: String, _ value: String?) -> String {
        guard let value else {
            let known = session.parameterValues[name] != nil
            session.setParameter(name, nil)
            return known ? ":\(name) has no value any more." : ":\(name) had no value."
        }
        session.setParameter(name, value)
        return ":\(name) is '\(value)'."
    }

    var parameterText: String {
        session.parameterValues.sorted { $0.key < $1.key }.map { ":\($0.key) = '\($0.value)'" }
            .joined(separator: "\n")
    }

    /// `\pset` of the prompt.
    func setOutput(_ name: String, _ value: String) -> String { output.set(name, value) }

    /// For completion at the prompt: without a word on stderr, and without a cluster where none
    /// was made.
    var names: StatementCompletion.Names {
        var names = StatementCompletion.Names()
        names.relations = { [unowned self] in
            quietly { session.completionRelations(connects: cluster.mayBeAsked) }
        }
        names.columns = { [unowned self] query in quietly { session.columns(of: query) } }
        names.settings = { [unowned self] in session.settingNames }
        names.functions = QuerySession.functionNames
        names.tables = QuerySession.tableFunctionNames
        return names
    }

    private func quietly<Value>(_ body: () -> Value) -> Value {
        notes.isOff = true
        defer { notes.isOff = false }
        return cluster.lookOnly(body)
    }

    /// False when nobody reads the answers any more.
    func run(_ script: QueryScript) throws(CommandFailure) -> Bool {
        var statements = try script.statements()
        while let statement = try script.next(&statements) {
            guard try run(statement, script), !interruption.isSignalled else { return false }
        }
        return true
    }

    private func run(
        _ statement: Statement, _ script: QueryScript
    ) throws(CommandFailure) -> Bool {
        do throws(StatementError) {
            if let administration = try self.administration(statement) {
                if administration.changesCluster {
                    do throws(SQLError) {
                        try session.refuseInTransaction(administration.tag)
                    } catch {
                        throw .statement(error)
                    }
                }
                return try administer(administration)
            }
            return try query(statement)
        } catch {
            switch error {
            case .statement(let error): throw CommandFailure(script.report(error))
            case .client(let error): throw cluster.failure(error)
            case .command(let failure): throw failure
            }
        }
    }

    /// What is the cluster's: statements on topics and groups, unless the session keeps a relation
    /// of the name.
    private func administration(
        _ statement: Statement
    ) throws(StatementError) -> AdministrationStatement? {
        switch statement {
        case .administration(.describeTopic(let name)) where session.holds(name): return nil
        case .administration(.deleteRecords(let deletion)) where session.holds(deletion.topic):
            return nil
        case .administration(let statement): return statement
        case .delete(let delete) where !session.holds(delete.table):
            guard let deletion = delete.recordDeletion else {
                throw StatementError(
                    "this condition is not supported by DELETE", .featureNotSupported,
                    at: delete.place,
                    hint: "Records of a topic go by WHERE _offset < number "
                        + "[AND _partition = number].")
            }
            return .deleteRecords(deletion)
        default: return nil
        }
    }

    private func administer(_ statement: AdministrationStatement) throws(StatementError) -> Bool {
        let thread = try cluster.thread()
        let clock = thread.connection.loop.clock
        let runner = StatementRunner(cluster: thread.connection.cluster) { clock.wallMilliseconds }
        let outcome = try thread.call { () async throws(StatementError) in
            try await runner.run(statement)
        }
        return try output.write(outcome, tag: statement.tag)
    }

    private func query(_ statement: Statement) throws(StatementError) -> Bool {
        let target = output.rows()
        let outcome: QuerySession.Outcome
        do throws(SQLError) {
            outcome = try session.run(described(statement), output: target)
        } catch {
            // Rows that were ready before the error are kept.
            if !target.isClosed { try? target.flush() }
            throw .statement(error)
        }
        if outcome.skipped > 0 {
            status = 3
            let noun = outcome.skipped == 1 ? "line was" : "lines were"
            StandardError.write(line: "rtd: \(outcome.skipped) \(noun) skipped (--on-error skip)")
        }
        // A table has its count below it.
        if !(statement.isOfRows && output.isForPeople) { output.writeTag(outcome.tag) }
        return !target.isClosed
    }

    /// DESCRIBE of a relation of the session.
    private func described(_ statement: Statement) -> Statement {
        guard case .administration(.describeTopic(let name)) = statement else { return statement }
        return .describe(RelationSyntax(.name([name]), name.place))
    }
}

/// Whether notes for people are said. Set by the prompt's thread, asked by any.
private final class NoteSwitch: Sendable {
    private let off = Atomic(false)

    var isOff: Bool {
        get { off.load(ordering: .relaxed) }
        set { off.store(newValue, ordering: .relaxed) }
    }
}

extension Statement {
    fileprivate var isOfRows: Bool {
        switch self {
        case .query, .show, .showRelations, .describe, .explain: true
        case .administration(.describeTopic): true
        default: false
        }
    }
}

extension AdministrationStatement {
    /// What a transaction could not take back.
    fileprivate var changesCluster: Bool {
        switch self {
        case .showTopics, .showGroups, .showConfigs, .describeTopic, .describeGroup: false
        case .createTopic, .alterTopic, .dropTopics, .dropGroups, .resetOffsets, .deleteRecords:
            true
        }
    }
}

extension QueryScript {
    func statements() throws(CommandFailure) -> Parser {
        do throws(SQLError) {
            return try Parser(text, isDeep: true)
        } catch {
            throw CommandFailure(report(error))
        }
    }

    func next(_ parser: inout Parser) throws(CommandFailure) -> Statement? {
        do throws(SQLError) {
            return try parser.next()
        } catch {
            throw CommandFailure(report(error))
        }
    }
}
