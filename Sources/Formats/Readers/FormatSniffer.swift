/// The format of text, told by its first lines.
public enum SniffedFormat: Sendable, Equatable {
    case json
    case csv(separator: UInt8)
    case logfmt
    /// None of those.
    case lines
}

extension SniffedFormat {
    /// Rows that are compared to find the separator.
    private static let rowsMax = 10

    /// nil: more has to be seen, at least one line.
    public static func detect(_ block: InputBlock, isLast: Bool) -> SniffedFormat? {
        let bytes = block.bytes
        var start = 0
        while start < bytes.byteCount, isSpace(bytes.byte(at: start)) { start += 1 }
        guard start < bytes.byteCount else { return isLast ? .lines : nil }
        switch bytes.byte(at: start) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return .json
        default: break
        }
        let lineEnd = ByteScan.firstIndex(of: 0x0a, in: bytes, from: start)
        guard lineEnd != nil || isLast else {
            return bytes.byteCount > FormatLimits.sniffedBytesMax ? .lines : nil
        }
        let line = bytes.extracting(start..<(lineEnd ?? bytes.byteCount))
        if isJSON(line) { return .json }
        let pairs = logfmtPairs(block, start, start + line.byteCount)
        if pairs.written > 1 && pairs.flags == 0 { return .logfmt }
        if let separator = separator(block) { return .csv(separator: separator) }
        return pairs.written > 0 && pairs.flags <= pairs.written ? .logfmt : .lines
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }

    /// A number, a string or a word of JSON on a line of its own.
    private static func isJSON(_ line: RawSpan) -> Bool {
        var cursor = JSONCursor(line)
        do {
            _ = try cursor.skip()
            try cursor.finish()
            return true
        } catch {
            return false
        }
    }

    /// The separator that splits the first rows into the same number of fields, the most if several
    /// do.
    private static func separator(_ block: InputBlock) -> UInt8? {
        var best: (count: Int, separator: UInt8)?
        for separator in [0x2c, 0x09, 0x3b, 0x7c] as [UInt8] {
            guard let count = fieldCount(block, separator), count > 1 else { continue }
            if best.map({ count > $0.count }) ?? true { best = (count, separator) }
        }
        return best?.separator
    }

    private static func fieldCount(_ block: InputBlock, _ separator: UInt8) -> Int? {
        var scan = CSVScan(separator: separator)
        let end = unsafe block.base + block.end
        var cursor = unsafe block.base + block.start
        var count: Int?
        var rows = 0
        while rows < rowsMax, unsafe cursor < end {
            if unsafe isSpace(cursor.pointee) && cursor.pointee != separator {
                unsafe cursor += 1
                continue
            }
            // The last row may be cut off.
            guard
                case .row(let behind) = unsafe scan.scan(
                    UnsafePointer(cursor), end: end, isLast: rows == 0)
            else { return rows > 0 ? count : nil }
            if unsafe behind == end && rows > 0 && behind[-1] != 0x0a { return count }
            if let count, count != scan.count { return nil }
            count = scan.count
            rows += 1
            unsafe cursor = unsafe UnsafeMutablePointer(mutating: behind)
        }
        return count
    }

    /// How many words of the first line are a name, `=` and a value, and how many only a name; none
    /// if it is no logfmt.
    private static func logfmtPairs(
        _ block: InputBlock, _ start: Int, _ end: Int
    ) -> (written: Int, flags: Int) {
        let base = unsafe UnsafePointer(block.base + block.start)
        var cursor = unsafe base + start
        var lineEnd = unsafe base + end
        if unsafe lineEnd > cursor && lineEnd[-1] == 0x0d { unsafe lineEnd -= 1 }
        var written = 0
        var flags = 0
        var isBroken = false
        while let pair = unsafe LogfmtScan.next(&cursor, lineEnd, &isBroken) {
            if unsafe pair.value == nil { flags += 1 } else { written += 1 }
        }
        return isBroken ? (0, 0) : (written, flags)
    }
}
