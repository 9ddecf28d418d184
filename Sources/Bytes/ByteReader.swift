/// A sticky cursor over bytes: past the end every read gives zero and `failed` stays true.
///
/// Decoders read all their fields without looking, then ask once (`finish`). Before anything is
/// reserved for a declared count, `count(_:elementSize:)` checks it against the bytes that are
/// left. Integers are big-endian, as on Kafka's and PostgreSQL's wires.
public struct ByteReader: ~Escapable {
    /// All of them, read or not.
    public let bytes: RawSpan
    /// Index of the next byte, from the start of the span.
    @usableFromInline var cursor: Int
    @inlinable public var position: Int { cursor }
    @usableFromInline let end: Int
    /// True once a read went past the end or met an impossible value.
    @usableFromInline var malformed = false
    @inlinable public var failed: Bool { malformed }

    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
        self.cursor = 0
        self.end = bytes.byteCount
    }

    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) {
        unsafe self.init(bytes.bytes)
    }

    /// Bytes not yet read.
    @inlinable public var remaining: Int { end - position }

    /// Marks the input as malformed; every later read gives zero.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func fail() {
        malformed = true
        cursor = end
    }

    /// Moves past `count` bytes and gives where they start, or nil past the end.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func take(_ count: Int) -> Int? {
        guard count >= 0, count <= end - position else {
            fail()
            return nil
        }
        let start = position
        cursor &+= count
        return start
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T {
        guard let start = take(MemoryLayout<T>.size) else { return 0 }
        // `take` has checked that the bytes are inside the span.
        return unsafe T(
            bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: T.self))
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func int8() -> Int8 { load(Int8.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func uint8() -> UInt8 { load(UInt8.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func int16() -> Int16 { load(Int16.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func uint16() -> UInt16 { load(UInt16.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func int32() -> Int32 { load(Int32.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func uint32() -> UInt32 { load(UInt32.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func int64() -> Int64 { load(Int64.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func uint64() -> UInt64 { load(UInt64.self) }
    @inlinable
    @_lifetime(self: copy self)
    public mutating func double() -> Double { Double(bitPattern: load(UInt64.self)) }

    /// An unsigned LEB128 number of at most 64 bits; longer ones fail.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func uvarint64() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
            cursor &+= 1
            if shift == 63 && byte > 1 { break }
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
            if shift > 63 { break }
        }
        fail()
        return 0
    }

    /// An unsigned LEB128 number of at most 32 bits; larger ones fail.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func uvarint() -> UInt32 {
        let value = uvarint64()
        guard value <= UInt64(UInt32.max) else {
            fail()
            return 0
        }
        return UInt32(truncatingIfNeeded: value)
    }

    /// A zigzag number of at most 32 bits (Kafka's VARINT).
    @inlinable
    @_lifetime(self: copy self)
    public mutating func varint() -> Int32 {
        let value = uvarint()
        return Int32(bitPattern: value &>> 1) ^ -Int32(bitPattern: value & 1)
    }

    /// A zigzag number of at most 64 bits (Kafka's VARLONG).
    @inlinable
    @_lifetime(self: copy self)
    public mutating func varlong() -> Int64 {
        let value = uvarint64()
        return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A declared count, checked: `declared * elementSize` must fit in what is left.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func count(_ declared: Int, elementSize: Int) -> Int {
        guard declared >= 0, declared <= remaining / max(1, elementSize) else {
            fail()
            return 0
        }
        return declared
    }

    /// Copies `count` bytes out.
    @_lifetime(self: copy self)
    public mutating func array(_ count: Int) -> [UInt8] {
        guard let start = take(count) else { return [] }
        return bytes.extracting(start..<start + count).copied()
    }

    /// Reads `count` bytes as UTF-8; what is not UTF-8 fails.
    @_lifetime(self: copy self)
    public mutating func string(_ count: Int) -> String {
        guard let start = take(count) else { return "" }
        let slice = bytes.extracting(start..<start + count)
        let text = unsafe slice.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
        guard let text else {
            fail()
            return ""
        }
        return text
    }

    /// The byte at `index`, counted from the start of the span; 0 outside of it.
    @inlinable
    public func peek(at index: Int) -> UInt8 {
        guard index >= 0, index < end else { return 0 }
        return unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    /// The eight bytes from `index` on, counted from the start of the span, the first one most
    /// significant; zeros stand for what lies outside. For values whose first byte says how long
    /// they are: one look instead of two.
    @inlinable
    public func word(at index: Int) -> UInt64 {
        guard index >= 0, index <= end &- 8 else { return shortWord(at: index) }
        return unsafe UInt64(
            bigEndian: bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: index, as: UInt64.self))
    }

    @usableFromInline
    @inline(never)
    func shortWord(at index: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 << 8 | UInt64(peek(at: index &+ $1)) }
    }

    /// Throws if any read failed.
    public func finish() throws(MalformedBytes) {
        if failed { throw MalformedBytes() }
    }
}

/// Bytes that do not follow their format: too short, or with an impossible length or number.
public struct MalformedBytes: Error, Equatable {
    public init() {}
}

extension RawSpan {
    /// These bytes as an array.
    public func copied() -> [UInt8] {
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}
