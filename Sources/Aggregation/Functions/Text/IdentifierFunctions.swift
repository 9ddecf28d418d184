import Formats

extension FunctionRegistry {
    /// parse_ident, unistr, and sizes in bytes for people.
    static func addIdentifiers(_ list: inout FunctionList) {
        for parameters: [DataType] in [[.text], [.text, .boolean]] {
            list.add("parse_ident", parameters, .array(.text)) {
                arguments, context throws(SQLError) in
                try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                    let isStrict =
                        arguments.count < 2
                        || arguments[1].value(row & arguments[1].indexMask) == .boolean(true)
                    let parts = try identifiers(TimeKernels.text(arguments[0], row), isStrict)
                    target.append(.array(parts.map { .text($0) }))
                }
            }
        }
        list.add("unistr", [.text], .text) { arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                target.append(text: try unescaped(TimeKernels.text(arguments[0], row)))
            }
        }
        list.add("pg_size_pretty", [.bigint], .text) { arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { row, target in
                target.append(
                    text: unsafe size(arguments[0].integers[row & arguments[0].indexMask]))
            }
        }
        list.add("pg_size_bytes", [.text], .bigint) { arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                target.append(integer: try bytes(ofSize: TimeKernels.text(arguments[0], row)))
            }
        }
    }

    private static func identifiers(
        _ text: String, _ isStrict: Bool
    ) throws(SQLError) -> [String] {
        func wrong(_ detail: String?) -> SQLError {
            SQLError(
                "string is not a valid identifier: \"\(text)\"", .invalidParameterValue,
                detail: detail)
        }
        var rest = Array(text.unicodeScalars)[...]
        func isSpace(_ scalar: Unicode.Scalar) -> Bool {
            " \t\n\r\u{b}\u{c}".unicodeScalars.contains(scalar)
        }
        var parts: [String] = []
        var isBehindDot = false
        while true {
            rest = rest.drop(while: isSpace)
            var part = String.UnicodeScalarView()
            if rest.first == "\"" {
                rest = rest.dropFirst()
                while true {
                    guard let scalar = rest.popFirst() else {
                        throw wrong("String has unclosed double quotes.")
                    }
                    if scalar == "\"" {
                        guard rest.first == "\"" else { break }
                        rest = rest.dropFirst()
                    }
                    part.append(scalar)
                }
                guard !part.isEmpty else { throw wrong("Quoted identifier must not be empty.") }
                parts.append(String(part))
            } else if let first = rest.first, startsWord(first) {
                while let scalar = rest.first,
                    startsWord(scalar) || ("0"..."9").contains(scalar) || scalar == "$"
                {
                    part.append(scalar)
                    rest = rest.dropFirst()
                }
                parts.append(String(part).lowercased())
            } else if rest.first == "." {
                throw wrong("No valid identifier before \".\".")
            } else {
                throw wrong(isBehindDot ? "No valid identifier after \".\"." : nil)
            }
            rest = rest.drop(while: isSpace)
            guard rest.first == "." else { break }
            isBehindDot = true
            rest = rest.dropFirst()
        }
        guard rest.isEmpty || !isStrict else { throw wrong(nil) }
        return parts
    }

    private static func startsWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
            || scalar.value > 127
    }

    /// `\XXXX`, `\+XXXXXX`, `\uXXXX`, `\UXXXXXXXX` and `\\`.
    private static func unescaped(_ text: String) throws(SQLError) -> String {
        let wrong = SQLError(
            "invalid Unicode escape", .syntaxError,
            hint: "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
        var result = String.UnicodeScalarView()
        var lead: UInt32?
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", rest.first != "\\" else {
                guard lead == nil else {
                    throw SQLError("invalid Unicode surrogate pair", .syntaxError)
                }
                if scalar == "\\" { rest = rest.dropFirst() }
                result.append(scalar)
                continue
            }
            let lengths: [Unicode.Scalar: Int] = ["+": 6, "u": 4, "U": 8]
            var count = 4
            if let marked = rest.first.flatMap({ lengths[$0] }) {
                count = marked
                rest = rest.dropFirst()
            }
            let digits = String(String.UnicodeScalarView(rest.prefix(count)))
            guard digits.unicodeScalars.count == count, digits.allSatisfy(\.isHexDigit),
                var value = UInt32(digits, radix: 16)
            else { throw wrong }
            rest = rest.dropFirst(count)
            if (0xD800..<0xDC00).contains(value), lead == nil {
                lead = value
                continue
            }
            if let high = lead {
                guard (0xDC00..<0xE000).contains(value) else {
                    throw SQLError("invalid Unicode surrogate pair", .syntaxError)
                }
                value = 0x10000 + (high - 0xD800) << 10 + (value - 0xDC00)
                lead = nil
            }
            guard value != 0, let decoded = Unicode.Scalar(value) else {
                throw SQLError(
                    "invalid Unicode code point: \(String(value, radix: 16, uppercase: true))",
                    .invalidParameterValue)
            }
            result.append(decoded)
        }
        guard lead == nil else { throw SQLError("invalid Unicode surrogate pair", .syntaxError) }
        return String(result)
    }

    private static let units = ["bytes", "kB", "MB", "GB", "TB", "PB"]

    private static func size(_ bytes: Int64) -> String {
        var size = bytes
        for (index, unit) in units.enumerated() {
            let limit: UInt64 = index == 0 ? 10 * 1024 : 20 * 1024 - 1
            if index == units.count - 1 || size.magnitude < limit {
                // From kB on it is counted in halves, for the rounding.
                let rounded = index == 0 ? size : (size + (size < 0 ? -1 : 1)) / 2
                return "\(rounded) \(unit)"
            }
            size /= index == 0 ? 512 : 1024
        }
        return "\(bytes) bytes"
    }

    private static func bytes(ofSize text: String) throws(SQLError) -> Int64 {
        let trimmed = text.drop { $0.isWhitespace }
        let number = trimmed.prefix { $0.isNumber || "+-.eE".contains($0) }
        var digits = String(number)
        // The E of an exponent, not of a unit.
        while let last = digits.last, !last.isNumber, last != "." { digits.removeLast() }
        let unit = trimmed.dropFirst(digits.count).filter { !$0.isWhitespace }.lowercased()
        guard case .numeric(let value)? = try? TypeText.parse(digits, as: .anyNumeric),
            !digits.isEmpty
        else { throw SQLError("invalid size: \"\(text)\"", .invalidParameterValue) }
        let names = units.map { $0.lowercased() }
        guard let power = unit.isEmpty || unit == "b" ? 0 : names.firstIndex(of: unit) else {
            throw SQLError(
                "invalid size: \"\(text)\"", .invalidParameterValue,
                hint:
                    "Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".",
                detail: "Invalid size unit: \"\(unit)\".")
        }
        let factor = Numeric(Int64(1) << Int64(10 * power))
        guard let whole = Int64((value * factor).rounded().description) else {
            throw SQLError("bigint out of range", .numericValueOutOfRange)
        }
        return whole
    }
}
