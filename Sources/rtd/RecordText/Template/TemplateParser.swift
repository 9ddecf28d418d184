import Formats

/// Reads the text of a `RecordTemplate` from left to right.
struct TemplateParser {
    private let whole: String
    private let text: [UInt8]
    private var position = 0
    private var literal: [UInt8] = []

    init(_ text: String) {
        whole = text
        self.text = Array(text.utf8)
    }

    /// The items up to the end.
    mutating func items(depth: Int) throws(RecordTextError) -> [RecordTemplate.Item] {
        guard depth < RecordTextLimits.templateDepthMax else {
            throw failure("it is nested too deep")
        }
        var items: [RecordTemplate.Item] = []
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte == UInt8(ascii: "\\") {
                literal.append(try escape())
            } else if byte == UInt8(ascii: "%") {
                guard let item = try conversion(depth) else { continue }
                flush(&items)
                items.append(item)
            } else {
                literal.append(byte)
            }
        }
        flush(&items)
        return items
    }

    private mutating func flush(_ items: inout [RecordTemplate.Item]) {
        if !literal.isEmpty { items.append(.literal(literal)) }
        literal = []
    }

    private func failure(_ reason: String) -> RecordTextError {
        .usage("the template '\(whole)' cannot be used: \(reason)")
    }

    /// The byte that the escape behind a backslash stands for.
    private mutating func escape() throws(RecordTextError) -> UInt8 {
        guard position < text.count else { throw failure("it ends with a backslash") }
        let letter = text[position]
        position += 1
        switch letter {
        case UInt8(ascii: "n"): return 0x0a
        case UInt8(ascii: "r"): return 0x0d
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "0"): return 0
        case UInt8(ascii: "e"): return 0x1b
        case UInt8(ascii: "\\"): return letter
        case UInt8(ascii: "x"):
            guard position + 2 <= text.count, let high = hexValue(text[position]),
                let low = hexValue(text[position + 1])
            else { throw failure("\\x needs two hexadecimal digits") }
            position += 2
            return high << 4 | low
        default:
            throw failure("there is no escape \\\(Character(Unicode.Scalar(letter)))")
        }
    }

    /// The item behind a percent sign; nil if it is only a literal byte.
    private mutating func conversion(
        _ depth: Int
    ) throws(RecordTextError) -> RecordTemplate.Item? {
        guard position < text.count else { throw failure("it ends with a percent sign") }
        let letter = Character(Unicode.Scalar(text[position]))
        position += 1
        switch letter {
        case "%", "{", "}":
            literal.append(text[position - 1])
            return nil
        case "t": return .text(.topic, try textEncoding(letter))
        case "k": return .text(.key, try textEncoding(letter))
        case "v", "s": return .text(.value, try textEncoding(letter))
        case "T", "d": return try timestamp(letter)
        case "R": return .number(.valueLength, .bigEndian(4))
        case "h":
            guard let inner = try braces() else { return .headerList }
            var parser = TemplateParser(inner)
            return .eachHeader(try parser.items(depth: depth + 1))
        case "a": return try attribute()
        default:
            guard let field = Self.numbers[letter] else {
                throw failure("there is no conversion %\(letter)")
            }
            return .number(field, try numberEncoding(letter))
        }
    }

    private static let numbers: [Character: RecordTemplate.NumberField] = [
        "p": .partition, "o": .offset, "K": .keyLength, "V": .valueLength, "S": .valueLength,
        "H": .headerCount, "e": .leaderEpoch, "x": .producerID, "y": .producerEpoch,
        "i": .recordNumber,
    ]

    /// What stands in the braces that open here, if they do; inner braces are kept.
    private mutating func braces() throws(RecordTextError) -> String? {
        guard position < text.count, text[position] == UInt8(ascii: "{") else { return nil }
        let start = position + 1
        var depth = 0
        while position < text.count {
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "\\"):
                // `%{`, `%}` and `\}` are no braces; the strftime letter behind `%` is none either.
                if position < text.count { position += 1 }
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 {
                    return String(decoding: text[start..<position - 1], as: UTF8.self)
                }
            default: break
            }
        }
        throw failure("a brace is not closed")
    }

    private mutating func textEncoding(
        _ letter: Character
    ) throws(RecordTextError) -> RecordTemplate.TextEncoding {
        guard let name = try braces() else { return .raw }
        switch name {
        case "hex": return .hex
        case "base64": return .base64
        case "base64raw": return .base64Unpadded
        default:
            guard let size = Int(name), size >= 0 else {
                throw failure("%\(letter){\(name)} is none of hex, base64, base64raw, a length")
            }
            return .sized(size)
        }
    }

    private mutating func numberEncoding(
        _ letter: Character
    ) throws(RecordTextError) -> RecordTemplate.NumberEncoding {
        guard let name = try braces() else { return .decimal }
        guard let encoding = Self.encoding(name) else {
            throw failure(
                "%\(letter){\(name)} is none of ascii, hex64 to hex4, big64 to big8, "
                    + "little64 to little8, byte, bool")
        }
        return encoding
    }

    private static func encoding(_ name: String) -> RecordTemplate.NumberEncoding? {
        switch name {
        case "ascii", "number": .decimal
        case "bool": .boolean
        case "byte", "big8", "little8": .bigEndian(1)
        case "big16": .bigEndian(2)
        case "big32": .bigEndian(4)
        case "big64": .bigEndian(8)
        case "little16": .littleEndian(2)
        case "little32": .littleEndian(4)
        case "little64": .littleEndian(8)
        case "hex4": .hex(1)
        case "hex8": .hex(2)
        case "hex16": .hex(4)
        case "hex32": .hex(8)
        case "hex64": .hex(16)
        default: nil
        }
    }

    private mutating func timestamp(
        _ letter: Character
    ) throws(RecordTextError) -> RecordTemplate.Item {
        let start = position
        guard let inner = try braces() else { return .number(.timestamp, .decimal) }
        var pattern = Substring(inner)
        if pattern.hasPrefix("strftime") {
            pattern = pattern.dropFirst("strftime".count)
            guard pattern.count >= 2, let close = pattern.last,
                ["[]", "##", "//", "()"].contains("\(pattern.removeFirst())\(close)")
            else { throw failure("write %\(letter){strftime[%F %T]}") }
            pattern = pattern.dropLast()
            while pattern.count >= 2, pattern.first == "#", pattern.last == "#" {
                pattern = pattern.dropFirst().dropLast()
            }
        } else if !pattern.contains("%") {
            position = start
            return .number(.timestamp, try numberEncoding(letter))
        }
        do throws(FormatError) {
            return .date(try StrftimeFormat(String(pattern)))
        } catch {
            throw failure("'\(pattern)' is no date format of strftime")
        }
    }

    private mutating func attribute() throws(RecordTextError) -> RecordTemplate.Item {
        switch try braces() {
        case "compression": return .compression
        case "timestamp-type": return .number(.timestampType, .decimal)
        case "transactional-bit": return .number(.transactionalBit, .decimal)
        case "control-bit": return .number(.controlBit, .decimal)
        default:
            throw failure(
                "%a needs one of {compression}, {timestamp-type}, {transactional-bit}, "
                    + "{control-bit}")
        }
    }
}
