import Bytes
import Formats

/// Brings rows of COPY's text form into pgoutput's tuples, so that a snapshot and the stream give
/// the same bytes.
enum CopyRow {
    /// Appends the tuple of a row (with or without its line end) and says whether it has as many
    /// columns as the table.
    static func append(_ row: RawSpan, columns: Int, to output: inout OutputBuffer) -> Bool {
        let bytes = ByteReader(row)
        var end = row.byteCount
        if end > 0, bytes.peek(at: end - 1) == newline { end -= 1 }
        output.append(bigEndian: UInt16(truncatingIfNeeded: columns))
        if columns == 0 { return end == 0 }
        let text = row.extracting(0..<end)
        var count = 0
        var start = 0
        while true {
            var isPlain = true
            var stop = ByteScan.firstIndex(of: tab, or: backslash, in: text, from: start)
            while stop < end, bytes.peek(at: stop) == backslash {
                isPlain = false
                // What it escapes is never a tab that separates.
                guard stop + 2 <= end else { return false }
                stop = ByteScan.firstIndex(of: tab, or: backslash, in: text, from: stop + 2)
            }
            append(row, start..<stop, isPlain: isPlain, to: &output)
            count += 1
            if stop == end { return count == columns }
            start = stop + 1
        }
    }

    private static let tab = UInt8(ascii: "\t")
    private static let newline = UInt8(ascii: "\n")
    private static let backslash = UInt8(ascii: "\\")

    private static func append(
        _ row: RawSpan, _ field: Range<Int>, isPlain: Bool, to output: inout OutputBuffer
    ) {
        if isPlain {
            output.append(UInt8(ascii: "t"))
            output.append(bigEndian: UInt32(truncatingIfNeeded: field.count))
            output.append(row, field)
            return
        }
        let bytes = ByteReader(row)
        if field.count == 2, bytes.peek(at: field.lowerBound + 1) == UInt8(ascii: "N") {
            return output.append(UInt8(ascii: "n"))
        }
        var plain: [UInt8] = []
        plain.reserveCapacity(field.count)
        var index = field.lowerBound
        while index < field.upperBound {
            var value = bytes.peek(at: index)
            index += 1
            if value == backslash, index < field.upperBound {
                value = meaning(bytes.peek(at: index))
                index += 1
            }
            plain.append(value)
        }
        output.append(UInt8(ascii: "t"))
        output.append(bigEndian: UInt32(truncatingIfNeeded: plain.count))
        output.append(plain)
    }

    /// The server escapes by these letters only; anything else stands for itself.
    private static func meaning(_ letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        case UInt8(ascii: "v"): 11
        default: letter
        }
    }
}
