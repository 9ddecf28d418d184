import Aggregation
import Formats
import Platform
import SQL

// --state: the query of the session whose state is kept.
extension QuerySession {
    /// Runs a query of the user's, and keeps its state if that is asked for. `transaction`: what
    /// `output` writes within.
    func executeKept(
        _ prepared: PreparedQuery, _ output: any ResultOutput,
        _ transaction: (any ResultTransaction)?, _ delivery: TopicDelivery = .best
    ) throws(SQLError) -> Int {
        guard let path = environment.stateDirectory, explained == nil else {
            return try execute(prepared, output)
        }
        guard !hasKeptQuery else {
            throw SQLError(
                "--state keeps one query, and this is the second", .featureNotSupported,
                hint: "Run each in a call of its own, with a directory of its own.")
        }
        let execution = try QueryExecution(
            stepping(prepared), environment, settings: settings.settings, output)
        if execution.prepared.policy != prepared.policy, !execution.compiled.isAppendOnly {
            throw SQLError(
                "--state keeps a query whose rows leave while it runs, and those of this one "
                    + "leave at the end", .featureNotSupported,
                hint: "Add STREAM behind the topic, or EMIT CHANGES behind the query.")
        }
        var transaction = transaction
        let topics = environment.topics
        execution.lateRows = try connectLateRows(of: execution.compiled, prepared.emit) {
            reference throws(SQLError) in
            if let transaction { return transaction }
            guard let topics else {
                throw SQLError("there are no topics here", .featureNotSupported)
            }
            let made = try topics.transaction(for: reference)
            transaction = made
            return made
        }
        hasKeptQuery = true
        let kept = try KeptQuery(
            path, execution, output, environment, transaction,
            name: transactionName ?? newTransactionName(delivery),
            columns: catalog.inputs.kept)
        transactionName = kept.transactionName
        do {
            try kept.run()
        } catch {
            // It is bound again, with a wider type.
            if InputRestart.isAsked(by: error) { hasKeptQuery = false }
            throw error
        }
        return finish(execution, keepsLate: execution.lateRows != nil)
    }

    /// Of what a kept query writes to a topic; nil: its rows count as they come.
    func keptTransaction(
        _ target: TopicTarget, _ place: Range<Int>
    ) throws(SQLError) -> (any ResultTransaction)? {
        guard environment.stateDirectory != nil else {
            if case .exactlyOnce = target.delivery {
                throw SQLError(
                    "exactly-once delivery needs the state of the query to be kept",
                    .featureNotSupported, at: place,
                    hint: "rtd query --state DIR keeps it; without it each result comes at least "
                        + "once.")
            }
            return nil
        }
        return target.delivery == .atLeastOnce
            ? nil : try environment.topics?.transaction(for: target.topic)
    }

    /// Another name for each state, so that one that is begun anew is not taken for the old.
    private func newTransactionName(_ delivery: TopicDelivery) -> String {
        var prefix = "rtd-query"
        if case .exactlyOnce(let told?) = delivery { prefix = told }
        return prefix + "-" + String(environment.random.next(), radix: 36)
    }

    /// Over input that ends rows leave step by step too, where they can.
    private func stepping(_ prepared: PreparedQuery) -> PreparedQuery {
        guard prepared.policy == .once, prepared.emit?.kind != .final else { return prepared }
        var stepping = prepared
        stepping.policy = .frequent
        return stepping
    }
}
