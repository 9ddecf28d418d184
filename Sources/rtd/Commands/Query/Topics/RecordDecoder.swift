import Bytes
import Formats
import KafkaClient

/// Makes lines of JSON of keys and values that name a schema of a registry: a zero, the schema's
/// number in four bytes, and what it describes (Confluent's wire format). Used by one thread.
final class RecordDecoder {
    /// Where a record stands, for people.
    struct Place {
        let partition: Int32
        let offset: Int64
    }

    private static let headBytes = 5

    private let topic: String
    /// nil: nobody has said where the registry is.
    private let book: SchemaBook?
    /// What values of older schemas are completed by.
    private let newest: AvroReadingSchema?
    /// Values that cannot be read are left out.
    private let skips: Bool
    /// Values that were left out.
    private(set) var skipped = 0
    /// What keeps all records from being read: no registry, or none that answers.
    private(set) var refusal: ConsumeError?
    /// The schemas of values, in the order in which they came.
    private(set) var found: [SchemaBook.Form] = []
    /// One of them is Avro's.
    var hasAvro: Bool {
        found.contains { if case .avro = $0 { true } else { false } }
    }
    /// What was decoded last.
    private(set) var line = OutputBuffer(capacity: 1_024)
    private var writer = AvroLineWriter()
    private var known: [UInt32: SchemaBook.Form] = [:]
    private var values: Set<UInt32> = []
    /// The schema of the value before.
    private var last: (id: UInt32, form: SchemaBook.Form)?

    init(_ topic: String, _ book: SchemaBook?, newest: AvroReadingSchema?, skips: Bool) {
        self.topic = topic
        self.book = book
        self.newest = newest
        self.skips = skips
    }

    /// No JSON and no text begins so.
    static func isFramed(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= headBytes && ByteReader(bytes).peek(at: 0) == 0
    }

    /// Makes `line` of a value; false: it is left out.
    func decode(value bytes: RawSpan, _ place: Place) throws(ConsumeError) -> Bool {
        let id = Self.id(bytes)
        do throws(ConsumeError) {
            guard let form = try last?.id == id ? last?.form : self.form(id, place) else {
                throw broken(
                    "the schema registry at \(book?.place ?? "") has no schema \(id), which the "
                        + "value names", place)
            }
            if last?.id != id {
                last = (id, form)
                if values.insert(id).inserted { found.append(form) }
            }
            try decode(bytes, form, "value", id, place)
            return true
        } catch {
            guard skips, refusal == nil else { throw error }
            skipped += 1
            return false
        }
    }

    /// Makes `line` of a key; false: it is something else, which begins with a zero too.
    func decode(key bytes: RawSpan, _ place: Place) throws(ConsumeError) -> Bool {
        let id = Self.id(bytes)
        guard let form = try form(id, place) else { return false }
        try decode(bytes, form, "key", id, place)
        // Text is itself, as other serializers write it.
        if let text = Self.content(line.bytes) {
            line.removeAll()
            line.append(text)
        }
        return true
    }

    /// Of a string of JSON; nil: it is something else.
    private static func content(_ text: RawSpan) -> [UInt8]? {
        var cursor = JSONCursor(text)
        guard let string = try? cursor.string() else { return nil }
        var content = OutputBuffer(capacity: text.byteCount)
        string.decode(from: text, into: &content)
        return content.array
    }

    /// What is to be said where nobody has said where the registry is.
    static func withoutRegistry(_ id: UInt32) -> String {
        "the record names schema \(id) of a schema registry (its first byte is zero), and no registry "
            + "is known; -X schema.registry.url=http://HOST:8081, or that line in a file of -F or "
            + "RTD_CONFIG, says where it is"
    }

    static func id(_ bytes: RawSpan) -> UInt32 {
        var reader = ByteReader(bytes)
        _ = reader.uint8()
        return reader.uint32()
    }

    private func decode(
        _ bytes: RawSpan, _ form: SchemaBook.Form, _ part: String, _ id: UInt32, _ place: Place
    ) throws(ConsumeError) {
        line.removeAll()
        let body = bytes.extracting(droppingFirst: Self.headBytes)
        do throws(FormatError) {
            switch form {
            case .avro(let schema): try writer.append(body, schema, to: &line)
            case .json:
                guard line.append(compactJSON: body) else {
                    throw FormatError.json(.unexpectedEnd, at: 0)
                }
            }
        } catch {
            throw broken("the \(part) is not what schema \(id) describes: \(error)", place)
        }
    }

    private func broken(_ words: String, _ place: Place) -> ConsumeError {
        .message("topic \"\(topic)\" partition \(place.partition) offset \(place.offset): \(words)")
    }

    private func form(_ id: UInt32, _ place: Place) throws(ConsumeError) -> SchemaBook.Form? {
        if let form = known[id] { return form }
        guard let book else {
            let failure = broken(Self.withoutRegistry(id), place)
            refusal = failure
            throw failure
        }
        do throws(ConsumeError) {
            guard var form = try book.form(id) else { return nil }
            if case .avro(let schema) = form, let newest {
                form = .avro(schema.completed(by: newest))
            }
            known[id] = form
            return form
        } catch {
            refusal = error
            throw broken("\(error)", place)
        }
    }
}
