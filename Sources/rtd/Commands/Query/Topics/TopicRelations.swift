import Formats
import KafkaClient
import Platform
import Query

/// The topics of the command's cluster, and of those that a query names, as relations.
struct TopicRelations: TopicCatalog {
    private let clusters: SessionClusters
    private let note: @Sendable (String) -> Void
    private let board = CutBoard()

    init(_ clusters: SessionClusters, note: @escaping @Sendable (String) -> Void) {
        self.clusters = clusters
        self.note = note
    }

    func relation(_ reference: TopicReference) throws(SQLError) -> (any SourceRelation)? {
        let thread = try connected(reference)
        let all = try describe(thread)
        guard let topic = topic(reference, all) else { return nil }
        if reference.mayBeCaptured,
            let table = try captured(topic, in: all, thread, reference)
        {
            return table
        }
        return try relation(topic, in: all, thread, reference)
    }

    /// nil: no capture writes the topic, or it writes something else than envelopes.
    private func captured(
        _ topic: Metadata.Topic, in all: Metadata, _ thread: ClusterThread,
        _ reference: TopicReference
    ) throws(SQLError) -> TopicRelation? {
        guard
            let tables = try board.tables(
                of: topic.name, in: all, thread, brokers: reference.brokers)
        else { return nil }
        var reference = reference
        reference.form = .debezium
        let table = try relation(topic, in: all, thread, reference, tables)
        return table.isOfEnvelopes ? table : nil
    }

    private func relation(
        _ topic: Metadata.Topic, in all: Metadata, _ thread: ClusterThread,
        _ reference: TopicReference, _ tables: CapturedTables? = nil
    ) throws(SQLError) -> TopicRelation {
        let book = try clusters.schemas(reference, thread)
        do throws(ConsumeError) {
            return try TopicRelation(
                topic, of: all.clusterID, thread, reference, tables, book, note: note)
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
    }

    func startStatement() { board.startStatement() }

    var isConnected: Bool { clusters.isConnected }

    func names() -> [String] {
        guard let thread = try? clusters.thread() else { return [] }
        let all = thread.call { () async in
            try? await thread.connection.cluster.describe()
        }
        return all?.topics.values.filter { !$0.isInternal }.map(\.name).sorted() ?? []
    }

    func output(
        _ reference: TopicReference, _ form: TopicOutputForm,
        within transaction: (any ResultTransaction)?
    ) throws(SQLError) -> (any ResultOutput)? {
        let thread = try connected(reference)
        guard let topic = topic(reference, try describe(thread)) else { return nil }
        guard let transaction else { return TopicOutput(topic, thread, form) }
        guard let ours = transaction as? TopicTransaction, ours.thread === thread else {
            throw SQLError(
                "the late rows and the rows of a query with --state go to one cluster",
                .featureNotSupported)
        }
        ours.add(topic.name)
        return TopicOutput(topic, thread, form, within: ours)
    }

    func transaction(for reference: TopicReference) throws(SQLError) -> any ResultTransaction {
        TopicTransaction(try connected(reference), brokers: reference.brokers)
    }

    private func connected(_ reference: TopicReference) throws(SQLError) -> ClusterThread {
        do throws(StatementError) {
            return try clusters.thread(brokers: reference.brokers)
        } catch {
            throw SQLError(error.text, .systemError)
        }
    }

    private func describe(_ thread: ClusterThread) throws(SQLError) -> Metadata {
        do throws(ClientError) {
            return try thread.call { () async throws(ClientError) in
                try await thread.connection.cluster.describe()
            }
        } catch {
            throw SQLError(error.description, .systemError)
        }
    }

    /// By its exact name, else by the only one that differs in nothing but case.
    private func topic(_ reference: TopicReference, _ all: Metadata) -> Metadata.Topic? {
        if let exact = all.topics[reference.name] { return exact }
        guard !reference.isQuoted else { return nil }
        let folded = reference.name.lowercased()
        let matches = all.topics.values.filter { $0.name.lowercased() == folded }
        return matches.count == 1 ? matches.first : nil
    }
}

// COPY (query) TO 'kafka://...'.
extension TopicRelations {
    func copyTarget(
        _ url: String, _ options: [String: String], _ place: Range<Int>
    ) throws(SQLError) -> (any ResultOutput)? {
        guard let reference = TopicReference(url: url) else {
            throw SQLError(
                "\"\(url)\" names no topic", .invalidParameterValue, at: place,
                hint: "Write 'kafka://host:port/topic'.")
        }
        try CopyOptions(options, place).allow([])
        let form: TopicOutputForm
        switch (options["format"] ?? "json").lowercased() {
        case "json": form = .plain
        case "upsert": form = .upsert
        case "debezium": form = .debezium
        case let other:
            throw SQLError(
                "COPY format \"\(other)\" is not supported for topics", .featureNotSupported,
                at: place, hint: "Formats are json, upsert and debezium.")
        }
        guard let output = try output(reference, form, within: nil) else {
            throw SQLError(
                "topic \"\(reference.name)\" does not exist", .undefinedRelation, at: place)
        }
        return output
    }
}

extension StatementError {
    /// The words alone.
    var text: String {
        switch self {
        case .statement(let error): error.message
        case .client(let error): error.description
        case .command(let failure): failure.message
        }
    }
}
