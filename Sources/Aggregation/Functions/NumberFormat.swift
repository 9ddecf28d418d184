import Formats

/// A number format of to_char and to_number, read once a batch: `FM999G990D00`, `S9.99EEEE`.
struct NumberFormat {
    enum Key: String, CaseIterable {
        // Longer names stand before those that they begin with.
        case code = "C", comma = ",", point = ".", zero = "0", nine = "9", blank = "B", decimal =
            "D"
        case exponent = "EEEE", fill = "FM", group = "G", currency = "L", minus = "MI"
        case plus = "PL", bracket = "PR", roman = "RN", signed = "SG", sign = "S", ordinal = "TH"
        case shift = "V"
    }

    enum Part {
        /// `isLower`: as it was written, for `rn` and `th`.
        case key(Key, isLower: Bool)
        case text([UInt8])
    }

    enum SignPlace { case none, before, behind }

    private(set) var parts: [Part] = []
    /// Digits before the point and behind it.
    private(set) var before = 0
    private(set) var behind = 0
    /// Digits that V shifts the number by.
    private(set) var shift = 0
    private(set) var hasZero = false
    /// The first and the last place of a 0, counted from 1; 0: none.
    private(set) var zeroStart = 0
    private(set) var zeroEnd = 0
    private(set) var hasDecimal = false
    private(set) var hasFill = false
    private(set) var hasMinus = false
    private(set) var hasPlus = false
    private(set) var hasBracket = false
    private(set) var hasSign = false
    private(set) var hasRoman = false
    private(set) var hasShift = false
    private(set) var hasExponent = false
    private(set) var signPlace = SignPlace.none
    /// Digits before an S.
    private var signDigits = 0

    init(_ text: String) throws(SQLError) {
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") {
                index = quoted(bytes, index + 1)
            } else if let (key, isLower, end) = NumberFormat.find(bytes, index) {
                try add(key)
                parts.append(.key(key, isLower: isLower))
                index = end
            } else {
                if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count,
                    bytes[index + 1] == UInt8(ascii: "\"")
                {
                    index += 1
                }
                parts.append(.text([bytes[index]]))
                index += 1
            }
        }
        if !hasPlus, !hasMinus, signPlace == .before, before == signDigits { signPlace = .behind }
    }

    private mutating func quoted(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") { return index + 1 }
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count { index += 1 }
            parts.append(.text([bytes[index]]))
            index += 1
        }
        return index
    }

    private static func find(_ bytes: [UInt8], _ start: Int) -> (Key, Bool, end: Int)? {
        for key in Key.allCases {
            let name = Array(key.rawValue.utf8)
            let end = start + name.count
            guard end <= bytes.count else { continue }
            let text = bytes[start..<end]
            if text.elementsEqual(name) { return (key, false, end) }
            let lower = name.map { $0 >= 65 && $0 <= 90 ? $0 | 0x20 : $0 }
            if text.elementsEqual(lower) { return (key, true, end) }
        }
        return nil
    }

    private mutating func add(_ key: Key) throws(SQLError) {
        func refuse(_ message: String) -> SQLError { SQLError(message, .syntaxError) }
        if hasExponent, key != .exponent { throw refuse("\"EEEE\" must be the last pattern used") }
        switch key {
        case .nine:
            if hasBracket { throw refuse("\"9\" must be ahead of \"PR\"") }
            if hasShift { shift += 1 } else if hasDecimal { behind += 1 } else { before += 1 }
        case .zero:
            if hasBracket { throw refuse("\"0\" must be ahead of \"PR\"") }
            if !hasZero && !hasDecimal {
                hasZero = true
                zeroStart = before + 1
            }
            if hasDecimal { behind += 1 } else { before += 1 }
            zeroEnd = before + behind
        case .decimal, .point:
            if hasDecimal { throw refuse("multiple decimal points") }
            if hasShift { throw refuse("cannot use \"V\" and decimal point together") }
            hasDecimal = true
        case .fill: hasFill = true
        case .sign:
            if hasSign { throw refuse("cannot use \"S\" twice") }
            if hasPlus || hasMinus || hasBracket {
                throw refuse("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together")
            }
            hasSign = true
            if hasDecimal {
                if signPlace == .none { signPlace = .behind }
            } else {
                signPlace = .before
                signDigits = before
            }
        case .minus, .plus, .signed:
            if hasSign {
                throw refuse("cannot use \"S\" and \"\(key.rawValue)\" together")
            }
            hasMinus = hasMinus || key != .plus
            hasPlus = hasPlus || key != .minus
        case .bracket:
            if hasSign || hasPlus || hasMinus {
                throw refuse("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together")
            }
            hasBracket = true
        case .roman: hasRoman = true
        case .shift:
            if hasDecimal { throw refuse("cannot use \"V\" and decimal point together") }
            hasShift = true
        case .exponent:
            if hasExponent { throw refuse("cannot use \"EEEE\" twice") }
            if hasBlankConflict {
                throw SQLError(
                    "\"EEEE\" is incompatible with other formats", .syntaxError,
                    detail:
                        "\"EEEE\" may only be used together with digit and decimal point patterns."
                )
            }
            hasExponent = true
        case .code, .comma, .group, .blank, .currency, .ordinal: break
        }
    }

    private var hasBlankConflict: Bool {
        hasFill || hasSign || hasBracket || hasMinus || hasPlus || hasRoman || hasShift
    }

    /// Shows fewer digits behind the point than are written.
    mutating func limit(behind digits: Int) { behind = min(behind, digits) }

    /// Brackets are left away around what is not negative.
    mutating func dropBrackets() { hasBracket = false }
}

