import Formats

/// Finds the lines of an input that arrives in pieces, and counts them.
///
/// A line that is longer than allowed throws once, with its number, and is passed over.
struct LineFramer: Sendable {
    private let delimiter: [UInt8]
    private let lineBytesMax: Int
    /// Bytes of the current input that are done with.
    private(set) var position = 0
    /// Lines begun so far.
    private(set) var number = 0
    /// Bytes behind `position` that are known to hold no delimiter.
    private var searched = 0
    /// Inside a line that was refused.
    private var discards = false

    init(_ delimiter: [UInt8], lineBytesMax: Int) {
        precondition(!delimiter.isEmpty, "lines end with something")
        self.delimiter = delimiter
        self.lineBytesMax = lineBytesMax
    }

    var place: RecordPlace { delimiter == [0x0a] ? .line(number) : .record(number) }

    /// The input now begins where `position` was.
    mutating func begin() { position = 0 }

    /// The next line without its delimiter; nil if the input holds no whole one.
    @inline(__always)
    mutating func next(_ bytes: RawSpan, atEnd: Bool) throws(RecordTextError) -> Range<Int>? {
        while let hit = ByteScan.firstIndex(of: delimiter, in: bytes, from: position + searched) {
            let line = position..<hit
            position = hit + delimiter.count
            searched = 0
            if discards {
                discards = false
                continue
            }
            number += 1
            guard line.count <= lineBytesMax else { throw tooLong }
            return line
        }
        return try rest(bytes, atEnd)
    }

    private var tooLong: RecordTextError { .tooLong(place, limit: lineBytesMax) }

    /// Deals with what lies behind the last delimiter.
    @inline(never)
    private mutating func rest(
        _ bytes: RawSpan, _ atEnd: Bool
    ) throws(RecordTextError) -> Range<Int>? {
        let left = bytes.byteCount - position
        // So many bytes at the end may be the start of a delimiter.
        let tail = atEnd ? 0 : min(left, delimiter.count - 1)
        if discards || left - tail > lineBytesMax {
            position = bytes.byteCount - tail
            searched = 0
            if discards {
                discards = !atEnd
                return nil
            }
            number += 1
            discards = !atEnd
            throw tooLong
        }
        guard atEnd else {
            searched = left - tail
            return nil
        }
        guard left > 0 else { return nil }
        number += 1
        searched = 0
        position = bytes.byteCount
        return bytes.byteCount - left..<bytes.byteCount
    }
}
