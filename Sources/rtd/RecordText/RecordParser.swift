import Formats
import Records

/// Cuts input text, which arrives in pieces, into records: the reading half of `rtd produce`.
///
/// It does no I/O and holds no input. The caller gives the bytes it has to `parse`, drops
/// `consumed` of them afterwards, and calls again with the rest and more behind it. After a thrown
/// error `consumed` lies behind the bad record, so that parsing can go on there (`--on-error
/// skip`). One thread at a time. Records come out in order, and the same however the input is cut
/// into pieces.
struct RecordParser: ~Copyable {
    /// What was typed, resolved.
    struct Options: Sendable {
        var format = Format.lines
        /// Ends a line; not empty.
        var delimiter: [UInt8] = [0x0a]
        /// `-K`: the part of a record before it is the key; a record without it has a null key.
        var keyDelimiter: [UInt8]?
        /// `--key-json-path`: gives the key of records that name none.
        var keyPath: JSONKeyPath?
        /// `-Z`: an empty key or value is null.
        var emptyAsNull = false
        /// `--skip-empty`: empty lines (and empty frames) make no record.
        var skipsEmpty = false
        /// `--json-value`: the value of a JSON record may be any JSON and is sent as its text.
        var takesJSONValues = false
        /// `--keep-partition`
        var keepsPartition = false
        /// `--max-line`
        var recordBytesMax = RecordTextLimits.recordBytesMax
    }

    /// How the input is cut.
    enum Format: Sendable {
        /// A record a line, the empty one too. The last needs no delimiter; a CR stays.
        case lines
        /// JSON objects, one after another, usually one a line.
        case json
        /// Rows under a row of column names; each becomes a JSON object.
        case csv
        /// Values behind their length: four bytes, the highest first; -1 is null.
        case lengthPrefixed
        /// As a template prints them.
        case template(RecordTemplate)
    }

    let options: Options
    /// Bytes of the last call's input that are done with.
    private(set) var consumed = 0

    private var framer: LineFramer
    private var lengthReader: LengthPrefixReader
    private var jsonReader: JSONStreamReader
    private var csvReader: CSVRecordReader
    private var templateReader: TemplateReader?
    /// Holds keys and values that do not lie in the input as they are sent.
    private var scratch = OutputBuffer(capacity: 4096)

    /// Throws for a template that cannot be read back.
    init(_ options: Options) throws(RecordTextError) {
        self.options = options
        framer = LineFramer(options.delimiter, lineBytesMax: options.recordBytesMax)
        lengthReader = LengthPrefixReader(recordBytesMax: options.recordBytesMax)
        jsonReader = JSONStreamReader(options)
        csvReader = CSVRecordReader(rowBytesMax: options.recordBytesMax)
        if case .template(let template) = options.format {
            templateReader = try TemplateReader(template, options)
        }
    }

    /// Gives every complete record at the start of `bytes` to `sink`; with `atEnd`, which says that
    /// nothing follows, the last one too.
    mutating func parse<Sink: RecordSink & ~Copyable>(
        _ bytes: RawSpan, atEnd: Bool, into sink: inout Sink
    ) throws(RecordTextError) {
        consumed = 0
        switch options.format {
        case .lines: try parseLines(bytes, atEnd, &sink)
        case .lengthPrefixed: try parseFrames(bytes, atEnd, &sink)
        case .json: try parseJSON(bytes, atEnd, &sink)
        case .csv: try parseCSV(bytes, atEnd, &sink)
        case .template: try parseTemplate(bytes, atEnd, &sink)
        }
    }

    private mutating func parseLines<Sink: RecordSink & ~Copyable>(
        _ bytes: RawSpan, _ atEnd: Bool, _ sink: inout Sink
    ) throws(RecordTextError) {
        framer.begin()
        defer { consumed = framer.position }
        while let line = try framer.next(bytes, atEnd: atEnd) {
            try emit(line, of: bytes, framer.place, &sink)
        }
    }

    private mutating func parseFrames<Sink: RecordSink & ~Copyable>(
        _ bytes: RawSpan, _ atEnd: Bool, _ sink: inout Sink
    ) throws(RecordTextError) {
        lengthReader.begin()
        defer { consumed = lengthReader.position }
        while let frame = try lengthReader.next(bytes, atEnd: atEnd) {
            if let value = frame.value {
                try emit(value, of: bytes, lengthReader.place, &sink)
            } else {
                try sink.append(ParsedRecord(place: lengthReader.place), in: bytes)
            }
        }
    }

