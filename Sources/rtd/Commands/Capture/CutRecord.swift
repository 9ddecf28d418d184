import Bytes
import ChangeDataCapture
import Formats
import KafkaClient

/// A record of the topic of cuts: up to `lsn` everything is in the topics, and no record at or
/// behind the offsets belongs to it. A query over several topics reads them at one cut.
struct CutRecord: Sendable, Equatable {
    var slot: String
    var lsn: LogSequenceNumber
    var ends: [TopicPartition: Int64]
    /// Backfills that are not done.
    var backfills: [BackfillState] = []
    /// Whose log `lsn` is of.
    var server: SourceServer?
    /// Of a publication that was given.
    var tables: FollowedTables?

    /// All rows that the tables had at its position are in the topics.
    var isWhole: Bool { backfills.isEmpty }

    /// Whether a topic's changes are under this cut.
    func has(topic: String) -> Bool { ends.keys.contains { $0.topic == topic } }

    /// `{"lsn":"0/16B2D88","slot":"rtd_shop","offsets":{"shop.public.orders-0":12},
    /// "server":"7412345678901234567/1"}`.
    var value: [UInt8] {
        var buffer = OutputBuffer(capacity: 256)
        buffer.append(utf8: "{\"lsn\":\"\(lsn)\",\"slot\":")
        buffer.append(jsonString: slot)
        buffer.append(",\"offsets\":")
        var separator = UInt8(ascii: "{")
        for (partition, end) in ends.sorted(by: { $0.key < $1.key }) {
            buffer.append(separator)
            separator = UInt8(ascii: ",")
            buffer.append(jsonString: "\(partition.topic)-\(partition.partition)")
            buffer.append(UInt8(ascii: ":"))
            buffer.append(decimal: end)
        }
        if separator == UInt8(ascii: "{") { buffer.append(separator) }
        buffer.append("}")
        if let server { buffer.append(utf8: ",\"server\":\"\(server)\"") }
        if let tables { buffer.append(tables.json) }
        if !backfills.isEmpty {
            buffer.append(",\"backfills\":")
            buffer.append(BackfillState.json(backfills))
        }
        buffer.append("}")
        return buffer.bytes.copied()
    }

    /// nil: not a cut, or not of `slot`; without one any slot's is taken.
    init?(_ value: RawSpan, slot wanted: String?) {
        let members = Self.members(value.copied())
        guard let slot = members["slot"], wanted == nil || slot == wanted,
            let lsn = members["lsn"].flatMap({ LogSequenceNumber($0) })
        else { return nil }
        self.slot = slot
        self.lsn = lsn
        backfills = members["backfills"].map { BackfillState.read($0) } ?? []
        server = members["server"].flatMap { SourceServer($0) }
        tables = FollowedTables(members)
        ends = [:]
        for (name, text) in Self.members(Array((members["offsets"] ?? "").utf8)) {
            guard let dash = name.lastIndex(of: "-"), let end = Int64(text),
                let partition = Int32(name[name.index(after: dash)...])
            else { continue }
            ends[TopicPartition(String(name[..<dash]), partition)] = end
        }
    }

    init(
        slot: String, lsn: LogSequenceNumber, ends: [TopicPartition: Int64],
        backfills: [BackfillState] = [], server: SourceServer? = nil,
        tables: FollowedTables? = nil
    ) {
        self.slot = slot
        self.lsn = lsn
        self.ends = ends
        self.backfills = backfills
        self.server = server
        self.tables = tables
    }

    static func members(_ text: [UInt8]) -> [String: String] { JSONMembers.read(text) }
}
