/// A sum of doubles that is kept to about 106 bits, so that what is taken back leaves as if it had
/// never been there; NaN and infinities are counted beside it.
struct DoubleSum: BitwiseCopyable {
    private var high = 0.0
    private var low = 0.0
    private var nans: Int32 = 0
    private var positives: Int32 = 0
    private var negatives: Int32 = 0

    init() {}

    /// An integer, kept to 106 bits.
    init(_ value: Int128) {
        high = Double(value)
        low = Int128(exactly: high).map { Double(value - $0) } ?? 0
    }

    @inline(__always)
    mutating func add(_ value: Double) {
        // x - x is NaN for NaN and infinities.
        guard value - value == 0 else { return count(value, 1) }
        addFinite(value)
    }

    /// Knuth's exact sum; the errors are summed apart.
    @inline(__always)
    private mutating func addFinite(_ value: Double) {
        let sum = high + value
        let part = sum - high
        low += (high - (sum - part)) + (value - part)
        high = sum
    }

    mutating func add(_ value: Double, weight: Int64) {
        guard value - value == 0 else { return count(value, weight) }
        addProduct(value, Double(weight))
    }

    /// Adds a product of finite factors without rounding it.
    mutating func addProduct(_ a: Double, _ b: Double) {
        let product = a * b
        guard product - product == 0 else { return count(product, 1) }
        let error = (-product).addingProduct(a, b)
        addFinite(product)
        low += error
    }

    private mutating func count(_ value: Double, _ weight: Int64) {
        let weight = Int32(truncatingIfNeeded: weight)
        if value.isNaN {
            nans &+= weight
        } else if value > 0 {
            positives &+= weight
        } else {
            negatives &+= weight
        }
    }

    mutating func add(_ other: DoubleSum) {
        addFinite(other.high)
        low += other.low
        nans &+= other.nans
        positives &+= other.positives
        negatives &+= other.negatives
    }

    /// What the finite values add up to, unevaluated; NaN beyond what doubles hold.
    var finiteParts: (high: Double, low: Double) { (high, low) }

    /// How many values are no numbers, infinity and -infinity.
    var counters: (nans: Int64, positives: Int64, negatives: Int64) {
        (Int64(nans), Int64(positives), Int64(negatives))
    }

    /// True if only finite values are in it.
    var isFinite: Bool { nans == 0 && positives == 0 && negatives == 0 }

    var value: Double {
        if nans > 0 || (positives > 0 && negatives > 0) { return .nan }
        if positives > 0 { return .infinity }
        return negatives > 0 ? -.infinity : high + low
    }

    /// The value and what is lost in it.
    var parts: DoubleDouble { DoubleDouble(high) + DoubleDouble(low) }
}

/// The unevaluated sum of two doubles: 106 bits (after Dekker, 1971).
struct DoubleDouble {
    var high: Double
    var low = 0.0

    init(_ value: Double) { high = value }

    private init(_ a: Double, _ b: Double) {
        high = a + b
        let part = high - a
        low = (a - (high - part)) + (b - part)
    }

    var value: Double { high + low }

    static func + (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
        let sum = DoubleDouble(a.high, b.high)
        return DoubleDouble(sum.high, sum.low + a.low + b.low)
    }

    static prefix func - (a: DoubleDouble) -> DoubleDouble { DoubleDouble(-a.high, -a.low) }

    static func - (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble { a + -b }

    static func * (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
        let product = a.high * b.high
        let error = (-product).addingProduct(a.high, b.high)
        return DoubleDouble(product, error + a.high * b.low + a.low * b.high)
    }
}
