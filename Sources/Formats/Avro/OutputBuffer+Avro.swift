// Values in Avro's binary encoding (https://avro.apache.org/docs/1.11.1/specification).
extension OutputBuffer {
    /// An int or a long, a union's branch, a length: zigzag, then seven bits a byte, lowest first.
    @inlinable
    public mutating func append(avroLong value: Int64) {
        var rest = UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest &>>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Bytes, or a string that is known to be UTF-8.
    @inlinable
    public mutating func append(avroBytes value: RawSpan) {
        append(avroLong: Int64(value.byteCount))
        append(value)
    }

    public mutating func append(avroBytes value: [UInt8]) {
        append(avroLong: Int64(value.count))
        append(value)
    }

    public mutating func append(avroString value: String) {
        append(avroLong: Int64(value.utf8.count))
        append(utf8: value)
    }

    /// Four bytes, lowest first.
    public mutating func append(avroFloat value: Float) {
        append(bigEndian: value.bitPattern.byteSwapped)
    }

    /// Eight bytes, lowest first.
    public mutating func append(avroDouble value: Double) {
        append(bigEndian: value.bitPattern.byteSwapped)
    }
}
