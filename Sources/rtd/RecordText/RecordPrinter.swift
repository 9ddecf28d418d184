import Bytes
import Formats
import Records

/// Prints records as text into a buffer: the writing half of `rtd consume`.
///
/// It does no I/O; one thread at a time. A batch is printed in one call, so the kind of output is
/// decided once a batch and not once a record.
struct RecordPrinter: Sendable {
    /// What was typed, resolved.
    struct Options: Sendable {
        var format = Format.values
        /// Behind each record of `values`; empty for `--raw`.
        var delimiter: [UInt8] = [0x0a]
        /// `-K`: the key and this before the value.
        var keyDelimiter: [UInt8]?
        /// `-Z`: null is printed as NULL.
        var printsNulls = false
        /// `--headers`: `name=value,...` and a tab before the key.
        var printsHeaders = false
        /// For a terminal: control bytes of keys, values, headers are written as `\xNN`.
        var escapesControls = false
    }

    enum Format: Sendable {
        case values
        /// The value behind its length: four bytes, the highest first; -1 for null.
        case lengthPrefixed
        /// A JSON object a record; `nestsValues` prints a value that is JSON as it is.
        case json(nestsValues: Bool)
        case template(RecordTemplate)
    }

    /// Which records of a batch are wanted.
    struct Bounds: Sendable {
        /// A fetch from inside a batch returns the whole batch.
        var from: Int64 = 0
        /// Exclusive.
        var until = Int64.max
        var count = Int.max
    }

    /// What came of a batch.
    struct Printed: Sendable, Equatable {
        var count: Int
        /// Where to read on.
        var nextOffset: Int64
    }

    let options: Options
    /// Records printed so far, for a template's `%i`.
    var printedCount: Int64 = 0

    init(_ options: Options) { self.options = options }

    /// Prints the wanted records of a batch; `records` is its record section, decompressed. Control
    /// batches print nothing. Throws for a malformed batch, behind the records that could be read.
    mutating func print(
        _ header: RecordBatchHeader, records: RawSpan, of source: RecordSource,
        _ bounds: Bounds = Bounds(), into target: inout OutputBuffer
    ) throws(RecordTextError) -> Printed {
        var printed = Printed(count: 0, nextOffset: header.lastOffset &+ 1)
        guard !header.isControl else { return printed }
        guard bounds.count > 0 else {
            printed.nextOffset = max(bounds.from, header.baseOffset)
            return printed
        }
        let template = TemplatePrinter(options, header, records: records, of: source)
        var iterator = RecordIterator(header, records: records)
        while let record = iterator.next() {
            if record.offset < bounds.from { continue }
            guard record.offset < bounds.until else {
                printed.nextOffset = bounds.until
                return printed
            }
            printOne(record, records, template, source, &target)
            printed.count &+= 1
            if printed.count == bounds.count {
                printed.nextOffset = record.offset &+ 1
                return printed
            }
        }
        guard !iterator.failed else {
            throw .malformedBatch(baseOffset: header.baseOffset)
        }
        return printed
    }

    /// Prints one record, for output that is merged from several partitions.
    mutating func print(
        _ record: RecordView, in records: RawSpan, _ header: RecordBatchHeader,
        of source: RecordSource, into target: inout OutputBuffer
    ) {
        let template = TemplatePrinter(options, header, records: records, of: source)
        printOne(record, records, template, source, &target)
    }

    @inline(__always)
    private mutating func printOne(
        _ record: RecordView, _ records: RawSpan, _ printer: borrowing TemplatePrinter,
        _ source: RecordSource, _ target: inout OutputBuffer
    ) {
        printedCount &+= 1
        switch options.format {
        case .values: printValue(record, records, &target)
        case .lengthPrefixed: printFramed(record, records, &target)
        case .json(let nestsValues):
            target.append(jsonRecord: record, in: records, of: source, nestsValues: nestsValues)
        case .template(let template):
            printer.print(record, number: printedCount, by: template.items, into: &target)
        }
    }

