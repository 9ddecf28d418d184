import Bytes
import Records

/// Reads one message from a frame. Lives for one call, on the connection's thread.
///
/// Memory is bounded by the input: counts are checked against the bytes that are left and against
/// `Limits.elementsPerMessageMax`. Nesting is bounded by the types: no struct contains itself.
public struct MessageReader: MessageCoder, ~Escapable {
    public let version: Int16
    public let flexible: Bool
    public var reading: Bool { true }

    var reader: ByteReader
    var elementsLeft = Limits.elementsPerMessageMax

    /// Reads from `start`, an index into `frame`; ranges of payloads count from the frame's start.
    @_lifetime(copy frame)
    public init(_ frame: RawSpan, from start: Int, version: Int16, flexible: Bool) {
        self.version = version
        self.flexible = flexible
        reader = ByteReader(frame)
        _ = reader.take(start)
    }

    /// Index of the next byte, from the start of the frame.
    public var position: Int { reader.position }

    /// Throws if any read failed. Bytes after the message are left alone, as Kafka does.
    public func finish() throws(WireError) {
        if elementsLeft < 0 { throw .tooManyElements }
        if reader.failed { throw .malformed }
    }

    @_lifetime(self: copy self)
    public mutating func int8(_ value: inout Int8) { value = reader.int8() }
    @_lifetime(self: copy self)
    public mutating func int16(_ value: inout Int16) { value = reader.int16() }
    @_lifetime(self: copy self)
    public mutating func int32(_ value: inout Int32) { value = reader.int32() }
    @_lifetime(self: copy self)
    public mutating func int64(_ value: inout Int64) { value = reader.int64() }
    @_lifetime(self: copy self)
    public mutating func bool(_ value: inout Bool) { value = reader.int8() != 0 }
    @_lifetime(self: copy self)
    public mutating func uuid(_ value: inout UUID) {
        value = UUID(high: reader.uint64(), low: reader.uint64())
    }
}

extension MessageReader {
    /// The length of bytes or an array; nil for null.
    @_lifetime(self: copy self)
    mutating func length() -> Int? {
        checked(flexible ? Int(reader.uvarint()) - 1 : Int(reader.int32()))
    }

    @_lifetime(self: copy self)
    mutating func stringLength() -> Int? {
        checked(flexible ? Int(reader.uvarint()) - 1 : Int(reader.int16()))
    }

    @_lifetime(self: copy self)
    mutating func checked(_ length: Int) -> Int? {
        if length >= 0 { return length }
        if length < -1 { reader.fail() }
        return nil
    }

    /// Takes `count` from the message's budget of elements.
    @_lifetime(self: copy self)
    mutating func spend(_ count: Int) {
        elementsLeft -= count
        if elementsLeft < 0 { reader.fail() }
    }

    /// A declared count of structs, once it is sure that memory may be reserved for it.
    @_lifetime(self: copy self)
    mutating func affordable<Element: MessageStruct>(_ count: Int, _ type: Element.Type) -> Int {
        let least =
            count > Limits.unmeasuredCountMax
            ? MessageWriter.smallestCount(of: type, version: version, flexible: flexible) : 1
        let count = reader.count(count, elementSize: least)
        spend(count)
        return reader.failed ? 0 : count
    }
}

extension MessageReader {
    @_lifetime(self: copy self)
    public mutating func string(_ value: inout String) {
        guard let length = stringLength() else {
            reader.fail()
            return
        }
        value = reader.string(length)
    }

    @_lifetime(self: copy self)
    public mutating func nullableString(_ value: inout String?, nullable: Bool) {
        value = stringLength().map { reader.string($0) }
        if value == nil && !nullable { reader.fail() }
    }

    @_lifetime(self: copy self)
    public mutating func bytes(_ value: inout [UInt8]) {
        guard let length = length() else {
            reader.fail()
            return
        }
        value = reader.array(length)
    }

    @_lifetime(self: copy self)
    public mutating func nullableBytes(_ value: inout [UInt8]?) {
        value = length().map { reader.array($0) }
    }

    @_lifetime(self: copy self)
    public mutating func payload(_ value: inout Payload) {
        guard let length = length(), let start = reader.take(length) else {
            value = .null
            return
        }
        value = .slice(start..<start + length)
    }
}

extension MessageReader {
    @_lifetime(self: copy self)
    public mutating func int32s(_ value: inout [Int32]) {
        var numbers: [Int32]?
        nullableInt32s(&numbers)
        if numbers == nil { reader.fail() }
        value = numbers ?? []
    }

