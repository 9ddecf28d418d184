/// Counts of durations in buckets whose width grows with the value, as HdrHistogram's do: within
/// 1 % of the true value from a nanosecond to a quarter of an hour, in 36 KiB. Used by one thread.
struct Histogram: Sendable, Equatable {
    /// Buckets of a power of two; 128 keep the error under 1/128.
    private static let stepBits = 7
    private static let steps = 1 << stepBits
    /// Longer durations count as this one.
    static let nanosecondsMax: Int64 = 1 << 40

    private var counts = [Int](repeating: 0, count: index(of: nanosecondsMax) + 1)
    private(set) var count = 0
    private(set) var sum = 0.0
    private var sumOfSquares = 0.0
    private(set) var max: Int64 = 0

    /// Up to twice `steps` every value has a bucket of its own; then each power of two has `steps`.
    private static func index(of value: Int64) -> Int {
        let magnitude = 63 - max(1, value).leadingZeroBitCount
        let shift = Swift.max(0, magnitude - stepBits)
        return shift * steps + Int(value >> Int64(shift))
    }

    /// The largest value that counts in a bucket.
    private static func highest(in index: Int) -> Int64 {
        let shift = Swift.max(0, index / steps - 1)
        return (Int64(index - shift * steps + 1) << Int64(shift)) - 1
    }

    private static func max(_ a: Int64, _ b: Int64) -> Int64 { a > b ? a : b }

    mutating func record(_ nanoseconds: Int64, times: Int = 1) {
        let value = min(Self.max(0, nanoseconds), Self.nanosecondsMax)
        counts[Self.index(of: value)] += times
        count += times
        sum += Double(value) * Double(times)
        sumOfSquares += Double(value) * Double(value) * Double(times)
        if value > max { max = value }
    }

    mutating func add(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        sumOfSquares += other.sumOfSquares
        max = Self.max(max, other.max)
    }

    /// Nanoseconds; 0 without values.
    var mean: Double { count == 0 ? 0 : sum / Double(count) }

    var standardDeviation: Double {
        guard count > 0 else { return 0 }
        return (Swift.max(0, sumOfSquares / Double(count) - mean * mean)).squareRoot()
    }

    /// The value that `fraction` (0 to 1) of all values do not pass, in nanoseconds.
    func value(at fraction: Double) -> Int64 {
        let wanted = Swift.max(1, Int((Double(count) * fraction).rounded(.up)))
        var seen = 0
        for (index, times) in counts.enumerated() where times > 0 {
            seen += times
            if seen >= wanted { return min(Self.highest(in: index), max) }
        }
        return max
    }

    /// The table that HdrHistogram prints and its plotter reads, in milliseconds.
    var percentileTable: String {
        var text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
        var seen = 0
        for (index, times) in counts.enumerated() where times > 0 {
            seen += times
            let fraction = Double(seen) / Double(count)
            let milliseconds = Double(min(Self.highest(in: index), max)) / 1e6
            text += Decimal.text(milliseconds, digits: 6, width: 12)
            text += " " + Decimal.text(fraction, digits: 12, width: 14)
            text += " " + Decimal.padded(String(seen), 10)
            if seen < count { text += " " + Decimal.text(1 / (1 - fraction), digits: 2, width: 14) }
            text += "\n"
        }
        text += "#[Mean    = \(Decimal.text(mean / 1e6, digits: 6, width: 12)), StdDeviation   = "
        text += "\(Decimal.text(standardDeviation / 1e6, digits: 6, width: 12))]\n"
        text += "#[Max     = \(Decimal.text(Double(max) / 1e6, digits: 6, width: 12)), "
        text += "Total count    = \(Decimal.padded(String(count), 12))]\n"
        return text
    }
}

/// Numbers with a fixed count of decimals, as tables need them.
enum Decimal {
    private static let powers: [Double] = (0...12).map { (0..<$0).reduce(1.0) { p, _ in p * 10 } }

    /// At most 12 digits behind the point; no exponent.
    static func text(_ value: Double, digits: Int, width: Int = 0) -> String {
        guard value.isFinite, abs(value) < 1e18 else { return padded("\(value)", width) }
        let sign = value < 0 ? "-" : ""
        var whole = Int64(abs(value))
        var rest = Int64(((abs(value) - Double(whole)) * powers[digits]).rounded())
        if Double(rest) >= powers[digits] {
            whole += 1
            rest = 0
        }
        guard digits > 0 else { return padded("\(sign)\(Int64(abs(value).rounded()))", width) }
        let fraction = String(rest)
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return padded("\(sign)\(whole).\(zeros)\(fraction)", width)
    }

    /// On the right of `width` columns.
    static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
