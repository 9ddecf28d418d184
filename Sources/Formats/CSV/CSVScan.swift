/// Finds the fields of CSV rows (RFC 4180) in a sealed block.
///
/// Rows end with LF or CRLF; a quoted field may hold separators, line ends and doubled quotes. A
/// quote inside a field that does not begin with one is part of its text.
@safe struct CSVScan {
    typealias Cursor = JSONScan.Cursor

    @safe struct Span: BitwiseCopyable {
        var start: Cursor
        var end: Cursor
        var isQuoted: Bool
        /// It holds doubled quotes.
        var hasDoubled: Bool
    }

    @safe enum Outcome {
        case row(behind: Cursor)
        /// The bytes end inside the row.
        case incomplete
        case malformed
    }

    let separator: UInt8
    private let separators: UInt64
    private(set) var spans: Buffer<Span>
    /// Fields of the last row.
    private(set) var count = 0
    /// Line ends inside quoted fields of the last row.
    private(set) var innerLines = 0
    private var room = 64

    init(separator: UInt8) {
        self.separator = separator
        separators = JSONScan.ones &* UInt64(separator)
        spans = Buffer(capacity: room)
    }

    /// The fields of the row at `at`; the bytes end at `end`, where nothing follows if `isLast`.
    mutating func scan(_ at: Cursor, end: Cursor, isLast: Bool) -> Outcome {
        count = 0
        innerLines = 0
        var cursor = unsafe at
        while true {
            if count == room {
                guard room < FormatLimits.csvFieldsMax else { return .malformed }
                grow()
            }
            var span = unsafe Span(start: cursor, end: cursor, isQuoted: false, hasDoubled: false)
            if unsafe cursor < end && cursor.pointee == UInt8(ascii: "\"") {
                guard let behind = unsafe quoted(&span, end: end) else {
                    return isLast ? .malformed : .incomplete
                }
                unsafe cursor = unsafe behind
                if unsafe cursor < end && cursor.pointee == 0x0d { unsafe cursor += 1 }
                if unsafe cursor >= end && !isLast { return .incomplete }
                guard
                    unsafe cursor >= end || cursor.pointee == 0x0a
                        || cursor.pointee == separator && cursor == behind
                else { return .malformed }
            } else {
                unsafe cursor = unsafe plainEnd(cursor, end: end)
                if unsafe cursor >= end && !isLast { return .incomplete }
                unsafe span.end = unsafe cursor
                let isLineEnd = unsafe cursor >= end || cursor.pointee == 0x0a
                if unsafe isLineEnd && span.end > span.start && span.end[-1] == 0x0d {
                    unsafe span.end -= 1
                }
            }
            unsafe spans.base[count] = span
            count &+= 1
            if unsafe cursor >= end { return unsafe .row(behind: end) }
            if unsafe cursor.pointee == 0x0a { return unsafe .row(behind: cursor + 1) }
            unsafe cursor += 1
        }
    }

    private mutating func grow() {
        let larger = Buffer<Span>(capacity: room * 2)
        unsafe larger.base.update(from: spans.base, count: count)
        spans = larger
        room *= 2
    }

    /// The first separator or line end from `at` on, or the end.
    @inline(__always)
    private func plainEnd(_ at: Cursor, end: Cursor) -> Cursor {
        var cursor = unsafe at
        let lineEnds = JSONScan.ones &* 0x0a
        while unsafe cursor < end {
            let word = unsafe JSONScan.word(cursor)
            let x = word ^ separators
            let y = word ^ lineEnds
            let hits =
                ((x &- JSONScan.ones) & ~x | (y &- JSONScan.ones) & ~y) & JSONScan.highs
            if hits != 0 {
                unsafe cursor += hits.trailingZeroBitCount &>> 3
                break
            }
            unsafe cursor += 8
        }
        return unsafe cursor < end ? cursor : end
    }

    /// Behind the closing quote of the field at `span.start`; nil if it is not there.
    private mutating func quoted(_ span: inout Span, end: Cursor) -> Cursor? {
        span.isQuoted = true
        unsafe span.start += 1
        var cursor = unsafe span.start
        while unsafe cursor < end {
            let byte = unsafe cursor.pointee
            if byte == UInt8(ascii: "\"") {
                guard unsafe cursor + 1 < end, unsafe cursor[1] == UInt8(ascii: "\"") else {
                    unsafe span.end = unsafe cursor
                    return unsafe cursor + 1
                }
                span.hasDoubled = true
                unsafe cursor += 1
            } else if byte == 0x0a {
                innerLines &+= 1
            }
            unsafe cursor += 1
        }
        return nil
    }

    /// Tab-separated text has no quotes around tabs and line ends but escapes for them: `\t`,
    /// `\n`, `\r`, `\\`, and `\N` for null.
    var hasEscapes: Bool { separator == 0x09 }

    /// The field is written as null.
    func isNull(_ span: Span) -> Bool {
        guard hasEscapes, !span.isQuoted, unsafe span.end - span.start == 2 else { return false }
        return unsafe span.start.pointee == UInt8(ascii: "\\")
            && span.start[1] == UInt8(ascii: "N")
    }

    /// The text of a field without its escapes; nil: it has none.
    func unescaped(_ span: Span) -> [UInt8]? {
        guard hasEscapes, !span.isQuoted else { return nil }
        var bytes: [UInt8] = []
        var hasFound = false
        var cursor = unsafe span.start
        while unsafe cursor < span.end {
            let byte = unsafe cursor.pointee
            unsafe cursor += 1
            if byte == UInt8(ascii: "\\"), unsafe cursor < span.end,
                let meant = CSVScan.escaped(unsafe cursor.pointee)
            {
                hasFound = true
                bytes.append(meant)
                unsafe cursor += 1
            } else {
                bytes.append(byte)
            }
        }
        return hasFound ? bytes : nil
    }

    private static func escaped(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): letter
        default: nil
        }
    }

    /// The text of a field, its doubled quotes undone.
    static func text(_ span: Span) -> [UInt8] {
        var bytes: [UInt8] = []
        var cursor = unsafe span.start
        while unsafe cursor < span.end {
            unsafe bytes.append(cursor.pointee)
            unsafe cursor += span.hasDoubled && cursor.pointee == UInt8(ascii: "\"") ? 2 : 1
        }
        return bytes
    }
}