    @inline(__always)
    private func printValue(
        _ record: RecordView, _ records: RawSpan, _ target: inout OutputBuffer
    ) {
        if options.printsHeaders {
            options.printHeaders(record, records, &target)
            target.append(0x09)
        }
        if let delimiter = options.keyDelimiter {
            options.print(field: record.key, records, &target)
            target.append(delimiter)
        }
        options.print(field: record.value, records, &target)
        if options.delimiter.count == 1 {
            target.append(options.delimiter[0])
        } else {
            target.append(options.delimiter)
        }
    }

    private func printFramed(
        _ record: RecordView, _ records: RawSpan, _ target: inout OutputBuffer
    ) {
        guard let delimiter = options.keyDelimiter, record.key != nil else {
            guard let value = record.value else { return target.append(bigEndian: Int32(-1)) }
            target.append(bigEndian: Int32(truncatingIfNeeded: value.count))
            return target.append(records, value)
        }
        let count = (record.key?.count ?? 0) + delimiter.count + (record.value?.count ?? 0)
        target.append(bigEndian: Int32(truncatingIfNeeded: count))
        if let key = record.key { target.append(records, key) }
        target.append(delimiter)
        if let value = record.value { target.append(records, value) }
    }
}

extension RecordPrinter.Options {
    @inline(__always)
    func print(field: Range<Int>?, _ records: RawSpan, _ target: inout OutputBuffer) {
        guard let field else {
            if printsNulls { target.append("NULL") }
            return
        }
        if escapesControls {
            target.append(visible: records.extracting(field))
        } else {
            target.append(records, field)
        }
    }

    /// Prints `name=value,name=value` as kcat does.
    func printHeaders(_ record: RecordView, _ records: RawSpan, _ target: inout OutputBuffer) {
        guard record.headerCount > 0 else { return }
        var headers = HeaderIterator(record, in: records)
        var isFirst = true
        while let header = headers.next() {
            if !isFirst { target.append(",") }
            isFirst = false
            print(field: header.name, records, &target)
            target.append("=")
            if header.value == nil, !printsNulls {
                target.append("NULL")
            } else {
                print(field: header.value, records, &target)
            }
        }
    }
}

/// Where records come from, with what is printed of it for each of them made once.
struct RecordSource: Sendable {
    let topic: [UInt8]
    let partition: Int32
    /// `{"topic":"t","partition":0,"offset":`
    let jsonPrefix: [UInt8]

    init(topic: String, partition: Int32) {
        self.topic = Array(topic.utf8)
        self.partition = partition
        var prefix = OutputBuffer(capacity: 64)
        prefix.append("{\"topic\":")
        prefix.append(jsonString: topic)
        prefix.append(",\"partition\":")
        prefix.append(decimal: Int64(partition))
        prefix.append(",\"offset\":")
        jsonPrefix = (0..<prefix.count).map { prefix.bytes.byte(at: $0) }
    }
}

/// Walks the encoded headers of a record; the ranges index the span of its batch's records.
struct HeaderIterator: ~Escapable {
    private var reader: ByteReader
    private let start: Int
    private var left: Int

    @_lifetime(copy records)
    init(_ record: RecordView, in records: RawSpan) {
        reader = ByteReader(records.extracting(record.headers))
        start = record.headers.lowerBound
        left = record.headerCount
    }

    /// The next header, or nil behind the last and at a malformed one.
    @_lifetime(self: copy self)
    mutating func next() -> (name: Range<Int>, value: Range<Int>?)? {
        guard left > 0 else { return nil }
        left -= 1
        guard let name = field() else { return nil }
        let value = field()
        return reader.failed ? nil : (name, value)
    }

    @_lifetime(self: copy self)
    private mutating func field() -> Range<Int>? {
        let length = Int(reader.varint())
        guard length >= 0, let first = reader.take(length) else { return nil }
        return start + first..<start + first + length
    }
}
