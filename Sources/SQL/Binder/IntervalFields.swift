import Formats

/// `DAY TO SECOND(2)` behind an interval's text: what its last number counts, and which parts of
/// the value are kept.
struct IntervalFields {
    private let first: Substring
    private let last: Substring
    /// Of the second.
    let digits: Int?

    /// As the parser writes them: upper case, single spaces.
    init(_ text: String) {
        let parts = text.split(separator: "(")
        let words = parts.first?.split(separator: " ") ?? []
        first = words.first ?? ""
        last = words.last ?? ""
        digits = parts.count > 1 ? Int(parts[1].dropLast()) : nil
    }

    /// The text with the units that the fields say.
    func complete(_ text: String) -> String {
        var words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let end = words.last else { return text }
        if first == "MINUTE", last == "SECOND" {
            // `1:02` is otherwise hours and minutes.
            if end.count(where: { $0 == ":" }) == 1 {
                let hasSign = end.hasPrefix("-") || end.hasPrefix("+")
                let sign = hasSign ? String(end.prefix(1)) : ""
                words[words.count - 1] = sign + "0:" + end.dropFirst(sign.count)
            }
        } else if first == "DAY", last == "HOUR", words.count == 2, words.allSatisfy(Self.isNumber)
        {
            return "\(words[0]) day \(words[1]) hour"
        }
        if Self.isNumber(end) { words.append(last.lowercased()) }
        return words.joined(separator: " ")
    }

    /// Digits, a sign before them and a point between them.
    private static func isNumber(_ text: String) -> Bool {
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        return digits.contains { $0.isNumber } && digits.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// Smaller parts than the last field are cut off.
    func keep(_ value: Interval) -> Interval {
        func cut(_ unit: Int64) -> Interval {
            Interval(
                months: value.months, days: value.days,
                microseconds: value.microseconds / unit * unit)
        }
        switch last {
        case "YEAR": return Interval(months: value.months / 12 * 12, days: 0, microseconds: 0)
        case "MONTH": return Interval(months: value.months, days: 0, microseconds: 0)
        case "DAY": return cut(.max)
        case "HOUR": return cut(3_600_000_000)
        case "MINUTE": return cut(60_000_000)
        default: return value
        }
    }
}
