import Formats
import KafkaClient
import Platform
import Query

/// The topics of the command's cluster as relations.
struct TopicRelations: TopicCatalog {
    private let cluster: LazyCluster
    private let time: DeclaredTime?

    init(_ cluster: LazyCluster, time: DeclaredTime?) {
        self.cluster = cluster
        self.time = time
    }

    func relation(
        _ name: String, isQuoted: Bool, url: String?, isStream: Bool, wanted: Set<String>?
    ) throws(SQLError) -> (any SourceRelation)? {
        guard url == nil else {
            throw SQLError(
                "topics of another cluster in a URL are not supported yet", .featureNotSupported,
                hint: "Name the cluster by --broker.")
        }
        let thread = try connected()
        guard let topic = try topic(name, isQuoted: isQuoted, thread) else { return nil }
        do throws(ClientError) {
            return try TopicRelation(topic, thread, isStream: isStream, wanted: wanted, time: time)
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
    }

    func names() -> [String] {
        guard let thread = try? cluster.thread() else { return [] }
        let all = thread.call { () async in
            try? await thread.connection.cluster.describe()
        }
        return all?.topics.values.filter { !$0.isInternal }.map(\.name).sorted() ?? []
    }

    func output(_ name: String, columns: [Field]) throws(SQLError) -> (any ResultOutput)? {
        let thread = try connected()
        guard let topic = try topic(name, isQuoted: false, thread) else { return nil }
        return TopicOutput(topic, thread)
    }

    private func connected() throws(SQLError) -> ClusterThread {
        do throws(StatementError) {
            return try cluster.thread()
        } catch {
            throw SQLError(error.text, .systemError)
        }
    }

    /// By its exact name, else by the only one that differs in nothing but case.
    private func topic(
        _ name: String, isQuoted: Bool, _ thread: ClusterThread
    ) throws(SQLError) -> Metadata.Topic? {
        let all: Metadata
        do throws(ClientError) {
            all = try thread.call { () async throws(ClientError) in
                try await thread.connection.cluster.describe()
            }
        } catch {
            throw SQLError(error.description, .systemError)
        }
        if let exact = all.topics[name] { return exact }
        guard !isQuoted else { return nil }
        let folded = name.lowercased()
        let matches = all.topics.values.filter { $0.name.lowercased() == folded }
        return matches.count == 1 ? matches.first : nil
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
