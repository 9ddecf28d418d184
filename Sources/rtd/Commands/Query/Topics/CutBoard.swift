import Formats
import KafkaClient
import Platform
import Query

/// The cuts at which a statement reads captured tables: all tables of a capture at the same one.
/// Used by the session's thread.
final class CutBoard: @unchecked Sendable {
    /// What a topic of cuts held when the statement first asked.
    private struct Known {
        var end: Int64
        var cuts: [CutRecord]
    }

    private var known: [String: Known] = [:]
    private var groups: [String: CapturedTables] = [:]

    func startStatement() {
        known = [:]
        groups = [:]
    }

    /// The tables that are read with this topic, if a capture writes it: beside
    /// `shop.public.orders` lies `shop.cuts`, whose newest cut names it. Throws where a capture has
    /// no cut yet.
    func tables(
        of topic: String, in metadata: Metadata, _ thread: ClusterThread, brokers: String?
    ) throws(SQLError) -> CapturedTables? {
        for cuts in CutBoard.cutTopics(of: topic)
        where metadata.topics[cuts]?.partitions.count == 1 {
            let partition = TopicPartition(cuts, 0)
            let place = "\(brokers ?? "")/\(cuts)"
            let known: Known
            do throws(ClientError) {
                known = try read(partition, place, topic, thread)
            } catch {
                throw SQLError("topic \"\(cuts)\": \(error.description)", .inputOutputError)
            }
            let isOurs = known.cuts.contains { $0.has(topic: topic) }
            let cut = known.cuts.filter { $0.has(topic: topic) && $0.isWhole }
                .max { $0.lsn < $1.lsn }
            guard known.end > 0, cut != nil || !isOurs else {
                throw SQLError(
                    "the rows of \"\(topic)\" are still being captured: \(cuts) has no cut of "
                        + "all rows yet",
                    .objectNotReady,
                    hint: "rtd cdc writes it when all rows are there; read_debezium('\(topic)') "
                        + "shows what has come.")
            }
            guard let cut else { continue }
            let name = "\(place)/\(cut.slot)"
            if let group = groups[name] { return group }
            let group = CapturedTables(partition, cut, next: known.end, thread)
            groups[name] = group
            return group
        }
        return nil
    }

    private func read(
        _ partition: TopicPartition, _ place: String, _ topic: String, _ thread: ClusterThread
    ) throws(ClientError) -> Known {
        if let found = known[place], found.cuts.contains(where: { $0.has(topic: topic) }) {
            return found
        }
        let cluster = thread.connection.cluster
        let before = known[place]?.end
        let read = try thread.call { () async throws(ClientError) in
            var end = before ?? 0
            if before == nil { end = try await CutTopic.end(partition, cluster) }
            let cuts = try await CutTopic.newest(
                partition, before: end, cluster, prefersWhole: true
            ) { found in
                found.contains { $0.has(topic: topic) && $0.isWhole }
            }
            return Known(end: end, cuts: cuts)
        }
        known[place] = read
        return read
    }

    /// A capture's prefix may have dots, and so may its schemas and tables.
    private static func cutTopics(of topic: String) -> [String] {
        let parts = topic.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 2 else { return [] }
        return (1...parts.count - 2).reversed().map { count in
            parts[..<count].joined(separator: ".") + ".cuts"
        }
    }
}
