/// A growing buffer of bytes with big-endian integers and varints, the twin of `ByteReader`.
public struct ByteWriter: Sendable {
    /// What was written so far.
    public var bytes: [UInt8]

    @inlinable
    public init(reserving capacity: Int = 0) {
        bytes = []
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    @inlinable public var count: Int { bytes.count }

    @inlinable
    mutating func store<T: FixedWidthInteger>(_ value: T) {
        let ordered = value.bigEndian
        unsafe withUnsafeBytes(of: ordered) { unsafe bytes.append(contentsOf: $0) }
    }

    @inlinable public mutating func int8(_ value: Int8) { bytes.append(UInt8(bitPattern: value)) }
    @inlinable public mutating func uint8(_ value: UInt8) { bytes.append(value) }
    @inlinable public mutating func int16(_ value: Int16) { store(value) }
    @inlinable public mutating func uint16(_ value: UInt16) { store(value) }
    @inlinable public mutating func int32(_ value: Int32) { store(value) }
    @inlinable public mutating func uint32(_ value: UInt32) { store(value) }
    @inlinable public mutating func int64(_ value: Int64) { store(value) }
    @inlinable public mutating func uint64(_ value: UInt64) { store(value) }
    @inlinable public mutating func double(_ value: Double) { store(value.bitPattern) }

    /// Unsigned LEB128.
    @inlinable
    public mutating func uvarint64(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest &>>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    @inlinable public mutating func uvarint(_ value: UInt32) { uvarint64(UInt64(value)) }

    /// Zigzag of 32 bits (Kafka's VARINT).
    @inlinable
    public mutating func varint(_ value: Int32) {
        uvarint64(UInt64(UInt32(bitPattern: (value &<< 1) ^ (value &>> 31))))
    }

    /// Zigzag of 64 bits (Kafka's VARLONG).
    @inlinable
    public mutating func varlong(_ value: Int64) {
        uvarint64(UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)))
    }

    @inlinable
    public mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    @inlinable
    public mutating func append(_ more: UnsafeRawBufferPointer) {
        unsafe bytes.append(contentsOf: more)
    }

    @inlinable
    public mutating func append(_ more: RawSpan) {
        unsafe more.withUnsafeBytes { unsafe append($0) }
    }

    @inlinable
    public mutating func append(utf8 text: String) { bytes.append(contentsOf: text.utf8) }

    /// Overwrites four bytes at `index`, for a length that is known only afterwards.
    public mutating func patch(int32 value: Int32, at index: Int) {
        let ordered = UInt32(bitPattern: value)
        for i in 0..<4 {
            bytes[index + i] = UInt8(truncatingIfNeeded: ordered &>> UInt32(24 - 8 * i))
        }
    }

    /// Bytes that `varint`/`varlong` takes for `value`.
    @inlinable
    public static func varlongSize(_ value: Int64) -> Int {
        let zigzag = UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
        return max(1, (70 - (zigzag | 1).leadingZeroBitCount) / 7)
    }
}