    @_lifetime(self: copy self)
    public mutating func nullableInt32s(_ value: inout [Int32]?) {
        value = nil
        guard let declared = length() else { return }
        let count = reader.count(declared, elementSize: MemoryLayout<Int32>.size)
        var numbers: [Int32] = []
        numbers.reserveCapacity(count)
        for _ in 0..<count { numbers.append(reader.int32()) }
        value = numbers
    }

    @_lifetime(self: copy self)
    public mutating func int64s(_ value: inout [Int64]) {
        value = []
        guard let declared = length() else { return reader.fail() }
        let count = reader.count(declared, elementSize: MemoryLayout<Int64>.size)
        value.reserveCapacity(count)
        for _ in 0..<count { value.append(reader.int64()) }
    }

    @_lifetime(self: copy self)
    public mutating func strings(_ value: inout [String]) {
        var strings: [String]?
        nullableStrings(&strings)
        if strings == nil { reader.fail() }
        value = strings ?? []
    }

    @_lifetime(self: copy self)
    public mutating func nullableStrings(_ value: inout [String]?) {
        value = nil
        guard let declared = length() else { return }
        let count = reader.count(declared, elementSize: flexible ? 1 : 2)
        spend(count)
        var strings: [String] = []
        strings.reserveCapacity(reader.failed ? 0 : count)
        for _ in 0..<count where !reader.failed {
            var text = ""
            string(&text)
            strings.append(text)
        }
        value = strings
    }

    @_lifetime(self: copy self)
    public mutating func array<Element: MessageStruct>(_ value: inout [Element]) {
        guard let declared = length() else {
            reader.fail()
            return
        }
        elements(&value, declared)
    }

    @_lifetime(self: copy self)
    public mutating func nullableArray<Element: MessageStruct>(
        _ value: inout [Element]?, nullable: Bool
    ) {
        value = nil
        guard let declared = length() else {
            if !nullable { reader.fail() }
            return
        }
        var read: [Element] = []
        elements(&read, declared)
        value = read
    }

    @_lifetime(self: copy self)
    mutating func elements<Element: MessageStruct>(_ value: inout [Element], _ declared: Int) {
        let count = affordable(declared, Element.self)
        value = []
        value.reserveCapacity(min(count, Limits.reservedCountMax))
        for _ in 0..<count where !reader.failed {
            var element = Element()
            element.code(&self)
            value.append(element)
        }
    }

    @_lifetime(self: copy self)
    public mutating func optional<Value: MessageStruct>(_ value: inout Value?) {
        value = nil
        guard reader.int8() >= 0, !reader.failed else { return }
        var read = Value()
        read.code(&self)
        value = read
    }
}

extension MessageReader {
    @_lifetime(self: copy self)
    public mutating func tags() {
        guard flexible else { return }
        let count = tagCount()
        for _ in 0..<count where !reader.failed {
            _ = reader.uvarint()
            _ = reader.take(Int(reader.uvarint()))
        }
    }

    @_lifetime(self: copy self)
    public mutating func tags<Value: TaggedStruct>(of value: inout Value) {
        guard flexible else { return }
        var previous = -1
        let count = tagCount()
        for _ in 0..<count where !reader.failed {
            let tag = Int(reader.uvarint())
            let size = Int(reader.uvarint())
            let start = reader.position
            // Ascending order is the format's rule; with it no field can be sent twice.
            guard tag > previous, size <= reader.remaining else { return reader.fail() }
            previous = tag
            if tag < Value.tagCount, value.code(tag: tag, &self) {
                if reader.position != start + size { reader.fail() }
            } else {
                _ = reader.take(size)
            }
        }
    }

    @_lifetime(self: copy self)
    mutating func tagCount() -> Int {
        let count = Int(reader.uvarint())
        if count > Limits.tagsPerStructMax { reader.fail() }
        return reader.failed ? 0 : count
    }
}

/// Reads a message's body at an index of a frame. Bytes after it are left alone, as Kafka does.
public func decode<M: KafkaMessage>(
    _ type: M.Type, from frame: RawSpan, at start: Int, version: Int16, flexible: Bool
) throws(WireError) -> M {
    var reader = MessageReader(frame, from: start, version: version, flexible: flexible)
    var message = M()
    message.decode(&reader)
    try reader.finish()
    return message
}
