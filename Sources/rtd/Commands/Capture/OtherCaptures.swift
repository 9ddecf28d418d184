import Bytes
import ChangeDataCapture
import KafkaClient
import Records

/// The captures of other slots that keep their cuts where this one does. Two that write one topic
/// would each empty it under the other, and its rows would be those of neither.
struct OtherCaptures: Sendable {
    /// Cuts that are looked at; one that goes on has written some of the last ones.
    private static let cutsMax: Int64 = 16_384

    /// Those whose slots are there.
    private var cuts: [(cut: CutRecord, slot: OtherSlot)] = []

    init() {}

    init(
        _ slots: [OtherSlot], _ partition: TopicPartition, _ cluster: Cluster
    ) async throws(ClientError) {
        guard !slots.isEmpty else { return }
        let names = Set(slots.map(\.name))
        let end = try await CutTopic.end(partition, cluster)
        let found = try await CutTopic.newest(
            partition, before: end, cluster, recordsMax: Self.cutsMax
        ) { names.isSubset(of: $0.map(\.slot)) }
        cuts = found.compactMap { cut in
            slots.first { $0.name == cut.slot }.map { (cut, $0) }
        }
    }

    /// Refuses a table whose topic is another capture's; `table` is its schema and its name,
    /// `server` where it is.
    func check(
        _ topic: String, table: [String], on server: SourceServer?
    ) throws(CaptureOutputError) {
        let other = cuts.first { cut, slot in
            cut.has(topic: topic) && slot.tables?.contains(table.joined(separator: ".")) != false
                && (cut.server == nil || server == nil || cut.server?.system == server?.system)
        }
        guard let other = other?.slot else { return }
        throw .failed(
            CommandFailure(
                "topic \"\(topic)\" is that of the capture of slot \"\(other.name)\" (database "
                    + "\"\(other.database)\"); --topic-prefix NAME gives this one topics of its "
                    + "own, and rtd cdc URL --slots --drop \(other.name) ends the other"))
    }
}
