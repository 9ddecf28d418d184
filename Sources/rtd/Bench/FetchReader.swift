import KafkaProtocol
import Records

/// The answer to a Fetch without its records.
struct FetchAnswer {
    /// Its payloads say where in the frame the records were.
    let response: FetchResponse
    /// The headers of the batches, for each partition in the order of the response.
    let batches: [[RecordBatchHeader]]

    /// Reads the next answer while it comes in.
    static func read(
        from source: ReceiveBuffer, version: Int16, id: Int32, broker: HostPort
    ) throws(CommandFailure) -> FetchAnswer {
        var reader = FetchReader(source, version: version)
        var correlationID: Int32 = 0
        var response = FetchResponse()
        reader.begin()
        reader.int32(&correlationID)
        if correlationID != id { reader.fail() }
        reader.tags()
        response.code(&reader)
        try reader.finish(broker)
        return FetchAnswer(response: response, batches: reader.batches)
    }
}

/// Reads the answer to a Fetch from a connection, field by field, as the bytes come. Of the records
/// it looks at the headers of the batches and lets the rest pass: a frame of many MiB would be
/// written to memory that is not in the cache, which halves what one core receives.
///
/// Sticky as every coder: after an error it reads zeros, and `finish` throws. Lives for one answer,
/// on the connection's thread.
struct FetchReader: MessageCoder {
    let version: Int16
    let flexible: Bool
    var reading: Bool { true }

    private(set) var batches: [[RecordBatchHeader]] = []
    private let source: ReceiveBuffer
    /// Bytes of the frame that were read, and that were not.
    private var position = 0
    private var left = FrameSplitter.sizeBytes
    private var failure: CommandFailure?
    private var isMalformed = false

    init(_ source: ReceiveBuffer, version: Int16) {
        self.source = source
        self.version = version
        flexible = FetchRequest.api.isFlexible(version)
    }

    private var hasFailed: Bool { isMalformed || failure != nil }

    /// Reads the frame's size.
    mutating func begin() {
        var size: Int32 = 0
        int32(&size)
        guard (0...Int32(BenchLimits.frameBytesMax)).contains(size) else { return fail() }
        position = 0
        left = Int(size)
    }

    mutating func fail() {
        isMalformed = true
    }

    /// Moves to the end of the frame.
    mutating func finish(_ broker: HostPort) throws(CommandFailure) {
        skip(left)
        if let failure { throw failure }
        guard isMalformed else { return }
        throw CommandFailure("\(broker) does not speak Kafka's protocol: \(WireError.malformed)")
    }

    // MARK: Bytes

    /// Waits for `count` bytes, which the caller then takes from the source.
    private mutating func take(_ count: Int) -> Bool {
        guard pass(count) else { return false }
        return attempt { source throws(CommandFailure) in try source.require(count) }
    }

    private mutating func skip(_ count: Int) {
        guard pass(count) else { return }
        _ = attempt { source throws(CommandFailure) in try source.skip(count) }
    }

    private mutating func pass(_ count: Int) -> Bool {
        guard !hasFailed else { return false }
        guard (0...left).contains(count) else {
            fail()
            return false
        }
        position += count
        left -= count
        return true
    }

    private mutating func attempt(_ step: (ReceiveBuffer) throws(CommandFailure) -> Void) -> Bool {
        do throws(CommandFailure) {
            try step(source)
            return true
        } catch {
            failure = error
            return false
        }
    }

    private mutating func bigEndian(_ count: Int) -> UInt64 {
        guard take(count) else { return 0 }
        return (0..<count).reduce(0) { value, _ in value << 8 | UInt64(source.byte()) }
    }

    private mutating func uvarint() -> Int {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 35, by: 7) {
            let byte = bigEndian(1)
            value |= (byte & 0x7f) << shift
            if byte < 0x80 { return Int(value) }
        }
        fail()
        return 0
    }

    /// The length of a string, of bytes or of an array; nil for null.
    private mutating func length(fixedBytes: Int = 4) -> Int? {
        let length: Int
        if flexible {
            length = uvarint() - 1
        } else if fixedBytes == 2 {
            length = Int(Int16(truncatingIfNeeded: bigEndian(2)))
        } else {
            length = Int(Int32(truncatingIfNeeded: bigEndian(4)))
        }
        // No element is shorter than a byte.
        if length < -1 || length > left { fail() }
        return hasFailed || length < 0 ? nil : length
    }

    private mutating func contents(_ length: Int) -> [UInt8] {
        guard length <= BenchLimits.fieldBytesMax else {
            fail()
            return []
        }
        return take(length) ? source.array(length) : []
    }

    // MARK: Numbers

    mutating func int8(_ value: inout Int8) { value = Int8(truncatingIfNeeded: bigEndian(1)) }
    mutating func int16(_ value: inout Int16) { value = Int16(truncatingIfNeeded: bigEndian(2)) }
    mutating func int32(_ value: inout Int32) { value = Int32(truncatingIfNeeded: bigEndian(4)) }
    mutating func int64(_ value: inout Int64) { value = Int64(truncatingIfNeeded: bigEndian(8)) }
    mutating func bool(_ value: inout Bool) { value = bigEndian(1) != 0 }
    mutating func uuid(_ value: inout UUID) {
        value = UUID(high: bigEndian(8), low: bigEndian(8))
    }
}

