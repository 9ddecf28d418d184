import Formats

/// encode(bytes, format) and decode(text, format): hex, base64 and escape.
enum EncodingKernels {
    static func encode(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let formats = arguments[1]
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            switch try format(formats, row) {
            case .hex:
                for index in 0..<bytes.count {
                    unsafe writer.append(hexDigits[Int(bytes[index] >> 4)])
                    unsafe writer.append(hexDigits[Int(bytes[index] & 15)])
                }
            case .base64: unsafe encodeBase64(bytes, &writer)
            case .escape: unsafe encodeEscape(bytes, &writer)
            }
        }
    }

    static func decode(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let formats = arguments[1]
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            switch try format(formats, row) {
            case .hex: unsafe try decodeHex(rows[row], &writer)
            case .base64: unsafe try decodeBase64(rows[row], &writer)
            case .escape: unsafe try decodeEscape(rows[row], &writer)
            }
        }
    }

    private enum Format { case hex, base64, escape }

    private static func format(_ names: Column, _ row: Int) throws(SQLError) -> Format {
        let name = unsafe names.strings[row & names.indexMask].string
        switch name.lowercased() {
        case "hex": return .hex
        case "base64": return .base64
        case "escape": return .escape
        default: throw SQLError("unrecognized encoding: \"\(name)\"", .invalidParameterValue)
        }
    }

    static let hexDigits = Array("0123456789abcdef".utf8)
    private static let base64Digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Lines of 76 characters, as in PostgreSQL.
    private static func encodeBase64(
        _ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter
    ) {
        var index = 0
        var column = 0
        while index < bytes.count {
            var bits = unsafe UInt32(bytes[index]) << 16
            let left = bytes.count - index
            if left > 1 { unsafe bits |= UInt32(bytes[index + 1]) << 8 }
            if left > 2 { unsafe bits |= UInt32(bytes[index + 2]) }
            if column == 76 {
                writer.append(0x0A as UInt8)
                column = 0
            }
            for digit in 0..<4 {
                let value = Int(bits >> UInt32(18 - 6 * digit) & 63)
                writer.append(digit <= left ? base64Digits[value] : UInt8(ascii: "="))
            }
            column += 4
            index += 3
        }
    }

    private static func encodeEscape(
        _ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter
    ) {
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if byte == 0 || byte >= 0x80 {
                writer.append(0x5C as UInt8)
                for shift: UInt8 in [6, 3, 0] { writer.append(0x30 + (byte >> shift & 7)) }
            } else {
                if byte == 0x5C { writer.append(byte) }
                writer.append(byte)
            }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D
    }

    private static func character(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> String {
        unsafe String(Character(UTF8Text.scalar(bytes, index).scalar))
    }

    private static func decodeHex(
        _ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter
    ) throws(SQLError) {
        var high: UInt8?
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if isSpace(byte) && high == nil { continue }
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw SQLError(
                    unsafe "invalid hexadecimal digit: \"\(character(bytes, index))\"",
                    .invalidParameterValue)
            }
            if let first = high {
                writer.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        if high != nil {
            throw SQLError(
                "invalid hexadecimal data: odd number of digits", .invalidParameterValue)
        }
    }

    private static func decodeBase64(
        _ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter
    ) throws(SQLError) {
        var bits: UInt32 = 0
        var position = 0
        var padding = 0
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if isSpace(byte) { continue }
            if byte == UInt8(ascii: "=") {
                guard position + padding == 2 || position + padding == 3 else {
                    throw SQLError(
                        "unexpected \"=\" while decoding base64 sequence", .invalidParameterValue)
                }
                padding += 1
            } else {
                guard let digit = base64Digits.firstIndex(of: byte), padding == 0 else {
                    throw SQLError(
                        unsafe "invalid symbol \"\(character(bytes, index))\" found while decoding "
                            + "base64 sequence", .invalidParameterValue)
                }
                bits = bits << 6 | UInt32(digit)
                position += 1
            }
            if position + padding == 4 {
                bits <<= UInt32(6 * padding)
                for place in 0..<(3 - padding) {
                    writer.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place)))
                }
                if padding == 0 { position = 0 }
                bits = 0
            }
        }
        guard position == 0 || position + padding == 4 else {
            throw SQLError(
                "invalid base64 end sequence", .invalidParameterValue,
                hint: "Input data is missing padding, is truncated, or is otherwise corrupted.")
        }
    }

    private static func decodeEscape(
        _ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter
    ) throws(SQLError) {
        var index = 0
        while index < bytes.count {
            let byte = unsafe bytes[index]
            index += 1
            guard byte == 0x5C else {
                writer.append(byte)
                continue
            }
            if index < bytes.count, unsafe bytes[index] == 0x5C {
                writer.append(0x5C as UInt8)
                index += 1
                continue
            }
            var value = 0
            guard index + 3 <= bytes.count, unsafe bytes[index] <= 0x33 else {
                throw SQLError("invalid input syntax for type bytea", .invalidTextRepresentation)
            }
            for _ in 0..<3 {
                guard unsafe (0x30...0x37).contains(bytes[index]) else {
                    throw SQLError(
                        "invalid input syntax for type bytea", .invalidTextRepresentation)
                }
                value = unsafe value << 3 | Int(bytes[index] - 0x30)
                index += 1
            }
            writer.append(UInt8(truncatingIfNeeded: value))
        }
    }
}
