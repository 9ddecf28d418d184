import Bytes
import Formats
import Records

/// Why a template does not fit the input.
enum TemplateFault: Error {
    /// The input ends too early.
    case needsMore
    case mismatch(String)
}

/// One record on its way through the steps of a `TemplateReader`.
struct TemplateReading {
    private(set) var position: Int
    private let atEnd: Bool
    let place: RecordPlace

    private var key: Range<Int>?
    private var value: Range<Int>?
    private var keyLength: Int64?
    private var valueLength: Int64?
    private var timestamp: Int64?
    private var partition: Int64?
    private var headerCount: Int64 = 0
    private var headers = ByteWriter()
    private var headersRead = 0

    init(position: Int, atEnd: Bool, place: RecordPlace) {
        self.position = position
        self.atEnd = atEnd
        self.place = place
    }

    func record(keepsPartition: Bool) -> ParsedRecord {
        ParsedRecord(
            key: key, value: value, timestamp: timestamp,
            partition: keepsPartition ? partition.flatMap(Int32.init(exactly:)) : nil,
            headers: headersRead == 0
                ? .none : EncodedHeaders(count: headersRead, encoded: headers.bytes),
            place: place)
    }

    mutating func run(
        _ steps: [TemplateReader.Step], _ bytes: RawSpan, _ scratch: inout OutputBuffer,
        isWhole: Bool
    ) throws(TemplateFault) {
        for (index, step) in steps.enumerated() {
            switch step {
            case .literal(let literal):
                try pass(literal, bytes, mayBeMissing: isWhole && index == steps.count - 1)
            case .number(let field, let encoding):
                try set(field, number(encoding, bytes, field))
            case .text(let field, let encoding, let extent):
                try take(field, encoding, extent, bytes, &scratch)
            case .headerList(let extent):
                let range = try range(of: extent, declared: nil, bytes)
                try parseHeaderList(bytes.extracting(range))
            case .eachHeader(let inner): try readHeaders(inner, bytes, &scratch)
            }
        }
    }

    private mutating func pass(
        _ literal: [UInt8], _ bytes: RawSpan, mayBeMissing: Bool
    ) throws(TemplateFault) {
        if ByteScan.starts(with: literal, bytes, at: position) {
            position += literal.count
            return
        }
        let left = bytes.byteCount - position
        if left == 0, atEnd, mayBeMissing { return }
        let begun = Array(literal.prefix(left))
        if left < literal.count, ByteScan.starts(with: begun, bytes, at: position) {
            throw .needsMore
        }
        let end = min(bytes.byteCount, position + literal.count)
        let found = Excerpt.quote(bytes, position..<end)
        let wanted = Excerpt.quote(literal.rawSpan, 0..<literal.count)
        throw .mismatch("\(found) where the template has \(wanted)")
    }

    /// The bytes of a text, which `position` then lies behind.
    private mutating func range(
        of extent: TemplateReader.Extent, declared: Int64?, _ bytes: RawSpan
    ) throws(TemplateFault) -> Range<Int> {
        let start = position
        switch extent {
        case .until(let literal):
            if let hit = ByteScan.firstIndex(of: literal, in: bytes, from: position) {
                position = hit
            } else if atEnd {
                position = bytes.byteCount
            } else {
                throw .needsMore
            }
        case .toEnd:
            guard atEnd else { throw .needsMore }
            position = bytes.byteCount
        case .declared, .fixed:
            var size = declared ?? 0
            if case .fixed(let count) = extent { size = Int64(count) }
            guard size <= bytes.byteCount - position else { throw .needsMore }
            position += max(0, Int(size))
        }
        return start..<position
    }

    private mutating func take(
        _ field: RecordTemplate.TextField, _ encoding: RecordTemplate.TextEncoding,
        _ extent: TemplateReader.Extent, _ bytes: RawSpan, _ scratch: inout OutputBuffer
    ) throws(TemplateFault) {
        var declared = field == .key ? keyLength : valueLength
        var isNull = false
        if case .declared = extent {
            isNull = declared == -1
            // The length is that of the bytes; their encoding is longer.
            declared = declared.map { Self.encodedLength($0, encoding) }
        }
        let source = try range(of: extent, declared: declared, bytes)
        let start = scratch.count
        try decode(bytes.extracting(source), encoding, &scratch)
        let taken: Range<Int>? = isNull ? nil : start..<scratch.count
        switch field {
        case .key: key = taken
        case .value: value = taken
        case .topic: scratch.truncate(to: start)
        }
    }

    private static func encodedLength(
        _ length: Int64, _ encoding: RecordTemplate.TextEncoding
    ) -> Int64 {
        // Longer than any input; what is declared must not overflow here.
        guard length < 1 << 40 else { return length }
        switch encoding {
        case .raw, .sized: return length
        case .hex: return length * 2
        case .base64: return (length + 2) / 3 * 4
        case .base64Unpadded: return (length * 4 + 2) / 3
        }
    }

    private func decode(
        _ text: RawSpan, _ encoding: RecordTemplate.TextEncoding, _ scratch: inout OutputBuffer
    ) throws(TemplateFault) {
        switch encoding {
        case .raw, .sized: scratch.append(text)
        case .base64, .base64Unpadded:
            do throws(FormatError) {
                try Base64.decode(text, into: &scratch)
            } catch {
                throw .mismatch("not base64: \(Excerpt.quote(text, 0..<text.byteCount))")
            }
        case .hex:
            var index = 0
            while index < text.byteCount {
                guard index + 1 < text.byteCount, let high = hexValue(text.byte(at: index)),
                    let low = hexValue(text.byte(at: index + 1))
                else {
                    throw .mismatch("not hexadecimal: \(Excerpt.quote(text, 0..<text.byteCount))")
                }
                scratch.append(high << 4 | low)
                index += 2
            }
        }
    }

