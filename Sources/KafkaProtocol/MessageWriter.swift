import Bytes
import Records

/// Writes one message. Lives for one call, on the connection's thread.
///
/// Payloads that the caller sends itself are counted, not copied: each leaves a hole.
public struct MessageWriter: MessageCoder {
    public let version: Int16
    public let flexible: Bool
    public var reading: Bool { false }

    var writer: ByteWriter
    var holes: [EncodedFrame.Hole] = []
    var externalCount = 0

    public init(version: Int16, flexible: Bool, reserving capacity: Int = 0) {
        self.version = version
        self.flexible = flexible
        writer = ByteWriter(reserving: capacity)
    }

    /// What was written so far, without the holes.
    public var bytes: [UInt8] { writer.bytes }

    public mutating func int8(_ value: inout Int8) { writer.int8(value) }
    public mutating func int16(_ value: inout Int16) { writer.int16(value) }
    public mutating func int32(_ value: inout Int32) { writer.int32(value) }
    public mutating func int64(_ value: inout Int64) { writer.int64(value) }
    public mutating func bool(_ value: inout Bool) { writer.int8(value ? 1 : 0) }
    public mutating func uuid(_ value: inout UUID) {
        writer.uint64(value.high)
        writer.uint64(value.low)
    }

    /// Bytes of a struct whose strings and arrays are empty: no encoding of it is shorter.
    static func smallestCount<Value: MessageStruct>(
        of type: Value.Type, version: Int16, flexible: Bool
    ) -> Int {
        var writer = MessageWriter(version: version, flexible: flexible)
        var value = Value()
        value.code(&writer)
        return max(1, writer.writer.count)
    }

    /// Closes a frame that began with four bytes for its size.
    consuming func frame() -> EncodedFrame {
        let count = writer.count - MemoryLayout<Int32>.size + externalCount
        writer.patch(int32: Int32(clamping: count), at: 0)
        return EncodedFrame(bytes: writer.bytes, holes: holes)
    }
}

extension MessageWriter {
    mutating func length(_ count: Int) {
        if flexible {
            writer.uvarint64(UInt64(count) + 1)
        } else {
            writer.int32(Int32(clamping: count))
        }
    }

    mutating func nullLength() {
        if flexible { writer.uvarint(0) } else { writer.int32(-1) }
    }

    public mutating func string(_ value: inout String) { string(value) }

    mutating func string(_ value: String) {
        let count = value.utf8.count
        if flexible {
            writer.uvarint64(UInt64(count) + 1)
        } else if count <= Limits.shortStringBytesMax {
            writer.int16(Int16(count))
        } else {
            return shortened(value)
        }
        writer.append(utf8: value)
    }

    /// What a 16-bit length cannot hold is cut between characters: a config value of 40 KB, set by
    /// a new client and described by an old one, must not break the old one's connection.
    mutating func shortened(_ value: String) {
        var end = value.utf8.index(value.startIndex, offsetBy: Limits.shortStringBytesMax)
        while end.samePosition(in: value.unicodeScalars) == nil {
            end = value.utf8.index(before: end)
        }
        string(String(value[..<end]))
    }

    public mutating func nullableString(_ value: inout String?, nullable: Bool) {
        if let value {
            string(value)
        } else if !nullable {
            string("")
        } else if flexible {
            writer.uvarint(0)
        } else {
            writer.int16(-1)
        }
    }

    public mutating func bytes(_ value: inout [UInt8]) {
        length(value.count)
        writer.append(value)
    }

    public mutating func nullableBytes(_ value: inout [UInt8]?) {
        if var value { bytes(&value) } else { nullLength() }
    }

    public mutating func payload(_ value: inout Payload) {
        switch value {
        case .null:
            nullLength()
        case .bytes(var records):
            bytes(&records)
        case .slice, .external:
            length(value.count)
            if value.count > 0 {
                holes.append(.init(position: writer.count, count: value.count))
                externalCount += value.count
            }
        }
    }
}

extension MessageWriter {
    public mutating func int32s(_ value: inout [Int32]) {
        length(value.count)
        for number in value { writer.int32(number) }
    }

    public mutating func nullableInt32s(_ value: inout [Int32]?) {
        if var value { int32s(&value) } else { nullLength() }
    }

    public mutating func int64s(_ value: inout [Int64]) {
        length(value.count)
        for number in value { writer.int64(number) }
    }

    public mutating func strings(_ value: inout [String]) {
        length(value.count)
        for text in value { string(text) }
    }

    public mutating func nullableStrings(_ value: inout [String]?) {
        if var value { strings(&value) } else { nullLength() }
    }

    public mutating func array<Element: MessageStruct>(_ value: inout [Element]) {
        length(value.count)
        // Over copies: coding `value[i]` in place would copy a shared array first (63 us, not 37).
        for element in value {
            var element = element
            element.code(&self)
        }
    }

    public mutating func nullableArray<Element: MessageStruct>(
        _ value: inout [Element]?, nullable: Bool
    ) {
        if var value {
            array(&value)
        } else if nullable {
            nullLength()
        } else {
            length(0)
        }
    }

    public mutating func optional<Value: MessageStruct>(_ value: inout Value?) {
        guard var value else { return writer.int8(-1) }
        writer.int8(1)
        value.code(&self)
    }
}

extension MessageWriter {
    public mutating func tags() {
        if flexible { writer.uint8(0) }
    }

    public mutating func tags<Value: TaggedStruct>(of value: inout Value) {
        guard flexible else { return }
        var carried = 0
        for tag in 0..<Value.tagCount where value.carries(tag: tag, version: version) {
            carried += 1
        }
        writer.uvarint(UInt32(carried))
        guard carried > 0 else { return }
        for tag in 0..<Value.tagCount where value.carries(tag: tag, version: version) {
            writer.uvarint(UInt32(tag))
            // A field's size goes before it, so it is written aside; no payload is ever tagged.
            var field = ByteWriter()
            swap(&writer, &field)
            _ = value.code(tag: tag, &self)
            swap(&writer, &field)
            writer.uvarint64(UInt64(field.count))
            writer.append(field.bytes)
        }
    }
}
