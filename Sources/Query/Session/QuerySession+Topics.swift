import Aggregation
import Formats
import SQL

// INSERT INTO a topic: by its name, by its URL, or through a source over it.
extension QuerySession {
    struct TopicTarget {
        var topic: TopicReference
        var form = TopicOutputForm.plain
        /// Columns of the target that have a type; empty: the query's.
        var columns: [Field] = []
        /// PRIMARY KEY.
        var keys: [String] = []
        var delivery = TopicDelivery.best
    }

    /// nil: the target is a table of the session.
    func topicTarget(_ insert: InsertSyntax) throws(SQLError) -> TopicTarget? {
        if insert.table.text.hasPrefix("kafka://") {
            return TopicTarget(
                topic: try TopicReference.parse(insert.table.text, insert.table.place))
        }
        guard let found = try catalog.find(insert.table), let entry = catalog.entries[found]
        else {
            return TopicTarget(
                topic: TopicReference(insert.table.text, isQuoted: insert.table.isQuoted))
        }
        guard case .source(let definition) = entry else { return nil }
        let source = try SourceDefinition(definition)
        guard case .kafka(let topic) = source.connector else {
            throw SQLError(
                "rows cannot be inserted into the file of \"\(found)\"", .featureNotSupported,
                at: insert.table.place, hint: "COPY (query) TO 'file' writes files.")
        }
        guard !topic.isAvro else {
            throw SQLError(
                "rows are written to topics as JSON, and \"\(found)\" is Avro",
                .featureNotSupported, at: insert.table.place)
        }
        var target = TopicTarget(
            topic: topic, form: source.outputForm, keys: source.keys, delivery: source.delivery)
        for case .column(let column) in definition.elements where column.generated == nil {
            guard column.metadata == nil, let type = column.type else { continue }
            target.columns.append(Field(column.name.text, try type.resolved()))
        }
        return target
    }

    /// nil: this call has no topics.
    func insert(
        _ insert: InsertSyntax, _ target: TopicTarget
    ) throws(SQLError) -> Outcome? {
        guard let topics = environment.topics, let query = insert.query else { return nil }
        let transaction = try keptTransaction(target, insert.table.place)
        guard let output = try topics.output(target.topic, target.form, within: transaction)
        else {
            guard target.topic.brokers != nil || !target.columns.isEmpty else {
                var error = catalog.missing(insert.table)
                let name = insert.table.text
                error.hint =
                    error.hint ?? "CREATE TOPIC \(name) makes a topic of it, CREATE TABLE \(name) "
                    + "(...) a table of this call."
                throw error
            }
            throw SQLError(
                "topic \"\(target.topic.name)\" does not exist", .undefinedRelation,
                at: insert.table.place, hint: "CREATE TOPIC makes it.")
        }
        try refuseInTransaction("INSERT INTO a topic")
        guard insert.returning.isEmpty else {
            throw SQLError(
                "RETURNING is not supported for topics", .featureNotSupported, at: insert.place)
        }
        let names = insert.columns.map(\.text)
        var prepared: PreparedQuery
        if insert.columns.isEmpty, !target.columns.isEmpty {
            prepared = try prepare(
                query, assigning: target.columns.map(\.type), names: target.columns.map(\.name))
        } else {
            prepared = try prepareRecords(query, names)
        }
        guard names.isEmpty || names.count == prepared.columns.count else {
            let more = names.count > prepared.columns.count
            throw SQLError(
                more
                    ? "INSERT has more target columns than expressions"
                    : "INSERT has more expressions than target columns", .syntaxError,
                at: insert.place)
        }
        for (index, name) in names.enumerated() { prepared.columns[index].name = name }
        let keys = target.keys.compactMap { key in
            prepared.columns.firstIndex { $0.name == key }
        }
        if !keys.isEmpty, keys.count == target.keys.count {
            try requireKey(of: prepared, keys, target, insert.place)
            prepared.key = keys
        }
        let count = try executeKept(prepared, output, transaction, target.delivery)
        return Outcome(tag: "INSERT 0 \(count)")
    }

    /// What is taken back is told by its key: were there two rows of one, the deletion of one of
    /// them would delete both.
    private func requireKey(
        of prepared: PreparedQuery, _ keys: [Int], _ target: TopicTarget, _ place: Range<Int>
    ) throws(SQLError) {
        guard prepared.isChangelog, !prepared.plan.facts.isAppendOnly,
            !prepared.plan.isUnique(in: Set(keys))
        else { return }
        let names = prepared.columns.map(\.name)
        let known = prepared.plan.facts.key.map { key in key.map { names[$0] } } ?? []
        let cure =
            known.isEmpty
            ? "GROUP BY the columns of the key, or take them from the key of the input."
            : "The rows have the key (\(known.joined(separator: ", ")))."
        throw SQLError(
            "the primary key (\(target.keys.joined(separator: ", "))) may be that of several rows "
                + "of the query, which takes rows back", .invalidColumnReference, at: place,
            hint: cure)
    }

    /// Columns that have a place of their own in a record, with their types.
    private static let recordColumns: [String: DataType] = [
        "_timestamp": .timestamptz, "_partition": .integer, "_headers": .jsonb,
    ]

    /// With the parts of a record cast as values of columns are. `names`: what the columns are
    /// called, if not as the query has it.
    private func prepareRecords(
        _ query: QuerySyntax, _ names: [String]
    ) throws(SQLError) -> PreparedQuery {
        let prepared = try prepare(query, isOutput: true)
        let columns = prepared.columns
        guard names.isEmpty || names.count == columns.count else { return prepared }
        let called = names.isEmpty ? columns.map(\.name) : names
        let types = called.enumerated().map { index, name in
            called.firstIndex(of: name) == index ? Self.recordColumns[name] : nil
        }
        let isCast = zip(types, columns).contains { $0 != nil && $0 != $1.type }
        guard isCast else { return prepared }
        // Objects are what they are before they leave as JSON.
        let inner = try prepare(query).columns
        let targets = zip(zip(called, types), inner).map { given, column in
            AssignmentTargets.Column(given.0, given.1 ?? column.type)
        }
        var cast = try prepare(
            query, assigning: AssignmentTargets(targets, query.place), isOutput: true)
        for index in cast.columns.indices { cast.columns[index].name = columns[index].name }
        return cast
    }
}
