import Formats

/// to_char of numbers and to_number.
enum NumberFormatFunctions {
    static let functions: [ScalarFunction] = {
        var list: [ScalarFunction] = []
        for type in [DataType.integer, .bigint, .real, .double, .anyNumeric] {
            list.append(
                ScalarFunction("to_char", [type, .text], .text) {
                    arguments, context throws(SQLError) in
                    try text(arguments, context, type)
                })
        }
        list.append(
            ScalarFunction("to_number", [.text, .text], .anyNumeric) {
                arguments, context throws(SQLError) in
                try TimeKernels.values(context, .anyNumeric) { (row, builder) throws(SQLError) in
                    let pattern = TimeKernels.text(arguments[1], row)
                    guard !pattern.isEmpty else { return builder.appendNull() }
                    let format = try NumberFormat(pattern)
                    let text = TimeKernels.text(arguments[0], row)
                    builder.append(numeric: try format.parse(text))
                }
            })
        return list
    }()

    private static func text(
        _ arguments: [Column], _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        var last: (view: StringView, format: NumberFormat)?
        let formats = unsafe arguments[1].strings
        let mask = arguments[1].indexMask
        return try TimeKernels.values(context, .text) { (row, builder) throws(SQLError) in
            let view = unsafe formats[row & mask]
            let format: NumberFormat
            if let last, last.view == view {
                format = last.format
            } else {
                format = try NumberFormat(view.string)
                last = (view, format)
            }
            builder.append(text: try text(arguments[0], row, type, format))
        }
    }

    private static func text(
        _ column: Column, _ row: Int, _ type: DataType, _ asked: NumberFormat
    ) throws(SQLError) -> String {
        var format = asked
        var double: Double?
        let index = row & column.indexMask
        let value: Numeric
        switch column.storage {
        case .integer(let buffer): value = Numeric(buffer[index])
        case .double(let buffer):
            let number = buffer[index]
            guard number.isFinite else { return try special(number, format) }
            // More digits than the type has are not shown.
            let digits = type == .real ? 6 : 15
            double = number
            value = Numeric(exactly: number)
            if !format.hasExponent {
                let before = max(evenly(value, 0).exponent + 1, 1)
                format.limit(behind: max(digits - before, 0))
            }
        default: value = column.numerics[index]
        }
        guard value.isFinite else { return try special(value.double, format) }
        if format.hasRoman { return roman(value, format) }
        if format.hasExponent { return scientific(value, format) }
        var scaled = value
        if format.hasShift {
            let factor = Numeric.tenth(-format.shift)
            scaled = value * factor
        }
        let rounded =
            double == nil ? scaled.rounded(format.behind) : evenly(scaled, format.behind)
        // Where a double has fewer digits the format's last places stay empty.
        let shown = rounded.magnitude.description
        let before = shown.utf8.firstIndex(of: UInt8(ascii: ".")).map {
            shown.utf8.distance(from: shown.startIndex, to: $0)
        }
        // A double keeps its sign where it rounds to 0.
        let isNegative = double.map { $0.sign == .minus } ?? (rounded.signum < 0)
        if (before ?? shown.utf8.count) > format.width {
            return format.write(format.hashes, isNegative: isNegative)
        }
        return format.write(shown, isNegative: isNegative)
    }

    /// Rounded as C's printf does: a half goes to the even digit.
    private static func evenly(_ value: Numeric, _ places: Int) -> Numeric {
        let near = value.rounded(places)
        let cut = value.truncated(places)
        guard near != cut, near - value == value - cut else { return near }
        let isEven = cut.description.utf8.last.map { $0 & 1 == 0 } ?? true
        return isEven ? cut : near
    }

    private static func special(_ value: Double, _ format: NumberFormat) throws(SQLError) -> String
    {
        if format.hasExponent {
            let digits = String(repeating: "#", count: format.width + 1)
            return " " + digits.dropLast(max(0, digits.count - format.width)) + "."
                + String(repeating: "#", count: format.behind + 4)
        }
        if format.hasRoman { return String(repeating: "#", count: 15) }
        let shown = value.isNaN ? "NaN" : "Infinity"
        return format.write(
            shown.utf8.count > format.width ? format.hashes : shown, isNegative: value < 0)
    }

    private static func roman(_ value: Numeric, _ format: NumberFormat) -> String {
        let isLower = format.parts.contains {
            if case .key(.roman, true) = $0 { true } else { false }
        }
        guard let number = value.integer, number >= 1, number <= 3999 else {
            return String(repeating: "#", count: 15)
        }
        let numerals: [(Int64, String)] = [
            (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
            (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
        ]
        var rest = number
        var text = ""
        for (unit, numeral) in numerals {
            while rest >= unit {
                text += numeral
                rest -= unit
            }
        }
        if isLower { text = text.lowercased() }
        return format.hasFill
            ? text : String(repeating: " ", count: 15 - text.utf8.count) + text
    }

    private static func scientific(_ value: Numeric, _ format: NumberFormat) -> String {
        let sign = value.signum < 0 ? "-" : " "
        var exponent = value.signum == 0 ? 0 : value.exponent
        var digits = value.magnitude
        if value.signum != 0 {
            digits = (digits * Numeric.tenth(exponent)).rounded(format.behind)
            if digits.exponent > 0 {
                exponent += 1
                digits = (digits * Numeric.tenth(1)).rounded(format.behind)
            }
        } else {
            digits = Numeric.zero.rounded(format.behind)
        }
        let magnitude = exponent.magnitude
        return
            "\(sign)\(digits)e\(exponent < 0 ? "-" : "+")\(magnitude < 10 ? "0" : "")\(magnitude)"
    }
}

extension Numeric {
    /// 10^-`exponent`, exactly.
    static func tenth(_ exponent: Int) -> Numeric {
        let text = exponent >= 0 ? "1e-\(exponent)" : "1e\(-exponent)"
        return (try? Numeric.parse(text)) ?? .one
    }
}

extension NumberFormat {
    /// Reads a number by its digits, point and sign; what else the format names is passed over.
    func parse(_ text: String) throws(SQLError) -> Numeric {
        guard !hasExponent else {
            throw SQLError("\"EEEE\" not supported for input", .featureNotSupported)
        }
        var digits: [UInt8] = []
        var isNegative = false
        var places: Int?
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39:
                if let count = places {
                    if count == behind { continue }
                    places = count + 1
                } else if digits.count >= width {
                    continue
                }
                digits.append(byte)
            case 0x2e where hasDecimal && places == nil:
                places = 0
                digits.append(byte)
            case 0x2d: isNegative = true
            case 0x3c where hasBracket: isNegative = true
            default: break
            }
        }
        let shown = String(decoding: digits, as: UTF8.self)
        let value = try Numeric.parse(shown == "" || shown == "." ? " " : shown)
        let result = hasShift ? try value.divided(by: Numeric.tenth(-shift)) : value
        return isNegative ? -result : result
    }
}
