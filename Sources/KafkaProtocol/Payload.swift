/// The record batches of a Produce request or a Fetch response, which are never copied.
public enum Payload: Sendable, Equatable {
    /// No records: a null on the wire.
    case null
    /// After reading: where the bytes lie in the frame that was read, from the start of its span.
    /// Written, it leaves a hole of as many bytes, as `external` does.
    case slice(Range<Int>)
    /// Before writing: bytes that go into the frame.
    case bytes([UInt8])
    /// Before writing: only the length is written; the caller sends that many bytes at the hole.
    case external(Int)

    /// Bytes of records; 0 for null.
    public var count: Int {
        switch self {
        case .null: 0
        case .slice(let range): range.count
        case .bytes(let bytes): bytes.count
        case .external(let count): count
        }
    }
}
