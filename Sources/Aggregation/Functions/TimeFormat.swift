import Formats

/// A format of to_char, to_date and to_timestamp, read once a batch: `YYYY-MM-DD HH24:MI:SS`.
struct TimeFormat {
    /// A field of the format, in any case of letters.
    enum Field: String, CaseIterable {
        // Longer names stand before those that they begin with.
        case aD = "a.d.", aM = "a.m.", ad, am, bC = "b.c.", bc, cc, day, ddd, dd, dy, d
        case ff1, ff2, ff3, ff4, ff5, ff6, fx, hh24, hh12, hh, iddd, id, iw, iyyy, iyy, iy, i, j
        case mi, mm, month, mon, ms, of, pM = "p.m.", pm, q, rm, sssss, ssss, ss, tzh, tzm, tz, us
        case ww, w, yCommaYYY = "y,yyy", yyyy, yyy, yy, y

        /// The names by their first letter.
        static let byLetter: [UInt8: [(name: [UInt8], field: Field)]] = {
            var table: [UInt8: [(name: [UInt8], field: Field)]] = [:]
            for field in allCases {
                let name = Array(field.rawValue.utf8)
                table[name[0], default: []].append((name, field))
            }
            return table
        }()

        /// True if its text is a number.
        var isNumber: Bool {
            switch self {
            case .aD, .aM, .ad, .am, .bC, .bc, .day, .dy, .fx, .month, .mon, .of, .pM, .pm, .rm,
                .tz, .tzh, .yCommaYYY:
                false
            default: true
            }
        }
    }

    enum LetterCase { case upper, capital, lower }

    struct Part {
        enum Kind: Equatable {
            case field(Field)
            case space
            /// Punctuation outside quotes.
            case separator
            case character
        }

        var kind: Kind
        /// The bytes of a space, separator or character.
        var text: [UInt8] = []
        /// As the field was written.
        var name = ""
        var letters = LetterCase.lower
        /// FM: without blanks and zeros that fill.
        var isFilled = true
        /// TM: words are not filled.
        var isTranslated = false
        /// TH or th behind it.
        var ordinal: LetterCase?

        /// A part that takes no digits follows, or none, so a number may be of any length.
        func isOpen(before next: Part?) -> Bool {
            if ordinal != nil { return true }
            guard let next else { return true }
            switch next.kind {
            case .field(let field): return !field.isNumber
            default: return !(next.text.count == 1 && next.text[0] &- 48 < 10)
            }
        }
    }

    private(set) var parts: [Part] = []
    /// FX: input must have the very form of the format.
    private(set) var isExact = false

    init(_ text: String) {
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            if let end = field(bytes, index) {
                index = end
            } else if bytes[index] == UInt8(ascii: "\"") {
                index = quoted(bytes, index + 1)
            } else {
                // Outside quotes a backslash only keeps a quote from being one.
                let isEscape =
                    bytes[index] == UInt8(ascii: "\\") && index + 1 < bytes.count
                    && bytes[index + 1] == UInt8(ascii: "\"")
                if isEscape { index += 1 }
                let end = TimeFormat.characterEnd(bytes, index)
                parts.append(TimeFormat.literal(Array(bytes[index..<end])))
                index = end
            }
        }
    }

    private static func characterEnd(_ bytes: [UInt8], _ start: Int) -> Int {
        var end = start + 1
        while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
        return end
    }

    private static func literal(_ text: [UInt8]) -> Part {
        let byte = text[0]
        if byte == 0x20 || byte >= 9 && byte <= 13 { return Part(kind: .space, text: text) }
        let isWord =
            byte &- 48 < 10 || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
        if byte > 0x20 && byte < 0x7f && !isWord { return Part(kind: .separator, text: text) }
        return Part(kind: .character, text: text)
    }

    /// Characters up to the closing quote.
    private mutating func quoted(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") { return index + 1 }
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count { index += 1 }
            let end = TimeFormat.characterEnd(bytes, index)
            parts.append(Part(kind: .character, text: Array(bytes[index..<end])))
            index = end
        }
        return index
    }

    /// Reads a field with what stands before and behind it; nil where none begins.
    private mutating func field(_ bytes: [UInt8], _ start: Int) -> Int? {
        var part = Part(kind: .space)
        var index = start
        func isAt(_ name: StaticString) -> Bool {
            let count = name.utf8CodeUnitCount
            guard bytes.count - index >= count else { return false }
            return bytes[index..<index + count].elementsEqual("\(name)".utf8)
        }
        while true {
            if isAt("FM") || isAt("fm") {
                part.isFilled = false
            } else if isAt("TM") || isAt("tm") {
                part.isTranslated = true
            } else {
                break
            }
            index += 2
        }
        guard index < bytes.count, let (field, end) = TimeFormat.find(bytes, index) else {
            return index > start ? index : nil
        }
        let name = bytes[index..<end]
        part.kind = .field(field)
        part.name = String(decoding: name, as: UTF8.self)
        let isUpper = name[name.startIndex] < 0x60
        let second = name.dropFirst().first { $0 | 0x20 >= 97 && $0 | 0x20 <= 122 } ?? 0x41
        part.letters = !isUpper ? .lower : second < 0x60 ? .upper : .capital
        index = end
        if isAt("TH") { part.ordinal = .upper } else if isAt("th") { part.ordinal = .lower }
        if part.ordinal != nil { index += 2 }
        if isAt("SP") || isAt("sp") { index += 2 }
        if field == .fx { isExact = true } else { parts.append(part) }
        return index
    }

    /// The longest field whose name, in capitals, small letters or (for words) capitalised, stands
    /// at `start`.
    private static func find(_ bytes: [UInt8], _ start: Int) -> (Field, end: Int)? {
        let letter = bytes[start]
        for (name, field) in Field.byLetter[letter | 0x20] ?? [] {
            let end = start + name.count
            guard end <= bytes.count else { continue }
            let text = bytes[start..<end]
            if text.elementsEqual(name) { return (field, end) }
            let upper = name.map { $0 >= 97 && $0 <= 122 ? $0 & 0xdf : $0 }
            if text.elementsEqual(upper) { return (field, end) }
            let isWord = field == .day || field == .dy || field == .month || field == .mon
            if isWord, text.first == upper[0], text.dropFirst().elementsEqual(name.dropFirst()) {
                return (field, end)
            }
        }
        return nil
    }

    /// How long the text stays the same: a day, a minute, a microsecond ...
    var granularity: Int64 {
        var unit: Int64 = TimeKernels.day
        for part in parts {
            guard case .field(let field) = part.kind else { continue }
            switch field {
            case .aM, .am, .pM, .pm, .hh24, .hh12, .hh: unit = min(unit, 3_600_000_000)
            case .mi: unit = min(unit, 60_000_000)
            case .ss, .sssss, .ssss: unit = min(unit, 1_000_000)
            case .ms, .ff3: unit = min(unit, 1000)
            case .us, .ff1, .ff2, .ff4, .ff5, .ff6: return 1
            case .tz, .tzh, .tzm, .of: return 1
            default: break
            }
        }
        return unit
    }
}

/// Words of dates.
enum TimeNames {
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    /// From Sunday on.
    static let days = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]
    static let romans = [
        "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII",
    ]

    /// `ST`, `ND`, `RD` or `TH` behind a number.
    static func ordinal(_ number: Int64) -> String {
        let rest = number.magnitude % 100
        if rest >= 11 && rest <= 13 { return "TH" }
        switch rest % 10 {
        case 1: return "ST"
        case 2: return "ND"
        case 3: return "RD"
        default: return "TH"
        }
    }
}
