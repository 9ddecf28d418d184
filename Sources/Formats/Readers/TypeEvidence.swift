/// What the values of a column were seen to be; from it comes the column's type.
final class TypeEvidence {
    private struct Seen: OptionSet {
        let rawValue: UInt16
        static let integer = Seen(rawValue: 1)
        /// Beyond 2^53: a double does not hold it.
        static let wideInteger = Seen(rawValue: 2)
        /// Beyond 64 bits.
        static let hugeInteger = Seen(rawValue: 4)
        static let fraction = Seen(rawValue: 8)
        static let boolean = Seen(rawValue: 16)
        static let date = Seen(rawValue: 32)
        static let timestamp = Seen(rawValue: 64)
        static let timestamptz = Seen(rawValue: 128)
        static let text = Seen(rawValue: 256)
        static let object = Seen(rawValue: 512)
        static let array = Seen(rawValue: 1024)
        /// Nothing but json holds it.
        static let any = Seen(rawValue: 2048)
        /// A decimal that a double does not hold.
        static let decimal = Seen(rawValue: 4096)

        static let numbers: Seen = [.integer, .wideInteger, .hugeInteger, .fraction, .decimal]
        static let strings: Seen = [.date, .timestamp, .timestamptz, .text]
    }

    private var seen: Seen = []
    /// How many values were of each kind: numbers, truth values, times, texts, objects, arrays.
    private var counts = [0, 0, 0, 0, 0, 0]
    /// Members of objects, in the order they were met.
    private(set) var names: [[UInt8]] = []
    private var members: [[UInt8]: TypeEvidence] = [:]
    private var elements: TypeEvidence?

    /// More members came than are kept.
    private(set) var isCut = false
    /// Of a row: how many names are kept, and those that are kept beyond that, in lower case.
    var namesMax = FormatLimits.sampledMembersMax
    var keptNames: Set<String> = []

    init() {}

    /// What a column of `type` has held.
    init(of type: DataType) {
        switch type {
        case .smallint, .integer, .bigint: seen = .integer
        case .real, .double: seen = .fraction
        case .numeric: seen = .decimal
        case .boolean: seen = .boolean
        case .date: seen = .date
        case .timestamp: seen = .timestamp
        case .timestamptz: seen = .timestamptz
        case .text, .varchar, .char, .unknown: seen = .text
        case .array(let element):
            seen = .array
            elements = TypeEvidence(of: element)
        case .record(let fields):
            seen = .object
            for field in fields {
                let name = Array(field.name.utf8)
                names.append(name)
                members[name] = TypeEvidence(of: field.type)
            }
        default: seen = .any
        }
    }

    /// False until a value came that is not null.
    var isKnown: Bool { !seen.isEmpty }

    func member(_ name: [UInt8]) -> TypeEvidence {
        if let known = members[name] { return known }
        let new = TypeEvidence()
        names.append(name)
        members[name] = new
        return new
    }

    func knownMember(_ name: [UInt8]) -> TypeEvidence? { members[name] }

    /// The narrowest type that holds all; nil if only null was seen.
    var type: DataType? { type(of: seen, majority: false) }

    /// The same of the kind that most values are of, where they are of several.
    var majorityType: DataType? {
        let kinds: [Seen] = [
            .numbers, .boolean, [.date, .timestamp, .timestamptz], .text, .object, .array,
        ]
        guard let most = kinds.indices.max(by: { counts[$0] < counts[$1] }),
            counts[most] > 0, !seen.contains(.any)
        else { return type }
        return type(of: seen.intersection(kinds[most]), majority: true)
    }

    private func type(of seen: Seen, majority: Bool) -> DataType? {
        if seen.isEmpty { return nil }
        if seen.contains(.any) { return .json }
        if Seen.numbers.isSuperset(of: seen) { return numberType(seen) }
        if Seen.strings.isSuperset(of: seen) {
            if seen.contains(.text) { return .text }
            if seen.contains(.timestamptz) { return .timestamptz }
            return seen.contains(.timestamp) ? .timestamp : .date
        }
        switch seen {
        case .boolean: return .boolean
        case .array:
            let inner = majority ? elements?.majorityType : elements?.type
            guard let element = inner else { return .array(.json) }
            if case .array = element { return .array(.json) }
            return .array(element)
        case .object:
            if names.isEmpty || names.count > FormatLimits.sampledMembersMax { return .json }
            return .record(majority ? majorityFields : fields)
        default: return .json
        }
    }

