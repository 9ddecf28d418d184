/// The text of values: what PostgreSQL's input and output functions read and write.
public enum TypeText {
    /// The value that `text` stands for; the length or precision of `type` is applied.
    public static func parse(
        _ text: UnsafeRawBufferPointer, as type: DataType, _ settings: TextSettings = TextSettings()
    ) throws(SQLError) -> Value {
        switch type {
        case .unknown, .text: return unsafe .text(String(decoding: text, as: UTF8.self))
        case .varchar(let length):
            return unsafe .text(try fit(String(decoding: text, as: UTF8.self), varchar: length))
        case .char(let length):
            return unsafe .text(try fit(String(decoding: text, as: UTF8.self), char: length))
        case .boolean: return unsafe .boolean(try parseBoolean(text))
        case .smallint, .integer, .bigint: return unsafe .integer(try parseInteger(text, type))
        case .real: return unsafe .double(try Double.parse(real: text))
        case .double: return unsafe .double(try Double.parse(text))
        case .numeric(let precision, let scale):
            return unsafe .numeric(
                try Numeric.parse(text).fitted(precision: precision, scale: scale))
        case .bytea: return unsafe .bytes(try parseBytes(text))
        case .uuid: return unsafe .bytes(try parseUUID(text))
        case .json: return unsafe .text(try JSONText.checked(text))
        case .jsonb: return unsafe .text(try JSONText.normalised(text))
        case .date: return unsafe .integer(try TimeText.parseDate(text, settings))
        case .time: return unsafe .integer(try TimeText.parseTime(text, settings))
        case .timestamp: return unsafe .integer(try TimeText.parseTimestamp(text, settings))
        case .timestamptz: return unsafe .integer(try TimeText.parseTimestamptz(text, settings))
        case .interval: return unsafe .interval(try TimeText.parseInterval(text))
        case .enumeration(let type):
            return unsafe .integer(try type.number(String(decoding: text, as: UTF8.self)))
        case .array(let element): return unsafe try parseArray(text, element, settings)
        case .record(let fields): return unsafe try parseRecord(text, fields, settings)
        }
    }

    public static func parse(
        _ text: String, as type: DataType, _ settings: TextSettings = TextSettings()
    ) throws(SQLError) -> Value {
        unsafe try text.withBytes { (raw: UnsafeRawBufferPointer) throws(SQLError) -> Value in
            unsafe try parse(raw, as: type, settings)
        }
    }

    /// A value as text; nil for null.
    public static func text(
        _ value: Value, _ type: DataType, _ settings: TextSettings = TextSettings()
    ) -> String? {
        if value.isNull { return nil }
        var buffer = OutputBuffer(capacity: 64)
        let writer = TextWriter(Column.constant(value, type, count: 1), settings)
        writer.append(0, to: &buffer)
        return buffer.bytes.text(0..<buffer.count)
    }

    /// An integer of a type, white space around it aside.
    public static func parseInteger(
        _ text: UnsafeRawBufferPointer, _ type: DataType
    ) throws(SQLError) -> Int64 {
        var index = 0
        let end = unsafe NumberText.trim(text, &index)
        let isNegative = unsafe index < end && text[index] == UInt8(ascii: "-")
        if unsafe isNegative || index < end && text[index] == UInt8(ascii: "+") { index &+= 1 }
        guard index < end else { throw unsafe .invalidSyntax("\(type)", unsafe text) }
        var value: Int64 = 0
        var overflows = false
        while index < end {
            let digit = unsafe text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { throw unsafe .invalidSyntax("\(type)", unsafe text) }
            // Counted below zero, where there is room for Int64.min.
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, borrow) = tens.subtractingReportingOverflow(Int64(digit))
            overflows = overflows || overflow || borrow
            value = sum
            index &+= 1
        }
        if !isNegative {
            overflows = overflows || value == .min
            value = 0 &- value
        }
        guard !overflows, type.integerRange.contains(value) else {
            throw SQLError(
                unsafe "value \"\(String(decoding: text, as: UTF8.self))\" is out of range for type"
                    + " \(type)", .numericValueOutOfRange)
        }
        return value
    }

    /// Any beginning of true, false, yes, no, on or off that is no other's; 1 and 0.
    static func parseBoolean(_ text: UnsafeRawBufferPointer) throws(SQLError) -> Bool {
        let (_, hasSign, word) = unsafe NumberText.word(text)
        switch word {
        case "t", "tr", "tru", "true", "y", "ye", "yes", "on", "1": if !hasSign { return true }
        case "f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0":
            if !hasSign { return false }
        default: break
        }
        throw unsafe .invalidSyntax("boolean", text)
    }

    /// Cut to `length` characters; only blanks may be lost.
    static func fit(_ text: String, varchar length: Int32?) throws(SQLError) -> String {
        guard let length, text.unicodeScalars.count > Int(length) else { return text }
        let scalars = text.unicodeScalars
        let end = scalars.index(scalars.startIndex, offsetBy: Int(length))
        guard scalars[end...].allSatisfy({ $0 == " " }) else {
            throw SQLError(
                "value too long for type character varying(\(length))",
                .stringDataRightTruncation)
        }
        return String(text[..<end])
    }

    /// Cut or filled with blanks to `length` characters (nil: without blanks at the end); only
    /// blanks may be lost.
    static func fit(_ text: String, char length: Int32?) throws(SQLError) -> String {
        guard let length else {
            let end = text.unicodeScalars.lastIndex { $0 != " " }
            return end.map { String(text.unicodeScalars[...$0]) } ?? ""
        }
        let count = text.unicodeScalars.count
        if count <= Int(length) {
            return text + String(repeating: " ", count: Int(length) - count)
        }
        let scalars = text.unicodeScalars
        let end = scalars.index(scalars.startIndex, offsetBy: Int(length))
        guard scalars[end...].allSatisfy({ $0 == " " }) else {
            throw SQLError(
                "value too long for type character(\(length))", .stringDataRightTruncation)
        }
        return String(text[..<end])
    }
}

