import Bytes
import Formats
import KafkaClient
import Platform

// `--explain`: what would be read.
extension ConsumeSession {
    /// Prints a line a partition, from where to where it would be read, and reads nothing.
    func explain() async throws(ConsumeError) {
        let search = TopicSearch(connection: connection, options: options)
        let partitions = try search.partitions(of: try await search.topics())
        var ranges = try await ranges(of: partitions)
        let starts: [TopicPartition: Int64]
        var committed: [TopicPartition: Int64] = [:]
        do throws(ClientError) {
            starts = try await connection.cluster.listOffsets(
                Dictionary(uniqueKeysWithValues: partitions.map { ($0, .earliest) }),
                isolation: isolation)
            if let group = options.group {
                committed = try await connection.cluster.committedOffsets(
                    of: group, in: partitions
                ).mapValues(\.offset)
            }
        } catch {
            throw .client(error)
        }
        if options.group != nil { try await begin(&ranges, at: committed) }
        countOpen()
        var buffer = OutputBuffer(capacity: 256)
        for id in partitions {
            guard let range = ranges[id] else { continue }
            if options.format == .json {
                buffer.append(json: id, range, starts[id] ?? 0, committed[id])
            } else {
                buffer.append(text: id, range, starts[id] ?? 0, committed[id])
            }
        }
        do throws(SystemError) {
            try StandardOutput.write(buffer.bytes)
        } catch {
            throw .output(error)
        }
    }

    /// A group goes on where it has committed, else where `-o` or `auto.offset.reset` says.
    private func begin(
        _ ranges: inout [TopicPartition: ReadingRange], at committed: [TopicPartition: Int64]
    ) async throws(ConsumeError) {
        for (id, range) in ranges {
            var range = range
            if let offset = committed[id] {
                range.from = offset
            } else if options.offset.start == nil || options.offset.start == .stored {
                switch connection.properties.offsetReset ?? .earliest {
                case .earliest: break
                case .latest: range.from = range.logEnd
                case .none:
                    throw .client(.noCommittedOffset(group: options.group ?? "", id))
                }
            }
            ranges[id] = range
        }
    }
}

extension OutputBuffer {
    /// `t partition 0: from 3 up to 10, of 0 up to 10; committed 3`
    fileprivate mutating func append(
        text id: TopicPartition, _ range: ReadingRange, _ logStart: Int64, _ committed: Int64?
    ) {
        var text = "\(id.topic) partition \(id.partition): from \(range.from) "
        text += range.end.map { "up to \($0)" } ?? "on"
        text += ", of \(logStart) up to \(range.logEnd)"
        if let committed { text += "; committed \(committed)" }
        append(utf8: text + "\n")
    }

    fileprivate mutating func append(
        json id: TopicPartition, _ range: ReadingRange, _ logStart: Int64, _ committed: Int64?
    ) {
        append("{\"topic\":")
        append(jsonString: id.topic)
        let fields: [(String, Int64?)] = [
            ("partition", Int64(id.partition)), ("from", range.from), ("to", range.end),
            ("log_start", logStart), ("log_end", range.logEnd), ("committed", committed),
        ]
        for (name, value) in fields {
            append(utf8: ",\"\(name)\":")
            append(utf8: value.map { "\($0)" } ?? "null")
        }
        append("}\n")
    }
}