    var majorityFields: [Field] {
        names.map { name in
            Field(String(decoding: name, as: UTF8.self), members[name]?.majorityType ?? .json)
        }
    }

    /// The members of the objects, each with its type; json where only null was seen.
    var fields: [Field] {
        names.map { name in
            Field(String(decoding: name, as: UTF8.self), members[name]?.type ?? .json)
        }
    }

    private func numberType(_ seen: Seen) -> DataType {
        if seen.contains(.hugeInteger) || seen.contains(.decimal) { return .anyNumeric }
        if !seen.contains(.fraction) { return .bigint }
        return seen.contains(.wideInteger) ? .anyNumeric : .double
    }
}

// Looking at values.
extension TypeEvidence {
    /// Looks at the next value of the cursor.
    func observe(_ cursor: inout JSONCursor) throws(FormatError) {
        switch try cursor.kind() {
        case .null: try cursor.null()
        case .boolean:
            _ = try cursor.boolean()
            seen.insert(.boolean)
            counts[1] += 1
        case .number:
            let range = try cursor.number()
            observe(number: cursor.bytes.extracting(range))
        case .string:
            let string = try cursor.string()
            observe(string: string, cursor.bytes)
        case .array:
            seen.insert(.array)
            counts[5] += 1
            let inner = elements ?? TypeEvidence()
            elements = inner
            try cursor.enterArray()
            while try cursor.nextElement() { try inner.observe(&cursor) }
        case .object:
            seen.insert(.object)
            counts[4] += 1
            try observeMembers(&cursor)
        }
    }

    private func observeMembers(_ cursor: inout JSONCursor) throws(FormatError) {
        try cursor.enterObject()
        while let name = try cursor.nextMember() {
            let content = cursor.bytes.extracting(name.content)
            let bytes =
                unsafe name.hasEscapes
                ? Array(name.text(in: cursor.bytes).utf8)
                : content.withUnsafeBytes { unsafe Array($0) }
            if members[bytes] == nil, names.count > namesMax, !keeps(bytes) {
                isCut = true
                _ = try cursor.skip()
            } else {
                try member(bytes).observe(&cursor)
            }
        }
    }

    private func keeps(_ name: [UInt8]) -> Bool {
        keptNames.contains(String(decoding: name, as: UTF8.self).lowercased())
    }

    func observe(number text: RawSpan) {
        counts[0] += 1
        var isInteger = true
        for index in 0..<text.byteCount {
            let byte = text.byte(at: index)
            if byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") { isInteger = false }
        }
        if isInteger {
            guard let value = text.integer(0..<text.byteCount) else {
                seen.insert(.hugeInteger)
                return
            }
            seen.insert(value.magnitude > 1 << 53 ? [.integer, .wideInteger] : .integer)
            return
        }
        let value = unsafe text.withUnsafeBytes {
            unsafe JSONScan.exactDouble($0.bindMemory(to: UInt8.self))
        }
        seen.insert(value?.isFinite == true ? .fraction : .decimal)
    }

    private func observe(string: JSONString, _ bytes: RawSpan) {
        let time =
            unsafe string.hasEscapes
            ? nil : bytes.extracting(string.content).withUnsafeBytes { unsafe TextTime.parse($0) }
        observe(time: time)
    }

    func observe(time: TextTime?) {
        counts[time == nil ? 3 : 2] += 1
        switch time?.kind {
        case nil: seen.insert(.text)
        case .date: seen.insert(.date)
        case .timestamp: seen.insert(.timestamp)
        case .timestamptz: seen.insert(.timestamptz)
        }
    }

    /// Looks at a field of a text format; not at one that is null.
    func observe(plain text: UnsafeRawBufferPointer) {
        if unsafe PlainField.boolean(text) != nil {
            seen.insert(.boolean)
            counts[1] += 1
        } else if unsafe PlainField.isNumber(text) {
            unsafe observe(number: text.bytes)
        } else {
            unsafe observe(time: TextTime.parse(text))
        }
    }

    /// The text of a value that a reader kept; `isContent`: of a string, without its quotes.
    func observe(rawText text: UnsafeBufferPointer<UInt8>, isContent: Bool) {
        let bytes = UnsafeRawBufferPointer(text)
        if isContent { return unsafe observe(time: TextTime.parse(bytes)) }
        var cursor = unsafe JSONCursor(bytes.bytes)
        do {
            try observe(&cursor)
        } catch {
            seen.insert(.any)
        }
    }
}
