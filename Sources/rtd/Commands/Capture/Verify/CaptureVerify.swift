import ArgumentParsing
import Bytes
import ChangeDataCapture
import Formats
import KafkaClient
import Platform
import Query
import Records

/// `rtd cdc --verify`: compares the rows of the source's tables with those that its topics hold, at
/// one position of the source's log.
///
/// A temporary slot exports a snapshot and says exactly where it stands; the topics are read up to
/// a cut at or behind that place, without the transactions that come after it. Large tables are
/// compared in several passes, each with a share of the keys and a snapshot of its own.
enum CaptureVerify {
    /// What the digests of a pass may take, unless `--memory` says it.
    static let memoryBytesDefault = 256 << 20

    static func run(
        _ address: PostgresAddress, _ options: CaptureOptions, _ interruption: Interruption
    ) throws(CommandFailure) -> Int32 {
        let plan = try CapturePlan(address, options)
        guard plan.format == .debezium else {
            throw CommandFailure("--verify reads topics in --format debezium only")
        }
        let thread = try ClusterThread("cdc", options.connection, options.reporting)
        defer { thread.close() }
        let topics = VerifiedTopics(thread, plan)
        var results: [TableDigest] = []
        var pass = 0
        var passes = 1
        while pass < passes {
            let sink = VerifySink(plan, topics, pass: pass) { tables throws(ClientError) in
                if pass == 0 {
                    passes = try topics.passes(
                        tables, memory: options.memory ?? memoryBytesDefault)
                }
                return passes
            }
            try compare(plan, sink, interruption)
            guard sink.isDone else { return 1 }
            for table in sink.tables {
                if pass == 0 {
                    results.append(table)
                } else {
                    // One that was made between two passes is not looked at.
                    results.first { $0.name == table.name }?.add(table)
                }
            }
            pass += 1
        }
        do throws(CaptureError) { try CaptureText.write(text(results)) } catch {
            throw CommandFailure(error)
        }
        return results.allSatisfy(\.isEqual) ? 0 : 1
    }

    private static func compare(
        _ plan: CapturePlan, _ sink: VerifySink, _ interruption: Interruption
    ) throws(CommandFailure) {
        var configuration = plan.configuration(after: nil)
        configuration.slot = .temporary
        configuration.snapshot = .initial
        configuration.end = .never
        do {
            let capture = try Capture(configuration)
            sink.stop = { capture.isStopping }
            interruption.handle { capture.stop() }
            _ = try capture.run(into: sink)
        } catch VerifyEnd.done {
            return
        } catch let error as CommandFailure {
            throw error
        } catch let error as CaptureError {
            throw CommandFailure(error)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private static func text(_ tables: [TableDigest]) -> String {
        func hex(_ sum: UInt64) -> String {
            let digits = String(sum, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        var rows = [["table", "rows", "in the topic", "checksum", "of the topic", "verdict"]]
        for table in tables {
            rows.append([
                table.name, "\(table.sourceRows)", "\(table.topicRows)", hex(table.sourceSum),
                hex(table.topicSum), table.isEqual ? "equal" : "different",
            ])
        }
        var text = CaptureText.table(rows)
        for table in tables where !table.isEqual {
            for example in table.examples { text += "\(table.name): \(example)\n" }
            let more = table.differences - table.examples.count
            if more > 0 { text += "\(table.name): \(more) more\n" }
        }
        return text
    }
}

/// How a pass ends that has seen all rows.
private enum VerifyEnd: Error { case done }

/// Compares the rows of a snapshot with what the topics hold at its position. On the thread that
/// runs the source.
private final class VerifySink: ChangeSink {
    private let plan: CapturePlan
    private let topics: VerifiedTopics
    private let pass: Int
    private let passes: ([CapturedTable]) throws(ClientError) -> Int
    private var encoder: any ChangeEncoder
    private var digests: [ObjectIdentifier: (table: TableDigest, row: EnvelopeDigest)] = [:]
    private(set) var tables: [TableDigest] = []
    private(set) var isDone = false
    var stop: () -> Bool = { false }

    init(
        _ plan: CapturePlan, _ topics: VerifiedTopics, pass: Int,
        passes: @escaping ([CapturedTable]) throws(ClientError) -> Int
    ) {
        self.plan = plan
        self.topics = topics
        self.pass = pass
        self.passes = passes
        var settings = plan.settings
        settings.hasSchemas = false
        settings.hasKeySchemas = false
        encoder = plan.format.encoder(settings)
    }

    var durable: LogSequenceNumber { LogSequenceNumber(0) }

    func notice(_ message: String) {}

    func snapshotBegan(_ tables: [CapturedTable], at position: LogSequenceNumber) throws {
        let cut = try topics.wait(for: position, stop)
        do throws(ClientError) {
            let count = try passes(tables)
            for table in tables {
                let digest = TableDigest(table, share: (pass, count))
                self.tables.append(digest)
                digests[ObjectIdentifier(table)] = (
                    digest, EnvelopeDigest(columns: digest.columns)
                )
                try topics.read(table, digest, cut, before: position, stop)
            }
        } catch {
            throw topics.failure(error)
        }
    }

    func schema(_ table: CapturedTable, at position: LogSequenceNumber) throws {}

    func change(_ change: Change, of bytes: RawSpan) throws {
        guard let table = change.table, change.kind == .read,
            case (let digest, var row)? = digests[ObjectIdentifier(table)]
        else { return }
        var keyBuffer = OutputBuffer(capacity: 64)
        let hasKey = encoder.key(change, of: bytes, into: &keyBuffer)
        var value = OutputBuffer(capacity: 1_024)
        guard encoder.value(change, of: bytes, into: &value) else { return }
        let text = value.bytes.copied()
        guard row.read(text.rawSpan) else { return }
        if hasKey {
            let key = keyBuffer.bytes.copied()
            digest.compare(row.after, key: key.rawSpan)
        } else {
            digest.compareKeyless(row.after)
        }
    }

    func snapshotEnded(at position: LogSequenceNumber) throws {
        for digest in tables {
            digest.finish()
            guard digest.hasLeftOver else { continue }
            do throws(ClientError) {
                try topics.nameLeftOver(digest, stop)
            } catch {
                throw topics.failure(error)
            }
        }
        isDone = true
        throw VerifyEnd.done
    }

    func begin(_ transaction: SourceTransaction) throws {}
    func commit(_ transaction: SourceTransaction, changes: Int) throws {}
    func pause(at position: LogSequenceNumber?) throws {}
}
