import Formats

/// The encodings that convert, convert_from, convert_to and length know, by PostgreSQL's names.
enum TextEncoding {
    case utf8, latin1, ascii

    /// Letters and digits of the name alone count. `role` is "source" or "destination".
    init(_ name: String, _ role: String) throws(SQLError) {
        switch name.lowercased().filter({ $0.isLetter || $0.isNumber }) {
        case "utf8", "unicode": self = .utf8
        case "latin1", "iso88591": self = .latin1
        case "sqlascii": self = .ascii
        case let other where TextEncoding.others.contains(other):
            throw SQLError("encoding \"\(name)\" is not supported", .featureNotSupported)
        default:
            throw SQLError("invalid \(role) encoding name \"\(name)\"", .invalidParameterValue)
        }
    }

    private static let others: Set<String> = [
        "latin2", "latin3", "latin4", "latin5", "latin6", "latin7", "latin8", "latin9", "latin10",
        "win1250", "win1251", "win1252", "win1253", "win1254", "win1255", "win1256", "win1257",
        "win1258", "win866", "win874", "koi8r", "koi8u", "eucjp", "euccn", "euckr", "euctw",
        "sjis", "big5", "gbk", "gb18030", "uhc", "johab", "iso88595", "iso88596", "iso88597",
        "iso88598", "shiftjis2004", "eucjis2004", "muleinternal",
    ]

    func decoded(_ bytes: [UInt8]) throws(SQLError) -> String {
        switch self {
        case .latin1:
            var text = ""
            for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
            return text
        case .utf8, .ascii:
            guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
                throw SQLError(
                    "invalid byte sequence for encoding \"UTF8\": \(TextEncoding.bad(bytes))",
                    .characterNotInRepertoire)
            }
            return text
        }
    }

    func encoded(_ text: String) throws(SQLError) -> [UInt8] {
        guard self == .latin1 else { return Array(text.utf8) }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            guard scalar.value < 256 else {
                let shown = TextEncoding.shown(Array(String(scalar).utf8))
                throw SQLError(
                    "character with byte sequence \(shown) in encoding \"UTF8\" has no equivalent "
                        + "in encoding \"LATIN1\"",
                    .untranslatableCharacter)
            }
            bytes.append(UInt8(scalar.value))
        }
        return bytes
    }

    /// The first character that is none.
    private static func bad(_ bytes: [UInt8]) -> String {
        var start = 0
        while start < bytes.count {
            let lead = bytes[start]
            let width = lead < 0xC0 || lead >= 0xF8 ? 1 : UTF8Text.width(lead)
            let end = min(start + width, bytes.count)
            let character = Array(bytes[start..<end])
            if lead == 0 || String(validating: character, as: UTF8.self) == nil {
                return shown(character)
            }
            start = end
        }
        return ""
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        bytes.map { "0x\($0 < 16 ? "0" : "")\(String($0, radix: 16))" }.joined(separator: " ")
    }
}

extension FunctionRegistry {
    static func addEncodings(_ list: inout FunctionList) {
        list.add("convert_from", [.bytea, .text], .text) { arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                let encoding = try TextEncoding(TimeKernels.text(arguments[1], row), "source")
                target.append(text: try encoding.decoded(bytes(arguments[0], row)))
            }
        }
        list.add("convert_to", [.text, .text], .bytea) { arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                let encoding = try TextEncoding(TimeKernels.text(arguments[1], row), "destination")
                target.append(.bytes(try encoding.encoded(TimeKernels.text(arguments[0], row))))
            }
        }
        list.add("convert", [.bytea, .text, .text], .bytea) {
            arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                let source = try TextEncoding(TimeKernels.text(arguments[1], row), "source")
                let other = try TextEncoding(TimeKernels.text(arguments[2], row), "destination")
                let text = try source.decoded(bytes(arguments[0], row))
                target.append(.bytes(try other.encoded(text)))
            }
        }
        list.add("length", [.bytea, .text], .integer) { arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                let encoding = try TextEncoding(TimeKernels.text(arguments[1], row), "source")
                let text = try encoding.decoded(bytes(arguments[0], row))
                target.append(integer: Int64(text.unicodeScalars.count))
            }
        }
    }

    private static func bytes(_ column: Column, _ row: Int) -> [UInt8] {
        if case .bytes(let bytes) = column.value(row & column.indexMask) { return bytes }
        return []
    }
}
