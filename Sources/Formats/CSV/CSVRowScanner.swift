/// A field of a CSV row as it lies in the input.
public struct CSVField: Sendable, Equatable {
    /// Where it lies in the span that was scanned, without its outer quotes.
    public var range: Range<Int>
    public var isQuoted: Bool
    /// True if `range` holds doubled quotes.
    public var hasDoubledQuotes: Bool

    /// Appends the value of the field.
    public func decode(from bytes: RawSpan, into target: inout OutputBuffer) {
        guard hasDoubledQuotes else { return target.append(bytes, range) }
        let text = bytes.extracting(range)
        var start = 0
        while let quote = ByteScan.firstIndex(of: UInt8(ascii: "\""), in: text, from: start) {
            target.append(text, start..<quote + 1)
            start = min(quote + 2, text.byteCount)
        }
        target.append(text, start..<text.byteCount)
    }
}

/// Splits CSV (RFC 4180) into rows and fields, row by row, out of input that arrives in pieces.
///
/// Rows end with LF or CRLF; a quoted field may hold separators, line ends and doubled quotes.
/// `scan` is called with bytes that begin at the row; when they do not hold the whole row yet, it
/// gives nil, remembers how far it came, and is called again with the same bytes and more behind
/// them.
public struct CSVRowScanner: Sendable {
    /// The fields of the last complete row, valid for the bytes that were scanned.
    public private(set) var fields: [CSVField] = []
    private let separator: UInt8
    /// Whether the scan of this row is to begin anew.
    private var fresh = true
    private var index = 0
    private var fieldStart = 0
    private var state = State.fieldStart
    private var doubled = false

    private enum State { case fieldStart, plain, quoted, quoteSeen }

    public init(separator: UInt8 = UInt8(ascii: ",")) {
        self.separator = separator
    }

    /// Scans the row at the start of `bytes`. Gives the index behind its line end, or nil if the
    /// row is not complete and `atEnd` is false. Throws at most once a row; then call `reset`.
    public mutating func scan(_ bytes: RawSpan, atEnd: Bool) throws(FormatError) -> Int? {
        if fresh { begin() }
        while index < bytes.byteCount {
            let byte = ByteScan.byte(bytes, index)
            switch state {
            case .fieldStart where byte == UInt8(ascii: "\""):
                fieldStart = index + 1
                doubled = false
                state = .quoted
            case .fieldStart, .plain:
                guard byte != UInt8(ascii: "\"") else { throw fault(.quoteInsideField) }
                state = .plain
                if byte == separator || byte == 0x0a {
                    let end = byte == 0x0a ? lineEnd(bytes, index) : index
                    try close(fieldStart..<end, quoted: false)
                    if byte == 0x0a { return finishRow() }
                }
            case .quoted:
                if let quote = ByteScan.firstIndex(of: UInt8(ascii: "\""), in: bytes, from: index) {
                    index = quote
                    state = .quoteSeen
                } else {
                    index = bytes.byteCount - 1
                }
            case .quoteSeen:
                if byte == UInt8(ascii: "\"") {
                    doubled = true
                    state = .quoted
                } else if byte == separator || byte == 0x0a {
                    try close(fieldStart..<quoteEnd(bytes), quoted: true)
                    if byte == 0x0a { return finishRow() }
                } else if byte == 0x0d, index + 1 == bytes.byteCount, !atEnd {
                    return nil
                } else if byte != 0x0d || !isLineEnd(bytes, index + 1) {
                    throw fault(.bytesBehindQuote)
                }
            }
            index += 1
        }
        guard atEnd else { return nil }
        return try finishInput(bytes)
    }

    /// Forgets the row that was begun.
    public mutating func reset() { fresh = true }

    private mutating func begin() {
        fields.removeAll(keepingCapacity: true)
        index = 0
        fieldStart = 0
        state = .fieldStart
        doubled = false
        fresh = false
    }

    private func fault(_ fault: CSVFault) -> FormatError { .csv(fault, at: index) }

    /// Where the row's last field ends whose LF is at `index`: before the CR, if one is there.
    private func lineEnd(_ bytes: RawSpan, _ index: Int) -> Int {
        index > fieldStart && ByteScan.byte(bytes, index - 1) == 0x0d ? index - 1 : index
    }

    private func isLineEnd(_ bytes: RawSpan, _ index: Int) -> Bool {
        index == bytes.byteCount || ByteScan.byte(bytes, index) == 0x0a
    }

    /// Where the quoted field ends that was closed just before `index`, or before the CR there.
    private func quoteEnd(_ bytes: RawSpan) -> Int {
        ByteScan.byte(bytes, index - 1) == 0x0d ? index - 2 : index - 1
    }

    private mutating func close(_ range: Range<Int>, quoted: Bool) throws(FormatError) {
        guard fields.count < FormatLimits.csvFieldsMax else { throw fault(.tooManyFields) }
        fields.append(
            CSVField(range: range, isQuoted: quoted, hasDoubledQuotes: quoted && doubled))
        fieldStart = index + 1
        state = .fieldStart
        doubled = false
    }

    private mutating func finishRow() -> Int {
        fresh = true
        return index + 1
    }

    /// Ends the last row, which has no line end.
    private mutating func finishInput(_ bytes: RawSpan) throws(FormatError) -> Int? {
        switch state {
        case .fieldStart where bytes.byteCount == 0:
            fresh = true
            return nil
        case .fieldStart, .plain:
            try close(fieldStart..<lineEnd(bytes, index), quoted: false)
        case .quoted: throw fault(.unclosedQuote)
        case .quoteSeen: try close(fieldStart..<quoteEnd(bytes), quoted: true)
        }
        fresh = true
        return index
    }
}
