import Bytes

/// Writes values in Avro's binary encoding as lines of JSON, as this target's reader takes the
/// types of `AvroReadingSchema.fields`. Used by one thread.
///
/// The bytes are anybody's: depth and the length of a line are bounded, and a value must be all of
/// its bytes.
public struct AvroLineWriter: ~Copyable {
    private var day = DayText()
    private var depth = 0
    /// Where the last byte was read, and how many values have begun there.
    private var place = 0
    private var begun = 0

    private static let depthMax = 100
    /// Nulls and records of them, one behind the other: they would be as many as one likes.
    private static let valuesWithoutBytesMax = 1_000

    public init() {}

    /// Appends the value that `body` is all of. What was appended before an error is to be taken
    /// back.
    public mutating func append(
        _ body: RawSpan, _ schema: AvroReadingSchema, to output: inout OutputBuffer
    ) throws(FormatError) {
        var reader = ByteReader(body)
        (depth, place, begun) = (0, 0, 0)
        let limit = output.count + FormatLimits.rowBytesMax
        try append(schema.root, &reader, schema, limit, to: &output)
        guard !reader.failed else { throw Self.broken("the value ends too early", reader) }
        guard reader.remaining == 0 else {
            throw Self.broken("\(reader.remaining) bytes stand behind the value", reader)
        }
    }

    private static func broken(_ words: String, _ reader: borrowing ByteReader) -> FormatError {
        .avro(words, at: reader.position)
    }

    private mutating func append(
        _ index: Int, _ reader: inout ByteReader, _ schema: AvroReadingSchema, _ limit: Int,
        to output: inout OutputBuffer
    ) throws(FormatError) {
        let node = schema.nodes[index]
        switch node.operation {
        case .null: output.append("null")
        case .boolean: output.append(reader.uint8() == 0 ? "false" : "true")
        case .integer: output.append(decimal: reader.varlong())
        case .float:
            let value = Float(bitPattern: reader.uint32().byteSwapped)
            Self.append(Double(value), isReal: true, to: &output)
        case .double:
            let value = Double(bitPattern: reader.uint64().byteSwapped)
            Self.append(value, isReal: false, to: &output)
        case .bytes:
            let bytes = try Self.bytes(&reader)
            Self.appendBase64(reader.bytes.extracting(bytes), to: &output)
        case .fixed:
            let bytes = try Self.take(Int(node.size), &reader)
            Self.appendBase64(reader.bytes.extracting(bytes), to: &output)
        case .string, .word, .json, .digits:
            let bytes = try Self.bytes(&reader)
            let text = reader.bytes.extracting(bytes)
            guard Self.append(text, node.operation, to: &output) else {
                throw Self.broken("a string is not UTF-8", reader)
            }
        case .enumeration:
            let slot = try Self.choice(node, &reader)
            Self.appendLabel(schema.slots[slot], schema, to: &output)
        case .union:
            let slot = try Self.choice(node, &reader)
            try enter(Int(schema.slots[slot].node), &reader, schema, limit, to: &output)
        case .array, .map: try appendBlocks(node, &reader, schema, limit, to: &output)
        case .record: try appendRecord(index, &reader, schema, limit, to: &output)
        default: try appendMeaning(node, &reader, to: &output)
        }
    }

    /// What lies inside another value.
    private mutating func enter(
        _ index: Int, _ reader: inout ByteReader, _ schema: AvroReadingSchema, _ limit: Int,
        to output: inout OutputBuffer
    ) throws(FormatError) {
        guard depth < Self.depthMax else { throw Self.broken("values nest too deep", reader) }
        guard output.count <= limit else { throw Self.broken("the value is too long", reader) }
        begun = reader.position == place ? begun + 1 : 0
        place = reader.position
        guard begun <= Self.valuesWithoutBytesMax else {
            throw Self.broken("too many values have no bytes", reader)
        }
        depth += 1
        try append(index, &reader, schema, limit, to: &output)
        depth -= 1
    }