extension NumberFormat {
    /// The text of a number that is written `digits` (with its sign left out); the caller has
    /// rounded it to the places of the format.
    func write(_ digits: String, isNegative: Bool) -> String {
        var writer = NumberWriter(self, Array(digits.utf8), isNegative: isNegative)
        for part in parts { writer.append(part) }
        return String(decoding: writer.output, as: UTF8.self)
    }

    /// A number too large for the format.
    var hashes: String {
        String(repeating: "#", count: before + shift) + "."
            + String(repeating: "#", count: behind)
    }

    /// The digits before the point, V's among them.
    var width: Int { before + shift }
}

/// Puts the digits of one number into the places of a format (PostgreSQL's NUM_processor).
private struct NumberWriter {
    private var format: NumberFormat
    private let number: [UInt8]
    private let isNegative: Bool
    private let blanks: Int
    private var isSignDone: Bool
    private var position = 0
    private var place = 0
    private var hasDigit = false
    /// The last byte that counts behind the point; nil: all do.
    private var lastRelevant: Int?
    private let count: Int
    var output: [UInt8] = []

    init(_ format: NumberFormat, _ number: [UInt8], isNegative: Bool) {
        self.format = format
        self.number = number
        self.isNegative = isNegative
        let point = number.firstIndex(of: UInt8(ascii: "."))
        blanks = max(0, format.width - (point ?? number.count))
        if format.hasPlus || format.hasMinus {
            isSignDone = format.hasMinus
        } else {
            if !isNegative && format.hasFill { self.format.dropBrackets() }
            isSignDone = !isNegative && format.hasFill && !format.hasSign
        }
        if format.hasFill && format.hasDecimal, let point {
            var last = point
            for index in point + 1..<max(number.count, point + 1)
            where number[index] != UInt8(ascii: "0") {
                last = index
            }
            if format.zeroEnd > blanks {
                last = max(last, min(number.count - 1, format.zeroEnd - blanks))
            }
            lastRelevant = last
        }
        let places = format.behind + format.width - 1
        count = places + (!isSignDone && blanks == 0 ? 1 : 0)
    }

    private var isAtPoint: Bool { position < number.count && number[position] == 0x2e }
    private var lastIsPoint: Bool { lastRelevant.map { number[$0] == 0x2e } ?? false }
    /// 0.1 as 9.9 is ` .1`.
    private var isBlankZero: Bool {
        !format.hasZero && position == 0 && number.first == 0x30 && format.behind != 0
    }
    private var zeroStart: Int { format.zeroStart - 1 }

    mutating func append(_ part: NumberFormat.Part) {
        guard case .key(let key, let isLower) = part else {
            if case .text(let bytes) = part { output += bytes }
            return
        }
        switch key {
        case .nine, .zero, .decimal, .point: appendPlace(key)
        case .comma, .group:
            if hasDigit { output.append(0x2c) } else if !format.hasFill { output.append(0x20) }
        case .currency: output.append(0x20)
        case .ordinal:
            if format.hasRoman || number.first == 0x23 || isNegative || format.hasDecimal { return }
            let value = Int64(String(decoding: number, as: UTF8.self)) ?? 0
            let suffix = TimeNames.ordinal(value)
            output += Array((isLower ? suffix.lowercased() : suffix).utf8)
        case .minus:
            if isNegative { output.append(0x2d) } else if !format.hasFill { output.append(0x20) }
        case .plus:
            if !isNegative { output.append(0x2b) } else if !format.hasFill { output.append(0x20) }
        case .signed: output.append(isNegative ? 0x2d : 0x2b)
        case .code, .blank, .fill, .bracket, .sign, .shift, .exponent, .roman: break
        }
    }

    private mutating func appendSign() {
        let begins = place >= blanks || format.hasZero && zeroStart == place
        guard !isSignDone, begins, !isBlankZero || lastIsPoint else { return }
        if format.hasSign {
            guard format.signPlace == .before else { return }
            output.append(isNegative ? 0x2d : 0x2b)
        } else if format.hasBracket {
            output.append(isNegative ? 0x3c : 0x20)
        } else if isNegative {
            output.append(0x2d)
        } else if !format.hasFill {
            output.append(0x20)
        }
        isSignDone = true
    }

    private mutating func appendPlace(_ key: NumberFormat.Key) {
        if format.hasRoman { return }
        hasDigit = false
        appendSign()
        if place < blanks && (zeroStart > place || !format.hasZero) {
            if !format.hasFill { output.append(0x20) }
        } else if place < blanks && format.hasZero && zeroStart <= place {
            output.append(0x30)
            hasDigit = true
        } else {
            appendDigit(key)
            if position < number.count { position += 1 }
        }
        var end = count + (blanks > 0 ? 1 : 0) + (format.hasDecimal ? 1 : 0)
        if let lastRelevant, lastRelevant == position { end = place }
        if place + 1 == end {
            if isSignDone && format.hasBracket {
                output.append(isNegative ? 0x3e : 0x20)
            } else if format.hasSign && format.signPlace == .behind {
                output.append(isNegative ? 0x2d : 0x2b)
            }
        }
        place += 1
    }

    private mutating func appendDigit(_ key: NumberFormat.Key) {
        if isAtPoint {
            if !lastIsPoint || format.hasFill { output.append(0x2e) }
            return
        }
        if let lastRelevant, position > lastRelevant, key != .zero { return }
        if isBlankZero {
            if !format.hasFill { output.append(0x20) } else if lastIsPoint { output.append(0x30) }
        } else if position < number.count {
            output.append(number[position])
            hasDigit = true
        }
    }
}
