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

    /// `{"lsn":"0/16B2D88","slot":"rtd_shop","offsets":{"shop.public.orders-0":12}}`.
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
        buffer.append("}}")
        return buffer.bytes.copied()
    }

    /// nil: not a cut of `slot`.
    init?(_ value: RawSpan, slot: String) {
        let members = Self.members(value.copied())
        guard members["slot"] == slot, let lsn = members["lsn"].flatMap({ LogSequenceNumber($0) })
        else { return nil }
        self.slot = slot
        self.lsn = lsn
        ends = [:]
        for (name, text) in Self.members(Array((members["offsets"] ?? "").utf8)) {
            guard let dash = name.lastIndex(of: "-"), let end = Int64(text),
                let partition = Int32(name[name.index(after: dash)...])
            else { continue }
            ends[TopicPartition(String(name[..<dash]), partition)] = end
        }
    }

    init(slot: String, lsn: LogSequenceNumber, ends: [TopicPartition: Int64]) {
        self.slot = slot
        self.lsn = lsn
        self.ends = ends
    }

    /// The members of an object: strings by their value, the others by their text. Empty for what
    /// is no object.
    static func members(_ text: [UInt8]) -> [String: String] {
        var cursor = JSONCursor(text.rawSpan)
        var members: [String: String] = [:]
        do throws(FormatError) {
            try cursor.enterObject()
            while let name = try cursor.nextMember() {
                let key = Self.string(name, text)
                if try cursor.kind() == .string {
                    members[key] = Self.string(try cursor.string(), text)
                } else {
                    let range = try cursor.skip()
                    members[key] = String(decoding: text[range], as: UTF8.self)
                }
            }
        } catch {
            return [:]
        }
        return members
    }

    private static func string(_ string: JSONString, _ text: [UInt8]) -> String {
        var buffer = OutputBuffer(capacity: 64)
        string.decode(from: text.rawSpan, into: &buffer)
        return String(decoding: buffer.bytes.copied(), as: UTF8.self)
    }
}