    private mutating func appendRecord(
        _ index: Int, _ reader: inout ByteReader, _ schema: AvroReadingSchema, _ limit: Int,
        to output: inout OutputBuffer
    ) throws(FormatError) {
        let node = schema.nodes[index]
        for place in Int(node.first)..<Int(node.first + node.count) {
            output.append(UInt8(ascii: place == Int(node.first) ? "{" : ","))
            let slot = schema.slots[place]
            Self.appendLabel(slot, schema, to: &output)
            try enter(Int(slot.node), &reader, schema, limit, to: &output)
        }
        if node.count == 0 { output.append(UInt8(ascii: "{")) }
        if !schema.additions.isEmpty, let added = schema.additions[index] {
            output.append(node.count == 0 ? Array(added.dropFirst()) : added)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Blocks of elements or entries, each behind its count; a negative one has the bytes of the
    /// block behind it. An empty one ends them.
    private mutating func appendBlocks(
        _ node: AvroReadingSchema.Node, _ reader: inout ByteReader, _ schema: AvroReadingSchema,
        _ limit: Int, to output: inout OutputBuffer
    ) throws(FormatError) {
        let isMap = node.operation == .map
        output.append(UInt8(ascii: isMap ? "{" : "["))
        var isFirst = true
        while !reader.failed {
            var left = reader.varlong()
            if left == 0 { break }
            if left < 0 {
                _ = reader.varlong()
                (left, _) = Int64(0).subtractingReportingOverflow(left)
                guard left > 0 else { throw Self.broken("a block has no count", reader) }
            }
            while left > 0, !reader.failed {
                left -= 1
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                if isMap {
                    let name = try Self.bytes(&reader)
                    guard output.append(jsonString: reader.bytes.extracting(name)) else {
                        throw Self.broken("a string is not UTF-8", reader)
                    }
                    output.append(UInt8(ascii: ":"))
                }
                try enter(Int(node.first), &reader, schema, limit, to: &output)
            }
        }
        output.append(UInt8(ascii: isMap ? "}" : "]"))
    }
}

// Pieces.
extension AvroLineWriter {
    fileprivate static func take(
        _ count: Int, _ reader: inout ByteReader
    ) throws(FormatError) -> Range<Int> {
        guard let start = reader.take(count) else {
            throw broken("the value ends too early", reader)
        }
        return start..<start + count
    }

    /// Bytes behind their length.
    fileprivate static func bytes(_ reader: inout ByteReader) throws(FormatError) -> Range<Int> {
        try take(Int(truncatingIfNeeded: reader.varlong()), &reader)
    }

    /// The slot of a union's branch or an enumeration's symbol.
    fileprivate static func choice(
        _ node: AvroReadingSchema.Node, _ reader: inout ByteReader
    ) throws(FormatError) -> Int {
        let number = reader.varlong()
        guard (0..<Int64(node.count)).contains(number) else {
            throw broken("\(number) is none of \(node.count) choices", reader)
        }
        return Int(node.first) + Int(number)
    }

    fileprivate static func appendLabel(
        _ slot: AvroReadingSchema.Slot, _ schema: AvroReadingSchema, to output: inout OutputBuffer
    ) {
        let place = Int(slot.label)..<Int(slot.label + slot.labelCount)
        unsafe schema.labels.withUnsafeBytes { labels in
            unsafe output.append(UnsafeRawBufferPointer(rebasing: labels[place]))
        }
    }

    /// JSON has no NaN and no infinities, so they are strings, as Connect's converter has them.
    fileprivate static func append(
        _ value: Double, isReal: Bool, to output: inout OutputBuffer
    ) {
        if !value.isFinite { output.append(UInt8(ascii: "\"")) }
        if isReal { output.append(real: value) } else { output.append(double: value) }
        if !value.isFinite { output.append(UInt8(ascii: "\"")) }
    }

    fileprivate static func appendBase64(_ bytes: RawSpan, to output: inout OutputBuffer) {
        output.append(UInt8(ascii: "\""))
        Base64.encode(bytes, into: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// False: it is not UTF-8. What has a form of its own is null where it is empty: so Debezium
    /// fills columns of old rows that it does not know.
    fileprivate static func append(
        _ text: RawSpan, _ form: AvroReadingSchema.Operation, to output: inout OutputBuffer
    ) -> Bool {
        if form != .string, text.byteCount == 0 {
            output.append("null")
            return true
        }
        if form == .json, output.append(compactJSON: text) { return true }
        if form == .digits, isNumber(text) {
            output.append(text)
            return true
        }
        return output.append(jsonString: text)
    }

    private static func isNumber(_ text: RawSpan) -> Bool {
        var cursor = JSONCursor(text)
        guard let range = try? cursor.number() else { return false }
        return range == 0..<text.byteCount
    }
}

// Values with a meaning.
extension AvroLineWriter {
    private mutating func appendMeaning(
        _ node: AvroReadingSchema.Node, _ reader: inout ByteReader, to output: inout OutputBuffer
    ) throws(FormatError) {
        switch node.operation {
        case .decimal:
            let bytes = try Self.bytes(&reader)
            try Self.append(decimal: bytes, node.scale, reader, to: &output)
        case .fixedDecimal:
            let bytes = try Self.take(Int(node.size), &reader)
            try Self.append(decimal: bytes, node.scale, reader, to: &output)
        case .variableDecimal:
            let scale = Int32(clamping: reader.varlong())
            let bytes = try Self.bytes(&reader)
            try Self.append(decimal: bytes, scale, reader, to: &output)
        case .fixedUUID:
            let bytes = try Self.take(16, &reader)
            output.append(UInt8(ascii: "\""))
            unsafe reader.bytes.extracting(bytes).withUnsafeBytes {
                unsafe output.append(uuid: $0)
            }
            output.append(UInt8(ascii: "\""))
        case .months:
            let parts = (0..<3).map { _ in Int64(reader.uint32().byteSwapped) }
            let value = Interval(
                months: Int32(clamping: parts[0]), days: Int32(clamping: parts[1]),
                microseconds: parts[2] * 1_000)
            output.append(UInt8(ascii: "\""))
            output.append(interval: value)
            output.append(UInt8(ascii: "\""))
        default:
            let number = reader.varlong()
            output.append(UInt8(ascii: "\""))
            append(moment: number, node, to: &output)
            output.append(UInt8(ascii: "\""))
        }
    }

    private mutating func append(
        moment number: Int64, _ node: AvroReadingSchema.Node, to output: inout OutputBuffer
    ) {
        // What no calendar has is as early or late as can be.
        let value = node.unit.microseconds(number) ?? (number < 0 ? .min : .max)
        switch node.operation {
        case .date: output.append(date: number.clampedToDays, &day)
        case .timestamp: output.append(timestamp: value, separator: UInt8(ascii: "T"), &day)
        case .instant:
            output.append(timestamp: value, separator: UInt8(ascii: "T"), zone: "Z", &day)
        case .time where (0...86_400_000_000).contains(value): output.append(timeOfDay: value)
        case .time: output.append(decimal: number)
        default: output.append(interval: Interval(months: 0, days: 0, microseconds: value))
        }
    }

    private static func append(
        decimal place: Range<Int>, _ scale: Int32, _ reader: borrowing ByteReader,
        to output: inout OutputBuffer
    ) throws(FormatError) {
        // Debezium's filler of columns that it does not know.
        guard !place.isEmpty else { return output.append("null") }
        if place.count <= 15, (0...Int32(FormatLimits.numericScaleMax)).contains(scale) {
            var value: Int128 = reader.peek(at: place.lowerBound) < 0x80 ? 0 : -1
            for index in place { value = value << 8 | Int128(reader.peek(at: index)) }
            return output.append(numeric: .finite(value, scale: Int16(scale)))
        }
        let bytes = reader.bytes.extracting(place).copied()
        guard case .numeric(let value)? = EnvelopeEncoding.decimal(bytes, scale: Int(scale)) else {
            throw broken("a decimal is too long", reader)
        }
        output.append(numeric: value)
    }
}

extension Int64 {
    /// Days that a calendar has; more are infinitely early or late.
    fileprivate var clampedToDays: Int64 {
        magnitude <= 2_147_483_647 ? self : self < 0 ? .min : .max
    }
}
