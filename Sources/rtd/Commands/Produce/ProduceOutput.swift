import Bytes
import Formats
import KafkaClient
import Platform
import Records

/// `-T`: the values as they were read, on stdout; on the reader's thread.
struct TeeOutput: ~Copyable {
    let isOn: Bool
    private let delimiter: [UInt8]
    private var buffer = OutputBuffer(capacity: 1_024)

    init(_ settings: ProduceSettings) {
        isOn = settings.echo == .tee
        delimiter = settings.parser.delimiter
    }

    mutating func add(_ record: ParsedRecord, _ bytes: RawSpan) {
        if let value = record.value { buffer.append(bytes, value) }
        buffer.append(delimiter)
    }

    mutating func write(_ delivery: Delivery) {
        guard !buffer.isEmpty else { return }
        writeOutput(buffer.bytes, delivery)
        buffer.removeAll()
    }
}

/// `--report`: a JSON line a record when it is acknowledged; on the loop's thread.
final class DeliveryReport: @unchecked Sendable {
    private let topic: String
    private var sources: [Int32: RecordSource] = [:]

    init(topic: String) {
        self.topic = topic
    }

    func add(_ batch: Delivery.Batch, _ result: Result<Int64, ClientError>, _ delivery: Delivery) {
        guard case .success(let base) = result else { return }
        let source = source(batch.partition)
        var buffer = OutputBuffer(capacity: 64 * batch.records)
        for index in 0..<batch.records {
            buffer.append(source.jsonPrefix)
            if base >= 0 {
                buffer.append(decimal: base + Int64(index))
            } else {
                buffer.append("null")
            }
            buffer.append("}\n")
        }
        writeOutput(buffer.bytes, delivery)
    }

    private func source(_ partition: Int32) -> RecordSource {
        if let known = sources[partition] { return known }
        let made = RecordSource(topic: topic, partition: partition)
        sources[partition] = made
        return made
    }
}

/// Writes to stdout, and notes the first error; nothing is written after it. A reader that has left
/// is no error: what he read was a copy, and the records are sent on.
func writeOutput(_ bytes: RawSpan, _ delivery: Delivery) {
    guard bytes.byteCount > 0, delivery.state.isOutputWanted else { return }
    do throws(SystemError) {
        try StandardOutput.write(bytes)
    } catch {
        delivery.update {
            $0.isOutputWanted = false
            if !error.isBrokenPipe { $0.outputError = error }
        }
    }
}
