import Bytes

/// Where the parts of a record lie that is as most are: with short numbers and few headers.
///
/// It looks once whether enough bytes are there, not for each number. Who gets nil looks again in
/// full, whatever the reason.
struct RecordPlace {
    /// Zigzag numbers, as they are written.
    var time: UInt64
    var offset: UInt64
    var keyStart: Int
    /// -1 for a null key, and for a null value.
    var keyBytes: Int
    var valueStart: Int
    var valueBytes: Int
    var end: Int

    /// Bytes from a record's start on that are looked at without a question: its length and its
    /// attributes, four numbers of three bytes, one of which may have ten.
    static let nearBytes = 32

    /// The record at `start` in the section of its batch.
    @inline(__always)
    init?(_ section: RawSpan, _ start: Int) {
        var at = start
        guard at <= section.byteCount &- Self.nearBytes else { return nil }
        guard let length = Self.short(section, &at), length & 1 == 0, length >= 12,
            Int(length &>> 1) <= section.byteCount &- at
        else { return nil }
        end = at &+ Int(length &>> 1)
        // Behind the attributes.
        at &+= 1
        guard let time = Self.short(section, &at) ?? Self.long(section, &at),
            let offset = Self.short(section, &at), let key = Self.short(section, &at)
        else { return nil }
        (self.time, self.offset) = (time, offset)
        (keyStart, keyBytes) = (at, -1)
        if key != 1 {
            keyBytes = Int(key &>> 1)
            guard key & 1 == 0, keyBytes <= end &- at else { return nil }
            at &+= keyBytes
            guard at <= section.byteCount &- 4 else { return nil }
        }
        guard let value = Self.short(section, &at) else { return nil }
        (valueStart, valueBytes) = (at, -1)
        if value != 1 {
            valueBytes = Int(value &>> 1)
            guard value & 1 == 0 else { return nil }
            at &+= valueBytes
        }
        guard at < end else { return nil }
        let headers = unsafe section.unsafeLoad(fromUncheckedByteOffset: at, as: UInt8.self)
        // Each takes at least two bytes.
        guard headers & 0x81 == 0, Int(headers) < end &- at else { return nil }
    }

    @inline(__always)
    static func signed(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// The number at `at`, which moves behind it; nil, and `at` stays, if it has more than three
    /// bytes. The three are in the span.
    @inline(__always)
    static func short(_ bytes: RawSpan, _ at: inout Int) -> UInt64? {
        let first = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: at, as: UInt8.self)
        if first < 0x80 {
            at &+= 1
            return UInt64(first)
        }
        let second = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: at &+ 1, as: UInt8.self)
        let low = UInt64(first & 0x7f) | UInt64(second & 0x7f) &<< 7
        if second < 0x80 {
            at &+= 2
            return low
        }
        let third = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: at &+ 2, as: UInt8.self)
        guard third < 0x80 else { return nil }
        at &+= 3
        return low | UInt64(third) &<< 14
    }

    /// The same of any length.
    @inline(never)
    static func long(_ bytes: RawSpan, _ at: inout Int) -> UInt64? {
        var reader = ByteReader(bytes.extracting(droppingFirst: at))
        let value = reader.uvarint64()
        guard !reader.failed else { return nil }
        at &+= reader.position
        return value
    }
}