// bytea and uuid.
extension TypeText {
    static func parseBytes(_ text: UnsafeRawBufferPointer) throws(SQLError) -> [UInt8] {
        guard text.count >= 2, unsafe text[0] == UInt8(ascii: "\\"),
            unsafe text[1] == UInt8(ascii: "x")
        else {
            return unsafe try parseEscapedBytes(text)
        }
        var result: [UInt8] = []
        var high: UInt8?
        for index in 2..<text.count {
            let byte = unsafe text[index]
            if NumberText.isSpace(byte), high == nil { continue }
            guard let digit = hexValue(byte) else {
                let shown = unsafe String(decoding: text[index...], as: UTF8.self).unicodeScalars
                    .first
                throw SQLError(
                    "invalid hexadecimal digit: \"\(shown.map(String.init) ?? "")\"",
                    .invalidParameterValue)
            }
            if let first = high {
                result.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        if high != nil {
            throw SQLError(
                "invalid hexadecimal data: odd number of digits", .invalidParameterValue)
        }
        return result
    }

    /// `\\` is a backslash, `\ooo` a byte in octal digits.
    private static func parseEscapedBytes(
        _ text: UnsafeRawBufferPointer
    ) throws(SQLError) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < text.count {
            let byte = unsafe text[index]
            index += 1
            if byte != UInt8(ascii: "\\") {
                result.append(byte)
            } else if index < text.count, unsafe text[index] == byte {
                result.append(byte)
                index += 1
            } else if text.count - index >= 3, unsafe text[index] &- 48 < 4,
                unsafe text[index + 1] &- 48 < 8,
                unsafe text[index + 2] &- 48 < 8
            {
                unsafe result.append(
                    (text[index] - 48) << 6 | (text[index + 1] - 48) << 3 | (text[index + 2] - 48))
                index += 3
            } else {
                throw SQLError("invalid input syntax for type bytea", .invalidTextRepresentation)
            }
        }
        return result
    }

    /// 32 hexadecimal digits; a hyphen may stand behind each group of four, braces around all.
    static func parseUUID(_ text: UnsafeRawBufferPointer) throws(SQLError) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        let hasBraces = unsafe text.count > 0 && text[0] == UInt8(ascii: "{")
        if hasBraces { index = 1 }
        while result.count < 16 {
            guard text.count - index >= 2, let high = unsafe hexValue(text[index]),
                let low = unsafe hexValue(text[index + 1])
            else { throw unsafe .invalidSyntax("uuid", text) }
            result.append(high << 4 | low)
            index += 2
            if result.count % 2 == 0, result.count < 16, index < text.count,
                unsafe text[index] == UInt8(ascii: "-")
            {
                index += 1
            }
        }
        if hasBraces {
            guard index < text.count, unsafe text[index] == UInt8(ascii: "}") else {
                throw unsafe .invalidSyntax("uuid", text)
            }
            index += 1
        }
        guard index == text.count else { throw unsafe .invalidSyntax("uuid", text) }
        return result
    }
}
