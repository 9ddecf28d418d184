import Bytes
import Formats

/// Walks a tuple of pgoutput once, from its first column.
struct TupleCursor: ~Escapable {
    enum Field: BitwiseCopyable {
        case null
        /// A TOASTed value that the change did not touch, which the stream does not carry.
        case unchanged
        /// Where the text stands, counted from the start of the span.
        case text(Int, Int)
    }

    private var reader: ByteReader
    private let start: Int
    let count: Int

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, _ tuple: Range<Int>) {
        reader = ByteReader(bytes.extracting(tuple))
        start = tuple.lowerBound
        count = Int(reader.uint16())
    }

    @_lifetime(self: copy self)
    @inline(__always)
    mutating func next() -> Field {
        let word = reader.word(at: reader.position)
        switch UInt8(truncatingIfNeeded: word &>> 56) {
        case UInt8(ascii: "t"):
            let size = 5 &+ Int(UInt32(truncatingIfNeeded: word &>> 24))
            guard let place = reader.take(size) else { return .null }
            return .text(start &+ place &+ 5, start &+ place &+ size)
        case UInt8(ascii: "u"):
            _ = reader.take(1)
            return .unchanged
        default:
            _ = reader.take(1)
            return .null
        }
    }

    /// The field of one column, by a walk of its own.
    static func field(_ index: Int, of tuple: Range<Int>, in bytes: RawSpan) -> Field {
        var cursor = TupleCursor(bytes, tuple)
        for _ in 0..<index { _ = cursor.next() }
        return cursor.next()
    }

    /// Whether the tuple leaves out a value that did not change.
    static func hasUnchanged(of tuple: Range<Int>, in bytes: RawSpan) -> Bool {
        var cursor = TupleCursor(bytes, tuple)
        for _ in 0..<cursor.count {
            if case .unchanged = cursor.next() { return true }
        }
        return false
    }

    /// The tuple with what it leaves out taken from another of the same table.
    static func filled(
        _ bytes: RawSpan, _ tuple: Range<Int>, from other: RawSpan, _ old: Range<Int>
    ) -> [UInt8] {
        var output = OutputBuffer(capacity: tuple.count + old.count)
        var cursor = TupleCursor(bytes, tuple)
        var older = TupleCursor(other, old)
        output.append(bigEndian: UInt16(truncatingIfNeeded: cursor.count))
        for _ in 0..<cursor.count {
            let (field, known) = (cursor.next(), older.next())
            if case .unchanged = field {
                append(known, of: other, to: &output)
            } else {
                append(field, of: bytes, to: &output)
            }
        }
        return output.bytes.copied()
    }

    private static func append(_ field: Field, of bytes: RawSpan, to output: inout OutputBuffer) {
        switch field {
        case .null: output.append(UInt8(ascii: "n"))
        case .unchanged: output.append(UInt8(ascii: "u"))
        case .text(let start, let end):
            output.append(UInt8(ascii: "t"))
            output.append(bigEndian: UInt32(truncatingIfNeeded: end - start))
            output.append(bytes, start..<end)
        }
    }
}