    /// Makes a record of one line or frame.
    @inline(__always)
    private mutating func emit<Sink: RecordSink & ~Copyable>(
        _ payload: Range<Int>, of bytes: RawSpan, _ place: RecordPlace, _ sink: inout Sink
    ) throws(RecordTextError) {
        if payload.isEmpty && options.skipsEmpty { return }
        var record = ParsedRecord(value: payload, place: place)
        if let delimiter = options.keyDelimiter {
            let text = bytes.extracting(payload)
            if let cut = ByteScan.firstIndex(of: delimiter, in: text, from: 0) {
                let start = payload.lowerBound
                record.key = start..<start + cut
                record.value = start + cut + delimiter.count..<payload.upperBound
            }
        }
        if options.emptyAsNull { record.makeEmptyNull() }
        if options.keyPath != nil && record.key == nil {
            try emitWithPath(record, of: bytes, &sink)
        } else {
            try sink.append(record, in: bytes)
        }
    }

    /// Takes the key out of the value, which is JSON.
    private mutating func emitWithPath<Sink: RecordSink & ~Copyable>(
        _ record: ParsedRecord, of bytes: RawSpan, _ sink: inout Sink
    ) throws(RecordTextError) {
        guard let path = options.keyPath, let value = record.value else {
            return try sink.append(record, in: bytes)
        }
        scratch.removeAll()
        scratch.append(bytes, value)
        var moved = record
        moved.value = 0..<value.count
        do throws(FormatError) {
            moved.key = try path.extract(from: bytes.extracting(value), into: &scratch)
        } catch {
            throw .invalidJSON(record.place, error, bytes, value)
        }
        if options.emptyAsNull { moved.makeEmptyNull() }
        try sink.append(moved, in: scratch.bytes)
    }

    private mutating func parseJSON<Sink: RecordSink & ~Copyable>(
        _ bytes: RawSpan, _ atEnd: Bool, _ sink: inout Sink
    ) throws(RecordTextError) {
        jsonReader.begin()
        defer { consumed = jsonReader.position }
        while let record = try jsonReader.next(bytes, atEnd: atEnd, into: &scratch) {
            var record = record
            if let path = options.keyPath, record.key == nil, let value = record.value {
                record.key = try key(at: path, in: value, record.place)
            }
            if options.emptyAsNull { record.makeEmptyNull() }
            try sink.append(record, in: scratch.bytes)
        }
    }

    private mutating func parseCSV<Sink: RecordSink & ~Copyable>(
        _ bytes: RawSpan, _ atEnd: Bool, _ sink: inout Sink
    ) throws(RecordTextError) {
        csvReader.begin()
        defer { consumed = csvReader.position }
        while let record = try csvReader.next(bytes, atEnd: atEnd, into: &scratch) {
            var record = record
            if let path = options.keyPath, let value = record.value {
                record.key = try key(at: path, in: value, record.place)
            }
            try sink.append(record, in: scratch.bytes)
        }
    }

    private mutating func parseTemplate<Sink: RecordSink & ~Copyable>(
        _ bytes: RawSpan, _ atEnd: Bool, _ sink: inout Sink
    ) throws(RecordTextError) {
        templateReader?.begin()
        defer { consumed = templateReader?.position ?? 0 }
        while let record = try templateReader?.next(bytes, atEnd: atEnd, into: &scratch) {
            var record = record
            if let path = options.keyPath, record.key == nil, let value = record.value {
                record.key = try key(at: path, in: value, record.place)
            }
            if options.emptyAsNull { record.makeEmptyNull() }
            try sink.append(record, in: scratch.bytes)
        }
    }

    /// The key that `path` leads to in a value that lies in `scratch`.
    private mutating func key(
        at path: JSONKeyPath, in value: Range<Int>, _ place: RecordPlace
    ) throws(RecordTextError) -> Range<Int>? {
        var text = OutputBuffer(capacity: value.count)
        text.append(scratch.bytes, value)
        do throws(FormatError) {
            return try path.extract(from: text.bytes, into: &scratch)
        } catch {
            throw .invalidJSON(place, error, text.bytes, 0..<text.count)
        }
    }
}

extension ParsedRecord {
    mutating func makeEmptyNull() {
        if key?.isEmpty == true { key = nil }
        if value?.isEmpty == true { value = nil }
    }
}

extension RecordTextError {
    /// For a JSON text in `range` of `bytes`: short ones are quoted whole, of long ones the place.
    static func invalidJSON(
        _ place: RecordPlace, _ error: FormatError, _ bytes: RawSpan, _ range: Range<Int>
    ) -> RecordTextError {
        guard range.count > Excerpt.bytesMax, case .json(let fault, let at) = error else {
            return .invalid(place, reason: "invalid JSON: \(Excerpt.quote(bytes, range))")
        }
        let start = min(range.lowerBound + max(0, at - 20), range.upperBound)
        let excerpt = Excerpt.quote(bytes, start..<min(start + 40, range.upperBound))
        return .invalid(
            place, reason: "invalid JSON at byte \(at + 1), \(fault): \(excerpt)")
    }
}
