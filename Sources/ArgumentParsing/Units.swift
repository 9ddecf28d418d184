/// Counts and sizes as people write them: `100`, `64k`, `1.5M`, `64KiB`.
public enum Quantity {
    private static let units: [(name: String, scale: Int)] = [
        ("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000),
        ("B", 1), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ]

    /// The number that `text` stands for. It must be whole: `1.5k` is 1500, `1.5` is refused.
    public static func parse(_ text: String) throws(UsageError) -> Int {
        var scanner = DecimalScanner(text)
        guard let number = scanner.next(),
            let unit = units.first(where: { $0.name == number.unit }),
            scanner.isAtEnd
        else {
            throw UsageError("wants a number such as 100, 64k, 1M or 64KiB, not \"\(text)\"")
        }
        guard let value = number.scaled(by: unit.scale) else {
            throw UsageError("wants a whole number below 2^63, not \"\(text)\"")
        }
        return value
    }
}

extension Duration {
    private static let units: [(name: String, nanoseconds: Int)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    /// Reads `500ms`, `5s`, `2m`, `1h30m`, `1d`, `250us`; a bare number but 0 has no meaning. At
    /// most 2^63 nanoseconds, 292 years.
    public init(spelled text: String) throws(UsageError) {
        if text == "0" {
            self = .zero
            return
        }
        var total = 0
        var scanner = DecimalScanner(text)
        repeat {
            guard let number = scanner.next(),
                let unit = Duration.units.first(where: { $0.name == number.unit }),
                let nanoseconds = number.scaled(by: unit.nanoseconds),
                case let (sum, overflow) = total.addingReportingOverflow(nanoseconds), !overflow
            else { throw Duration.refused(text) }
            total = sum
        } while !scanner.isAtEnd
        self = .nanoseconds(total)
    }

    private static func refused(_ text: String) -> UsageError {
        if let number = Int(text), number >= 0 {
            return UsageError(
                "wants a duration with its unit, such as \(text)ms or \(text)s, not \"\(text)\"")
        }
        return UsageError("wants a duration such as 500ms, 5s, 2m, 1h or 1d, not \"\(text)\"")
    }
}

/// Takes one number with its unit after another from a text like `1h30m`.
private struct DecimalScanner {
    /// `digits` without the point, of which the last `fraction` stand after it.
    struct Number {
        let digits: Int
        let fraction: Int
        let unit: String

        /// The exact product, or nil when it is not whole or does not fit.
        func scaled(by scale: Int) -> Int? {
            var divisor: UInt = 1
            for _ in 0..<fraction { divisor *= 10 }
            let product = UInt(digits).multipliedFullWidth(by: UInt(scale))
            guard product.high < divisor else { return nil }
            let (quotient, remainder) = divisor.dividingFullWidth(product)
            return remainder == 0 ? Int(exactly: quotient) : nil
        }
    }

    private var rest: Substring

    init(_ text: String) { rest = text[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func next() -> Number? {
        let whole = take { $0.isASCIIDigit }
        var fraction = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = take { $0.isASCIIDigit }
            guard !fraction.isEmpty else { return nil }
        }
        let unit = take { !$0.isASCIIDigit && $0 != "." }
        guard !whole.isEmpty, fraction.utf8.count <= 9, let digits = Int(whole + fraction) else {
            return nil
        }
        return Number(digits: digits, fraction: fraction.utf8.count, unit: unit)
    }

    private mutating func take(while condition: (Character) -> Bool) -> String {
        let taken = rest.prefix(while: condition)
        rest = rest[taken.endIndex...]
        return String(taken)
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
