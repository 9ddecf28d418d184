import Bytes
import Formats
import Records

/// Reads records as a `RecordTemplate` prints them, out of input that arrives in pieces.
///
/// Literals must stand in the input as in the template. A text ends where the literal behind it
/// begins, or after the length that was read for it before, or (as the last item) at the end of the
/// input. A literal at the end of the template may be missing at the end of the input. After a bad
/// record parsing goes on behind the next such literal.
struct TemplateReader: Sendable {
    /// What one item does when it is read.
    indirect enum Step: Sendable {
        case literal([UInt8])
        case number(RecordTemplate.NumberField, RecordTemplate.NumberEncoding)
        case text(RecordTemplate.TextField, RecordTemplate.TextEncoding, Extent)
        case headerList(Extent)
        case eachHeader([Step])
    }

    enum Extent: Sendable {
        case until([UInt8])
        case toEnd
        /// As long as the length that was read for it.
        case declared
        case fixed(Int)
    }

    private let steps: [Step]
    /// The literal at the template's end, at which records can be told apart.
    private let closing: [UInt8]?
    private let recordBytesMax: Int
    private let keepsPartition: Bool
    private(set) var position = 0
    private var number = 0
    private var discards = false

    /// Throws if the template does not say where a field ends, or holds what cannot be read.
    init(
        _ template: RecordTemplate, _ options: RecordParser.Options
    ) throws(RecordTextError) {
        steps = try Self.compile(template.items, isWhole: true)
        guard !steps.isEmpty else { throw .usage("an empty template reads nothing") }
        if case .literal(let bytes)? = steps.last { closing = bytes } else { closing = nil }
        recordBytesMax = options.recordBytesMax
        keepsPartition = options.keepsPartition
    }

    mutating func begin() { position = 0 }

    /// The next record, put into `scratch`; nil if the input holds no whole one.
    mutating func next(
        _ bytes: RawSpan, atEnd: Bool, into scratch: inout OutputBuffer
    ) throws(RecordTextError) -> ParsedRecord? {
        guard discard(bytes, atEnd), position < bytes.byteCount else { return nil }
        scratch.removeAll()
        var reading = TemplateReading(
            position: position, atEnd: atEnd, place: .record(number + 1))
        do throws(TemplateFault) {
            try reading.run(steps, bytes, &scratch, isWhole: true)
        } catch {
            return try fail(error, reading.place, bytes, atEnd)
        }
        guard reading.position > position else {
            position = bytes.byteCount
            throw .invalid(reading.place, reason: "the template reads nothing here")
        }
        guard reading.position - position <= recordBytesMax else {
            number += 1
            position = reading.position
            throw .tooLong(reading.place, limit: recordBytesMax)
        }
        number += 1
        position = reading.position
        return reading.record(keepsPartition: keepsPartition)
    }

    private mutating func fail(
        _ fault: TemplateFault, _ place: RecordPlace, _ bytes: RawSpan, _ atEnd: Bool
    ) throws(RecordTextError) -> ParsedRecord? {
        let error: RecordTextError
        switch fault {
        case .needsMore where !atEnd && bytes.byteCount - position <= recordBytesMax: return nil
        case .needsMore where atEnd: error = .cutOff(place)
        case .needsMore: error = .tooLong(place, limit: recordBytesMax)
        case .mismatch(let reason): error = .invalid(place, reason: reason)
        }
        number += 1
        discards = true
        _ = discard(bytes, atEnd)
        throw error
    }

    /// Passes over the rest of a refused record; false if it goes on beyond the input.
    private mutating func discard(_ bytes: RawSpan, _ atEnd: Bool) -> Bool {
        guard discards else { return true }
        guard let closing,
            let hit = ByteScan.firstIndex(of: closing, in: bytes, from: position)
        else {
            let tail = atEnd || closing == nil ? 0 : (closing?.count ?? 1) - 1
            position = max(position, bytes.byteCount - tail)
            return false
        }
        discards = false
        position = hit + closing.count
        return true
    }

    private static func compile(
        _ items: [RecordTemplate.Item], isWhole: Bool
    ) throws(RecordTextError) -> [Step] {
        var steps: [Step] = []
        var declared: [RecordTemplate.NumberField] = []
        for (index, item) in items.enumerated() {
            var following: [UInt8]?
            if index + 1 < items.count, case .literal(let bytes) = items[index + 1] {
                following = bytes
            }
            let isLast = index + 1 == items.count
            switch item {
            case .literal(let bytes): steps.append(.literal(bytes))
            case .number(let field, let encoding):
                try check(field, encoding, isLast || following != nil)
                declared.append(field)
                steps.append(.number(field, encoding))
            case .text(let field, let encoding):
                let length: RecordTemplate.NumberField? =
                    field == .key ? .keyLength : field == .value ? .valueLength : nil
                var extent = extent(following, isLast && isWhole)
                if case .sized(let size) = encoding { extent = .fixed(size) }
                if let length, declared.contains(length) { extent = .declared }
                guard let extent else { throw endless("a text") }
                steps.append(.text(field, encoding, extent))
            case .headerList:
                guard let extent = extent(following, isLast && isWhole) else {
                    throw endless("%h")
                }
                steps.append(.headerList(extent))
            case .eachHeader(let inner):
                guard isWhole, declared.contains(.headerCount) else {
                    throw .usage("%h{...} can be read only behind %H, the number of headers")
                }
                steps.append(.eachHeader(try compile(inner, isWhole: false)))
            case .date, .compression:
                throw .usage("a date format or %a in a template can be printed, not read")
            }
        }
        return steps
    }

    private static func extent(_ following: [UInt8]?, _ isLast: Bool) -> Extent? {
        if let following { return .until(following) }
        return isLast ? .toEnd : nil
    }

    private static func endless(_ what: String) -> RecordTextError {
        .usage(
            "nothing in the template says where \(what) ends; put a delimiter behind it or its "
                + "length (as %K{big32} or %V{big32}) before it")
    }

    private static func check(
        _ field: RecordTemplate.NumberField, _ encoding: RecordTemplate.NumberEncoding,
        _ isDelimited: Bool
    ) throws(RecordTextError) {
        if encoding == .decimal, !isDelimited { throw endless("a decimal number") }
        switch field {
        case .partition, .offset, .keyLength, .valueLength, .timestamp, .headerCount: return
        default: throw .usage("a template that is read holds %t %p %o %k %v %K %V %T %h %H only")
        }
    }
}