    private mutating func set(
        _ field: RecordTemplate.NumberField, _ number: Int64
    ) throws(TemplateFault) {
        switch field {
        case .keyLength: keyLength = try Self.length(number)
        case .valueLength: valueLength = try Self.length(number)
        case .timestamp: timestamp = number
        case .partition: partition = number
        case .headerCount:
            guard (0...Int64(RecordTextLimits.headerCountMax)).contains(number) else {
                throw .mismatch("\(number) is no number of headers")
            }
            headerCount = number
        default: break
        }
    }

    private static func length(_ number: Int64) throws(TemplateFault) -> Int64 {
        guard number >= -1, number <= Int64(Int32.max) else {
            throw .mismatch("\(number) is no length")
        }
        return number
    }

    private mutating func number(
        _ encoding: RecordTemplate.NumberEncoding, _ bytes: RawSpan,
        _ field: RecordTemplate.NumberField
    ) throws(TemplateFault) -> Int64 {
        switch encoding {
        case .decimal: return try decimal(bytes, isTimestamp: field == .timestamp)
        case .boolean:
            let value = ByteScan.starts(with: Array("true".utf8), bytes, at: position)
            try pass(Array((value ? "true" : "false").utf8), bytes, mayBeMissing: false)
            return value ? 1 : 0
        case .bigEndian(let size), .littleEndian(let size):
            guard bytes.byteCount - position >= size else { throw .needsMore }
            var value: UInt64 = 0
            for offset in 0..<size {
                var place = position + offset
                if case .littleEndian = encoding { place = position + size - 1 - offset }
                value = value << 8 | UInt64(bytes.byte(at: place))
            }
            position += size
            // The sign of a shorter number is its highest bit, so that -1 comes back.
            let unused = UInt64(64 - 8 * size)
            return Int64(bitPattern: value << unused) >> Int64(unused)
        case .hex(let digits):
            guard bytes.byteCount - position >= digits else { throw .needsMore }
            var value: UInt64 = 0
            for offset in 0..<digits {
                guard let digit = hexValue(bytes.byte(at: position + offset)) else {
                    throw .mismatch("a hexadecimal number is missing")
                }
                value = value << 4 | UInt64(digit)
            }
            position += digits
            let unused = UInt64(64 - 4 * digits)
            return Int64(bitPattern: value << unused) >> Int64(unused)
        }
    }

    /// A number in decimal digits, or for a timestamp a date of ISO 8601.
    private mutating func decimal(
        _ bytes: RawSpan, isTimestamp: Bool
    ) throws(TemplateFault) -> Int64 {
        let start = position
        var end = start
        let inNumber: (UInt8) -> Bool = { (0x30...0x39).contains($0) || $0 == 0x2d }
        let inDate: (UInt8) -> Bool = {
            inNumber($0) || "TtZz:.+".utf8.contains($0)
        }
        while end < bytes.byteCount, (isTimestamp ? inDate : inNumber)(bytes.byte(at: end)) {
            end += 1
        }
        if end == bytes.byteCount, !atEnd { throw .needsMore }
        position = end
        if let value = bytes.integer(start..<end) { return value }
        if isTimestamp, let date = try? ISO8601.parse(bytes.extracting(start..<end)) {
            return date.milliseconds
        }
        if end == start, start == bytes.byteCount { throw .needsMore }
        let shown = Excerpt.quote(bytes, start..<min(bytes.byteCount, max(end, start + 1)))
        throw .mismatch("\(shown) where the template has a \(isTimestamp ? "time" : "number")")
    }

    /// Reads kcat's `name=value,name=value`; a name without `=` has the value null.
    private mutating func parseHeaderList(_ text: RawSpan) throws(TemplateFault) {
        var start = 0
        while start < text.byteCount {
            let end = ByteScan.firstIndex(of: 0x2c, in: text, from: start) ?? text.byteCount
            let part = text.extracting(start..<end)
            if let cut = ByteScan.firstIndex(of: 0x3d, in: part, from: 0) {
                appendHeader(
                    part.extracting(0..<cut), part.extracting(cut + 1..<part.byteCount),
                    isNull: false)
            } else {
                appendHeader(part, part, isNull: true)
            }
            start = end + 1
        }
    }

    private mutating func appendHeader(_ name: RawSpan, _ value: RawSpan, isNull: Bool) {
        headersRead += 1
        headers.varint(Int32(truncatingIfNeeded: name.byteCount))
        headers.append(name)
        headers.varint(isNull ? -1 : Int32(truncatingIfNeeded: value.byteCount))
        if !isNull { headers.append(value) }
    }

    /// Runs the steps once for each header, with the header's name and value for key and value.
    private mutating func readHeaders(
        _ steps: [TemplateReader.Step], _ bytes: RawSpan, _ scratch: inout OutputBuffer
    ) throws(TemplateFault) {
        let outer = (key, value, keyLength, valueLength)
        for _ in 0..<headerCount {
            (key, value, keyLength, valueLength) = (nil, nil, nil, nil)
            let mark = scratch.count
            try run(steps, bytes, &scratch, isWhole: false)
            let empty = mark..<mark
            appendHeader(
                scratch.bytes.extracting(key ?? empty), scratch.bytes.extracting(value ?? empty),
                isNull: value == nil)
            scratch.truncate(to: mark)
        }
        (key, value, keyLength, valueLength) = outer
    }
}
