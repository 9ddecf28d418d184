import Bytes
import Formats
import Records

@testable import rtd

/// SplitMix64, so that a failing random test can be run again from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A record with its bytes, for comparing.
struct PlainRecord: Equatable, CustomStringConvertible {
    var key: [UInt8]?
    var value: [UInt8]?
    var timestamp: Int64?
    var partition: Int32?
    /// As they lie in a record.
    var headers: [UInt8] = []
    var headerCount = 0

    init(
        _ value: String?, key: String? = nil, timestamp: Int64? = nil, partition: Int32? = nil,
        headers: [RecordHeader] = []
    ) {
        self.key = key.map { Array($0.utf8) }
        self.value = value.map { Array($0.utf8) }
        self.timestamp = timestamp
        self.partition = partition
        set(headers)
    }

    init(_ record: ParsedRecord, in bytes: RawSpan) {
        key = record.key.map { bytes.extracting($0).copied() }
        value = record.value.map { bytes.extracting($0).copied() }
        timestamp = record.timestamp
        partition = record.partition
        headers = record.headers.bytes
        headerCount = record.headers.count
    }

    mutating func set(_ list: [RecordHeader]) {
        let encoded = EncodedHeaders(list)
        headers = encoded.bytes
        headerCount = encoded.count
    }

    var description: String {
        func text(_ bytes: [UInt8]?) -> String {
            bytes.map { "\"\(String(decoding: $0, as: UTF8.self))\" \($0)" } ?? "null"
        }
        let time = timestamp.map(String.init) ?? "-"
        return "\(text(key)) => \(text(value)) @\(time) p\(partition ?? -1) h\(headers)"
    }
}

/// Collects records and, where the parser throws, messages.
struct CollectingSink: RecordSink {
    var records: [PlainRecord] = []

    mutating func append(_ record: ParsedRecord, in bytes: RawSpan) throws(RecordTextError) {
        records.append(PlainRecord(record, in: bytes))
    }
}

/// What came of an input: its records and the messages about bad ones, in order of their kind.
struct Parsed: Equatable {
    var records: [PlainRecord] = []
    var errors: [String] = []
}

/// Parses `input`, which arrives in pieces of `step` bytes, going on after errors.
func parse(
    _ input: [UInt8], _ options: RecordParser.Options, step: Int = .max
) throws -> Parsed {
    var parser = try RecordParser(options)
    var sink = CollectingSink()
    var errors: [String] = []
    var buffer = InputBuffer(capacity: 64)
    var next = 0
    var atEnd = false
    while true {
        var failed = false
        do throws(RecordTextError) {
            try parser.parse(buffer.bytes, atEnd: atEnd, into: &sink)
        } catch {
            errors.append("\(error)")
            failed = true
        }
        buffer.removeFirst(parser.consumed)
        if failed { continue }
        if atEnd { break }
        let end = step < input.count - next ? next + step : input.count
        if next < end {
            let piece = Array(input[next..<end])
            buffer.append(piece.rawSpan)
            next = end
        } else {
            atEnd = true
        }
    }
    return Parsed(records: sink.records, errors: errors)
}

func parse(_ input: String, _ options: RecordParser.Options, step: Int = .max) throws -> Parsed {
    try parse(Array(input.utf8), options, step: step)
}

/// A batch that holds `records`, from `offset` on.
func batch(_ records: [PlainRecord], offset: Int64 = 0) -> [UInt8] {
    var builder = RecordBatchBuilder()
    for record in records {
        var bytes = record.key ?? []
        let keyEnd = bytes.count
        bytes += record.value ?? []
        builder.append(
            key: record.key == nil ? nil : 0..<keyEnd,
            value: record.value == nil ? nil : keyEnd..<bytes.count, in: bytes.rawSpan,
            timestamp: record.timestamp ?? -1,
            headers: EncodedHeaders(count: record.headerCount, encoded: record.headers))
    }
    var bytes = builder.finish()
    bytes.withUnsafeMutableBytes { RecordBatchPatch.assign($0, baseOffset: offset, leaderEpoch: 3) }
    return bytes
}

/// What `options` print of `records`.
func printed(
    _ records: [PlainRecord], _ options: RecordPrinter.Options,
    bounds: RecordPrinter.Bounds = .init(), offset: Int64 = 0
) throws -> (text: [UInt8], result: RecordPrinter.Printed) {
    let bytes = batch(records, offset: offset)
    var printer = RecordPrinter(options)
    var target = OutputBuffer(capacity: 64)
    guard let header = RecordBatchHeader(bytes.rawSpan) else { throw MalformedBytes() }
    let section = bytes.rawSpan.extracting(RecordBatchHeader.size..<bytes.count)
    let result = try printer.print(
        header, records: section, of: RecordSource(topic: "t", partition: 2), bounds,
        into: &target)
    return (target.bytes.copied(), result)
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}
