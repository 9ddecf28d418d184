import Formats

/// The rows of COPY's formats text and csv, field by field as bytes; nil is null. Owned by one
/// statement.
struct CopyText {
    struct Form {
        var isCSV: Bool
        var delimiter: UInt8
        var null: [UInt8]
        var quote = UInt8(ascii: "\"")
        var escape = UInt8(ascii: "\"")
    }

    /// Of what has been read so far that is not handed out.
    private var bytes: [UInt8]
    /// Gives more; nil at the end.
    private let source: () throws(SQLError) -> [UInt8]?
    private let form: Form
    private var position = 0
    /// Of the row that was read last, from 1.
    private(set) var line = 0
    private var nextLine = 1

    private static let newline = UInt8(ascii: "\n")
    private static let backslash = UInt8(ascii: "\\")

    init(
        _ bytes: [UInt8], _ form: Form,
        source: @escaping () throws(SQLError) -> [UInt8]? = { () throws(SQLError) in nil }
    ) {
        self.bytes = bytes
        self.form = form
        self.source = source
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// nil at the end.
    mutating func next() throws(SQLError) -> [[UInt8]?]? {
        while true {
            let (start, first) = (position, nextLine)
            var row: [[UInt8]?]?
            var failure: SQLError?
            do throws(SQLError) { row = try nextHere() } catch { failure = error }
            // A row that ends with the bytes may go on.
            guard position >= bytes.count, let more = try source() else {
                if let failure { throw failure }
                return row
            }
            bytes.removeFirst(min(start, bytes.count))
            bytes += more
            (position, nextLine) = (0, first)
        }
    }

    private mutating func nextHere() throws(SQLError) -> [[UInt8]?]? {
        guard position < bytes.count else { return nil }
        line = nextLine
        if isEndMark {
            // It may yet turn out to be a longer line.
            if !bytes[position...].contains(CopyText.newline) { position = bytes.count }
            return nil
        }
        return form.isCSV ? try quotedRow() : plainRow()
    }

    /// A line `\.`
    private var isEndMark: Bool {
        let end = bytes[position...].firstIndex(of: CopyText.newline) ?? bytes.count
        var text = bytes[position..<end]
        if text.last == UInt8(ascii: "\r") { text = text.dropLast() }
        return text.elementsEqual("\\.".utf8)
    }

    private mutating func plainRow() -> [[UInt8]?] {
        var end = bytes[position...].firstIndex(of: CopyText.newline) ?? bytes.count
        nextLine += 1
        // A line break behind a backslash is one of the value.
        while end < bytes.count, isEscaped(end) {
            end = bytes[(end + 1)...].firstIndex(of: CopyText.newline) ?? bytes.count
            nextLine += 1
        }
        var text = bytes[position..<end]
        position = end + 1
        if text.last == UInt8(ascii: "\r") { text = text.dropLast() }
        var fields: [[UInt8]?] = []
        var start = text.startIndex
        var index = start
        while true {
            if index == text.endIndex || text[index] == form.delimiter {
                fields.append(plain(text[start..<index]))
                if index == text.endIndex { return fields }
                start = index + 1
            } else if text[index] == CopyText.backslash, index + 1 < text.endIndex {
                index += 1
            }
            index += 1
        }
    }

    private func isEscaped(_ end: Int) -> Bool {
        var count = 0
        while end - 1 - count >= position, bytes[end - 1 - count] == CopyText.backslash {
            count += 1
        }
        return count % 2 == 1
    }

    private func plain(_ raw: ArraySlice<UInt8>) -> [UInt8]? {
        if raw.elementsEqual(form.null) { return nil }
        guard raw.contains(CopyText.backslash) else { return Array(raw) }
        var value: [UInt8] = []
        var index = raw.startIndex
        while index < raw.endIndex {
            let byte = raw[index]
            index += 1
            guard byte == CopyText.backslash, index < raw.endIndex else {
                value.append(byte)
                continue
            }
            value.append(unescaped(raw, &index))
        }
        return value
    }

    /// The index is behind a backslash.
    private func unescaped(_ raw: ArraySlice<UInt8>, _ index: inout Int) -> UInt8 {
        let byte = raw[index]
        index += 1
        switch byte {
        case UInt8(ascii: "b"): return 8
        case UInt8(ascii: "f"): return 12
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "v"): return 11
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            var value = Int(byte - UInt8(ascii: "0"))
            var digits = 1
            while digits < 3, index < raw.endIndex,
                (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(raw[index])
            {
                value = value * 8 + Int(raw[index] - UInt8(ascii: "0"))
                index += 1
                digits += 1
            }
            return UInt8(truncatingIfNeeded: value)
        case UInt8(ascii: "x"):
            var value = 0
            var digits = 0
            while digits < 2, index < raw.endIndex, let digit = CopyText.hex(raw[index]) {
                value = value * 16 + digit
                index += 1
                digits += 1
            }
            return digits == 0 ? byte : UInt8(value)
        default: return byte
        }
    }

    private static func hex(_ byte: UInt8) -> Int? {
        Character(UnicodeScalar(byte)).hexDigitValue
    }

    private mutating func quotedRow() throws(SQLError) -> [[UInt8]?] {
        var fields: [[UInt8]?] = []
        var value: [UInt8] = []
        var wasQuoted = false
        var isQuoted = false
        func finished() -> [UInt8]? { !wasQuoted && value == form.null ? nil : value }
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == CopyText.newline { nextLine += 1 }
            if isQuoted {
                let next = position < bytes.count ? bytes[position] : 0
                if byte == form.escape,
                    next == form.quote || (next == form.escape && byte != form.quote),
                    position < bytes.count
                {
                    value.append(next)
                    position += 1
                } else if byte == form.quote {
                    isQuoted = false
                } else {
                    value.append(byte)
                }
            } else if byte == form.quote {
                isQuoted = true
                wasQuoted = true
            } else if byte == form.delimiter {
                fields.append(finished())
                (value, wasQuoted) = ([], false)
            } else if byte == CopyText.newline {
                if value.last == UInt8(ascii: "\r"), !wasQuoted || value.count > 0 {
                    value.removeLast()
                }
                fields.append(finished())
                return fields
            } else {
                value.append(byte)
            }
        }
        guard !isQuoted else {
            throw SQLError("unterminated CSV quoted field", .badCopyFileFormat)
        }
        fields.append(finished())
        return fields
    }
}
