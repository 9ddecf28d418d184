import Bytes
import ChangeDataCapture
import Formats
import Platform

/// An Avro object container file (https://avro.apache.org/docs/1.11.1/specification): a header with
/// the schema, then blocks of changes, so that the file may be cut behind any of them. It has one
/// schema, so its changes are those of one table, as long as the table's columns stay the same.
///
/// It stands before the target of a `LineSink` and takes the place of its encoder's registry.
final class AvroContainer: LineTarget, SchemaRegistry {
    static let headBytesMax = 4 << 20
    private static let magic: [UInt8] = Array("Obj\u{1}".utf8)
    private static let markerBytes = 16

    let framesValues = false
    private let inner: any LineTarget
    /// Behind the header and each block.
    private let marker: [UInt8]
    private var schema: String?
    private var hasHead: Bool
    /// Changes that the next block has.
    var count: Int64 = 0

    /// `start`: the bytes that a file begins with which goes on; empty: it is a new one.
    init(_ inner: any LineTarget, start: [UInt8], _ name: String) throws(CommandFailure) {
        self.inner = inner
        hasHead = !start.isEmpty
        guard hasHead else {
            let random = SystemRandom()
            marker = (0..<Self.markerBytes).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            return
        }
        guard let head = Self.head(start) else {
            throw CommandFailure(
                "\(name) was written in another format; --format says it (or name a new file)")
        }
        (schema, marker) = head
    }

    /// The schema and the marker of a header.
    private static func head(_ bytes: [UInt8]) -> (String, [UInt8])? {
        guard bytes.starts(with: magic) else { return nil }
        var reader = ByteReader(bytes.rawSpan)
        _ = reader.take(magic.count)
        var schema: String?
        while !reader.failed {
            let count = reader.varlong()
            if count == 0 { break }
            if count < 0 { _ = reader.varlong() }
            for _ in 0..<count.magnitude {
                if reader.failed { break }
                let name = reader.string(Int(truncatingIfNeeded: reader.varlong()))
                let value = reader.array(Int(truncatingIfNeeded: reader.varlong()))
                if name == "avro.schema" { schema = String(decoding: value, as: UTF8.self) }
            }
        }
        let marker = reader.array(markerBytes)
        guard let schema, !reader.failed else { return nil }
        return (schema, marker)
    }

    func id(
        of schema: String, topic: [String], isKey: Bool
    ) throws(SchemaRegistrationError) -> UInt32 {
        guard let known = self.schema, known != schema else {
            self.schema = schema
            return 0
        }
        let table = topic.dropFirst().joined(separator: ".")
        func name(_ text: String) -> String? { JSONMembers.read(Array(text.utf8))["namespace"] }
        guard name(known) == name(schema) else { throw .failed(Self.several(table)) }
        throw .failed(
            "the columns of \(table) are not what they were, and an Avro file has one schema: "
                + "another file, with --to and --slot, begins with the rows as they are")
    }

    /// What is said where more tables come than a file can have.
    static func several(_ table: String) -> String {
        "an Avro file has the changes of one table, and \(table) is another one: --tables TABLE "
            + "names one, and --to topics takes all"
    }

    func write(_ bytes: borrowing OutputBuffer) throws(CaptureOutputError) {
        var block = OutputBuffer(capacity: bytes.count + 4_096)
        if !hasHead {
            block.append(Self.magic)
            block.append(avroLong: 2)
            block.append(avroString: "avro.codec")
            block.append(avroString: "null")
            block.append(avroString: "avro.schema")
            block.append(avroString: schema ?? "\"null\"")
            block.append(avroLong: 0)
            block.append(marker)
            hasHead = true
        }
        block.append(avroLong: count)
        block.append(avroBytes: bytes.bytes)
        block.append(marker)
        count = 0
        try inner.write(block)
    }
}

// The target behind it.
extension AvroContainer {
    var backfills: [BackfillState] {
        get { inner.backfills }
        set { inner.backfills = newValue }
    }

    var server: SourceServer? {
        get { inner.server }
        set { inner.server = newValue }
    }

    var followed: FollowedTables? {
        get { inner.followed }
        set { inner.followed = newValue }
    }

    var isKept: Bool { inner.isKept }
    var continues: Bool { inner.continues }

    func begins(at position: LogSequenceNumber) { inner.begins(at: position) }

    func reached(
        _ position: LogSequenceNumber, isLast: Bool
    ) throws(CaptureOutputError) -> LogSequenceNumber {
        try inner.reached(position, isLast: isLast)
    }
}
