import KafkaProtocol
import Records

/// A repeatable source of numbers (SplitMix64); a failing test prints its seed.
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

/// Fills exactly the fields that a version has, with random values.
struct FillingCoder: MessageCoder {
    let version: Int16
    let flexible: Bool
    var reading: Bool { true }
    var random: SeededGenerator

    mutating func int8(_ value: inout Int8) { value = .random(in: .min ... .max, using: &random) }
    mutating func int16(_ value: inout Int16) { value = .random(in: .min ... .max, using: &random) }
    mutating func int32(_ value: inout Int32) { value = .random(in: .min ... .max, using: &random) }
    mutating func int64(_ value: inout Int64) { value = .random(in: .min ... .max, using: &random) }
    mutating func bool(_ value: inout Bool) { value = .random(using: &random) }
    mutating func uuid(_ value: inout UUID) {
        value = UUID(high: random.next(), low: random.next())
    }

    mutating func string(_ value: inout String) {
        value =
            [
                "", "a", "topic-\(random.next() % 1000)", "größer 漢字 🦊",
                String(repeating: "x", count: 200),
            ]
            .randomElement(using: &random) ?? ""
    }

    mutating func nullableString(_ value: inout String?, nullable: Bool) {
        value = nil
        if isNull(nullable) { return }
        var text = ""
        string(&text)
        value = text
    }

    mutating func bytes(_ value: inout [UInt8]) {
        value = (0..<(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    mutating func nullableBytes(_ value: inout [UInt8]?) {
        value = nil
        if isNull(true) { return }
        var some: [UInt8] = []
        bytes(&some)
        value = some
    }

    mutating func payload(_ value: inout Payload) {
        var some: [UInt8]?
        nullableBytes(&some)
        value = some.map(Payload.bytes) ?? .null
    }

    mutating func int32s(_ value: inout [Int32]) {
        value = (0..<(random.next() % 5)).map { _ in Int32(truncatingIfNeeded: random.next()) }
    }

    mutating func nullableInt32s(_ value: inout [Int32]?) {
        value = nil
        if isNull(true) { return }
        var some: [Int32] = []
        int32s(&some)
        value = some
    }

    mutating func int64s(_ value: inout [Int64]) {
        value = (0..<(random.next() % 5)).map { _ in Int64(bitPattern: random.next()) }
    }

    mutating func strings(_ value: inout [String]) {
        value = (0..<(random.next() % 4)).map { _ in "" }
        for index in value.indices { string(&value[index]) }
    }

    mutating func nullableStrings(_ value: inout [String]?) {
        value = nil
        if isNull(true) { return }
        var some: [String] = []
        strings(&some)
        value = some
    }

    mutating func array<Element: MessageStruct>(_ value: inout [Element]) {
        value = []
        for _ in 0..<(random.next() % 4) {
            var element = Element()
            element.code(&self)
            value.append(element)
        }
    }

    mutating func nullableArray<Element: MessageStruct>(
        _ value: inout [Element]?, nullable: Bool
    ) {
        value = nil
        if isNull(nullable) { return }
        var some: [Element] = []
        array(&some)
        value = some
    }

    mutating func optional<Value: MessageStruct>(_ value: inout Value?) {
        value = nil
        if isNull(true) { return }
        var some = Value()
        some.code(&self)
        value = some
    }

    mutating func tags() {}

    mutating func tags<Value: TaggedStruct>(of value: inout Value) {
        guard flexible else { return }
        for tag in 0..<Value.tagCount where !isNull(true) {
            _ = value.code(tag: tag, &self)
        }
    }

    private mutating func isNull(_ nullable: Bool) -> Bool {
        nullable && random.next() % 4 == 0
    }
}

/// Puts the bytes of a frame in place of the slices of it, so that messages can be compared.
struct ResolvingCoder: MessageCoder {
    let version: Int16
    let flexible: Bool
    var reading: Bool { false }
    let frame: [UInt8]

    mutating func payload(_ value: inout Payload) {
        if case .slice(let range) = value { value = .bytes(Array(frame[range])) }
    }

    mutating func array<Element: MessageStruct>(_ value: inout [Element]) {
        for index in value.indices { value[index].code(&self) }
    }

    mutating func nullableArray<Element: MessageStruct>(
        _ value: inout [Element]?, nullable: Bool
    ) {
        guard var some = value else { return }
        array(&some)
        value = some
    }

    mutating func int8(_ value: inout Int8) {}
    mutating func int16(_ value: inout Int16) {}
    mutating func int32(_ value: inout Int32) {}
    mutating func int64(_ value: inout Int64) {}
    mutating func bool(_ value: inout Bool) {}
    mutating func uuid(_ value: inout UUID) {}
    mutating func string(_ value: inout String) {}
    mutating func nullableString(_ value: inout String?, nullable: Bool) {}
    mutating func bytes(_ value: inout [UInt8]) {}
    mutating func nullableBytes(_ value: inout [UInt8]?) {}
    mutating func int32s(_ value: inout [Int32]) {}
    mutating func nullableInt32s(_ value: inout [Int32]?) {}
    mutating func int64s(_ value: inout [Int64]) {}
    mutating func strings(_ value: inout [String]) {}
    mutating func nullableStrings(_ value: inout [String]?) {}
    mutating func optional<Value: MessageStruct>(_ value: inout Value?) {}
    mutating func tags() {}
    mutating func tags<Value: TaggedStruct>(of value: inout Value) {}
}

/// A message with random values in the fields of a version.
func filled<M: MessageStruct>(
    _ type: M.Type, version: Int16, flexible: Bool, seed: UInt64
) -> M {
    var coder = FillingCoder(
        version: version, flexible: flexible, random: SeededGenerator(seed: seed))
    var message = M()
    message.code(&coder)
    return message
}
