import Aggregation
import Formats
import SQL

// LATE ROWS TO target: a topic, or a table of the session, which is made if it is not there.
extension QuerySession {
    /// Where the late rows of a compiled query go; nil: nowhere. `transaction`: of a kept query,
    /// which writes them to a topic only.
    func connectLateRows(
        of compiled: CompiledQuery, _ emit: BoundEmit?,
        within transaction: ((TopicReference) throws(SQLError) -> any ResultTransaction)? = nil
    ) throws(SQLError) -> LateRows? {
        guard case .to(let name)? = emit?.late else { return nil }
        guard compiled.lateOutputs.count == 1, let output = compiled.lateOutputs.first else {
            let message =
                compiled.lateOutputs.isEmpty
                ? "LATE ROWS TO needs a windowed aggregate"
                : "LATE ROWS TO is not supported for several windowed aggregates"
            throw SQLError(
                message, compiled.lateOutputs.isEmpty ? .syntaxError : .featureNotSupported,
                at: name.place)
        }
        // Hidden columns and those of the windows are not the row's.
        let shown = output.columns.indices.filter { index in
            let column = output.columns[index].name
            return !LateRows.addedNames.contains(column)
        }
        let columns = shown.map { output.columns[$0] }
        let isEndless = compiled.inputs.contains { $0.relation.isEndless }
        let rows = LateRows(try lateTarget(name, columns, transaction, isEndless), shown)
        try rows.output.begin(columns, isChangelog: false, key: nil)
        output.node.lateTarget = rows
        return rows
    }

    private func lateTarget(
        _ name: Name, _ columns: [Field],
        _ transaction: ((TopicReference) throws(SQLError) -> any ResultTransaction)?,
        _ isEndless: Bool
    ) throws(SQLError) -> any ResultOutput {
        if let target = try topicTarget(InsertSyntax(name, name.place)) {
            if let transaction {
                let within = try transaction(target.topic)
                if let output = try environment.topics?.output(
                    target.topic, target.form, within: within)
                {
                    return output
                }
            } else if let output = try lateTopic(target, name) {
                return output
            }
        }
        guard transaction == nil else {
            throw SQLError(
                "--state keeps late rows in topics, and \"\(name.text)\" is none",
                .featureNotSupported, at: name.place, hint: "CREATE TOPIC makes it.")
        }
        if try catalog.find(name) == nil {
            guard !name.text.hasPrefix("kafka://"), !isEndless else {
                // A table of this call could not be read while the query runs.
                throw SQLError(
                    "topic \"\(name.text)\" does not exist", .undefinedRelation, at: name.place,
                    hint: "CREATE TOPIC makes it.")
            }
            let made = columns.map { RelationColumn($0.name, $0.type.stored) }
            catalog.define(name.text, .table(StoredTable(name.text, made, .init())))
            environment.note("late rows are kept in table \"\(name.text)\" of this call")
        }
        let table = try self.table(name)
        guard table.columns.map(\.type) == columns.map(\.type.stored) else {
            let names = columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
            throw SQLError(
                "table \"\(table.name)\" has other columns than late rows",
                .datatypeMismatch, at: name.place, hint: "They have (\(names)).")
        }
        return TableRows(table)
    }

    /// nil: no such topic. No server is started for the name of a table of the session.
    private func lateTopic(
        _ target: TopicTarget, _ name: Name
    ) throws(SQLError) -> (any ResultOutput)? {
        let isTopic =
            name.text.hasPrefix("kafka://") || target.topic.brokers != nil
            || !target.columns.isEmpty
        guard isTopic else {
            guard try catalog.find(name) == nil else { return nil }
            // Where no server can be asked it is no topic.
            return (try? environment.topics?.output(target.topic, target.form, within: nil)) ?? nil
        }
        return try environment.topics?.output(target.topic, target.form, within: nil)
    }
}

/// Takes rows that came after their last window had closed and writes them to their target.
final class LateRows: Operator {
    let output: any ResultOutput
    private let columns: [Int]
    /// Rows that were written.
    private(set) var rows = 0
    /// What comes has left in an earlier run.
    var isMuted = false

    /// What inputs and windows add to a row.
    static let addedNames: Set<String> = [
        "window_start", "window_end", "window_time", "_file", "_line", "_key", "_offset",
        "_partition", "_timestamp", "_headers", "",
    ]

    init(_ output: any ResultOutput, _ columns: [Int]) {
        self.output = output
        self.columns = columns
        super.init("late rows")
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        guard !isMuted else { return }
        var batch = batch
        if batch.weights != nil {
            // What changes take away is no row; what stands several times is as many.
            let kept = (0..<batch.count).flatMap { row in
                Array(repeating: Int32(row), count: Int(max(0, batch.weight(row))))
            }
            guard !kept.isEmpty else { return }
            batch = batch.gather(kept)
        }
        rows += batch.count
        try output.write(Batch(columns.map { batch.columns[$0] }, count: batch.count))
    }
}

/// Adds the rows of a query to a table of the session.
final class TableRows: ResultOutput {
    private let table: StoredTable

    init(_ table: StoredTable) { self.table = table }

    var isClosed: Bool { false }
    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}
    func write(_ batch: Batch) { table.append([batch]) }
    func endStep() {}
    func flush() {}
    func end() {}
}