extension FetchReader {
    mutating func payload(_ value: inout Payload) {
        var headers: [RecordBatchHeader] = []
        value = .null
        if let length = length() {
            value = .slice(position..<position + length)
            walk(length, &headers)
        }
        batches.append(headers)
    }

    /// The last batch may be cut off, which Kafka allows: it is left out.
    private mutating func walk(_ length: Int, _ headers: inout [RecordBatchHeader]) {
        var rest = length
        while rest >= RecordBatchHeader.size, take(RecordBatchHeader.size),
            let header = source.batchHeader()
        {
            rest -= RecordBatchHeader.size
            let records = header.totalSize - RecordBatchHeader.size
            guard (0...rest).contains(records) else { break }
            skip(records)
            rest -= records
            headers.append(header)
        }
        skip(rest)
    }
}

extension FetchReader {
    mutating func string(_ value: inout String) {
        var text: String?
        nullableString(&text, nullable: false)
        value = text ?? ""
    }

    mutating func nullableString(_ value: inout String?, nullable: Bool) {
        value = nil
        if let length = length(fixedBytes: 2) {
            value = String(validating: contents(length), as: UTF8.self)
            if value == nil { fail() }
        } else if !nullable {
            fail()
        }
    }

    mutating func bytes(_ value: inout [UInt8]) {
        var found: [UInt8]?
        nullableBytes(&found)
        if found == nil { fail() }
        value = found ?? []
    }

    mutating func nullableBytes(_ value: inout [UInt8]?) {
        value = length().map { contents($0) }
    }
}

extension FetchReader {
    /// Reads the elements that are declared; nil for null.
    private mutating func list<Element>(
        nullable: Bool, _ empty: Element, _ read: (inout FetchReader, inout Element) -> Void
    ) -> [Element]? {
        guard let count = length() else {
            if !nullable { fail() }
            return nil
        }
        var elements: [Element] = []
        for _ in 0..<count {
            if hasFailed { break }
            var element = empty
            read(&self, &element)
            elements.append(element)
        }
        return elements
    }

    mutating func int32s(_ value: inout [Int32]) {
        value = list(nullable: false, 0) { $0.int32(&$1) } ?? []
    }

    mutating func nullableInt32s(_ value: inout [Int32]?) {
        value = list(nullable: true, 0) { $0.int32(&$1) }
    }

    mutating func int64s(_ value: inout [Int64]) {
        value = list(nullable: false, 0) { $0.int64(&$1) } ?? []
    }

    mutating func strings(_ value: inout [String]) {
        value = list(nullable: false, "") { $0.string(&$1) } ?? []
    }

    mutating func nullableStrings(_ value: inout [String]?) {
        value = list(nullable: true, "") { $0.string(&$1) }
    }

    mutating func array<Element: MessageStruct>(_ value: inout [Element]) {
        value = list(nullable: false, Element()) { $1.code(&$0) } ?? []
    }

    mutating func nullableArray<Element: MessageStruct>(_ value: inout [Element]?, nullable: Bool) {
        value = list(nullable: nullable, Element()) { $1.code(&$0) }
    }

    mutating func optional<Value: MessageStruct>(_ value: inout Value?) {
        value = nil
        guard Int8(truncatingIfNeeded: bigEndian(1)) >= 0, !hasFailed else { return }
        var read = Value()
        read.code(&self)
        value = read
    }
}

extension FetchReader {
    mutating func tags() {
        eachTag { reader, _, size in reader.skip(size) }
    }

    mutating func tags<Value: TaggedStruct>(of value: inout Value) {
        eachTag { reader, tag, size in
            let end = reader.left - size
            guard tag < Value.tagCount, value.code(tag: tag, &reader) else {
                return reader.skip(size)
            }
            if reader.left != end { reader.fail() }
        }
    }

    private mutating func eachTag(_ read: (inout FetchReader, Int, Int) -> Void) {
        guard flexible else { return }
        var previous = -1
        for _ in 0..<uvarint() {
            if hasFailed { return }
            let tag = uvarint()
            let size = uvarint()
            // Ascending order is the format's rule.
            guard tag > previous, size <= left else { return fail() }
            previous = tag
            read(&self, tag, size)
        }
    }
}
