import Formats

/// A sum of doubles and of products of two without any rounding: whatever is taken back is gone as
/// if it had never been there, be it 1e300 beside 1e-300. A number as long as it takes (after
/// Kulisch, "Computer Arithmetic and Validity", 2008), of which only the digits that are in use are
/// kept: two or three for values of one kind.
struct ExactSum {
    /// Of 32 bits, the least first; each may be negative and longer until carries are passed on.
    private var digits: [Int64] = []
    /// The first digit counts 2^(32 * low).
    private var low = 0
    /// What was added to a digit since then, at most, in units of 2^32.
    private var pending: UInt64 = 0

    private static let pendingMax: UInt64 = 1 << 29
    private static let mask: Int64 = 0xffff_ffff

    init() {}

    var bytes: Int { digits.count * 8 + 64 }

    // MARK: adding

    /// A finite value.
    mutating func add(_ value: Double, weight: Int64) {
        guard value != 0, weight != 0 else { return }
        let (mantissa, exponent) = Self.parts(value)
        add(mantissa, exponent, value < 0 ? -Int128(weight) : Int128(weight))
    }

    /// The product of finite values.
    mutating func addProduct(_ a: Double, _ b: Double, weight: Int64) {
        guard a != 0, b != 0, weight != 0 else { return }
        let (x, xExponent) = Self.parts(a)
        let (y, yExponent) = Self.parts(b)
        let product = x.multipliedFullWidth(by: y)
        let exponent = xExponent + yExponent
        let signed = (a < 0) == (b < 0) ? Int128(weight) : -Int128(weight)
        add(UInt64(product.low), exponent, signed)
        add(product.high, exponent + 64, signed)
    }

    mutating func add(_ other: ExactSum, isNegative: Bool = false) {
        var other = other
        other.settle()
        for (index, digit) in other.digits.enumerated() where digit != 0 {
            let isBelow = (digit < 0) != isNegative
            add(digit.magnitude, (other.low + index) * 32, isBelow ? -1 : 1)
        }
    }

    /// The absolute value is mantissa * 2^exponent.
    private static func parts(_ value: Double) -> (mantissa: UInt64, exponent: Int) {
        let bits = value.significandBitPattern
        let exponent = Int(value.exponentBitPattern)
        return exponent == 0 ? (bits, -1074) : (bits | 1 << 52, exponent - 1075)
    }

    /// `mantissa` * 2^`exponent` * `weight`, the weight in pieces of 28 bits.
    private mutating func add(_ mantissa: UInt64, _ exponent: Int, _ weight: Int128) {
        guard mantissa != 0 else { return }
        var left = weight.magnitude
        var place = exponent
        while left != 0 {
            let piece = Int64(truncatingIfNeeded: left & 0xfff_ffff)
            if piece != 0 { add(mantissa, place, piece: weight < 0 ? -piece : piece) }
            left >>= 28
            place += 28
        }
    }

    private mutating func add(_ mantissa: UInt64, _ exponent: Int, piece: Int64) {
        if pending + piece.magnitude > Self.pendingMax { settle() }
        pending += piece.magnitude
        let place = exponent >> 5
        var wide = UInt128(mantissa) << UInt128(exponent & 31)
        makeRoom(from: place, to: place + 3)
        var index = place - low
        while wide != 0 {
            digits[index] += Int64(truncatingIfNeeded: wide & UInt128(0xffff_ffff)) * piece
            wide >>= 32
            index += 1
        }
    }

    private mutating func makeRoom(from start: Int, to end: Int) {
        if digits.isEmpty {
            low = start
            digits = [Int64](repeating: 0, count: end - start)
            return
        }
        if start < low {
            digits.insert(contentsOf: repeatElement(0, count: low - start), at: 0)
            low = start
        }
        if end > low + digits.count {
            digits.append(contentsOf: repeatElement(0, count: end - low - digits.count))
        }
    }

    /// Passes carries on: all digits but the last are then in 0..<2^32, the last has the sign, and
    /// there are no zeros at the ends.
    private mutating func settle() {
        pending = 1
        guard !digits.isEmpty else { return }
        for index in 0..<digits.count - 1 {
            digits[index + 1] += digits[index] >> 32
            digits[index] &= Self.mask
        }
        while let last = digits.last, last > Self.mask || last < -Self.mask {
            digits[digits.count - 1] &= Self.mask
            digits.append(last >> 32)
        }
        while let last = digits.last, digits.count > 1, last == 0 || last == -1 {
            digits.removeLast()
            digits[digits.count - 1] += last << 32
            if last == -1, digits[digits.count - 1] < -Self.mask {
                // Less than what one digit holds.
                digits[digits.count - 1] -= last << 32
                digits.append(last)
                break
            }
        }
        let zeros = digits.prefix { $0 == 0 }.count
        digits.removeFirst(zeros)
        low += zeros
    }

    // MARK: results

    /// Rounded to the nearest double; infinite beyond them.
    var value: Double {
        var (isNegative, size) = magnitude
        guard !size.digits.isEmpty else { return 0 }
        // The upper four digits, and whether anything lies below.
        let first = max(0, size.digits.count - 4)
        var top: UInt128 = 0
        for digit in size.digits[first...].reversed() {
            top = top << 32 | UInt128(truncatingIfNeeded: digit)
        }
        if size.digits[..<first].contains(where: { $0 != 0 }) { top |= 1 }
        size.low += first
        let rounded = Double(
            sign: .plus, exponent: 32 * size.low, significand: Double(top))
        isNegative = isNegative && rounded != 0
        return isNegative ? -rounded : rounded
    }

    private var magnitude: (isNegative: Bool, ExactSum) {
        var copy = self
        copy.settle()
        guard let last = copy.digits.last, last < 0 else { return (false, copy) }
        for index in copy.digits.indices { copy.digits[index] = -copy.digits[index] }
        copy.settle()
        return (true, copy)
    }

    func times(_ factor: Int64) -> ExactSum {
        var result = ExactSum()
        let (isNegative, size) = magnitude
        let signed = isNegative ? -Int128(factor) : Int128(factor)
        for (index, digit) in size.digits.enumerated() {
            result.add(digit.magnitude, (size.low + index) * 32, signed)
        }
        return result
    }

    func times(_ other: ExactSum) -> ExactSum {
        let (a, b) = (magnitude, other.magnitude)
        var result = ExactSum()
        for (i, x) in a.1.digits.enumerated() where x != 0 {
            for (j, y) in b.1.digits.enumerated() where y != 0 {
                result.add(
                    x.magnitude * y.magnitude, (a.1.low + b.1.low + i + j) * 32,
                    a.isNegative == b.isNegative ? 1 : -1)
            }
        }
        return result
    }

    // MARK: state

    func write(_ target: inout OutputBuffer) {
        var copy = self
        copy.settle()
        target.append(bigEndian: Int64(copy.low))
        target.append(bigEndian: Int64(copy.digits.count))
        for digit in copy.digits { target.append(bigEndian: digit) }
    }

    mutating func read(_ source: inout StateReader) throws(SQLError) {
        self = ExactSum()
        low = Int(try source.integer(Int64.self))
        let count = try source.count()
        guard count <= source.remaining / 8, abs(low) < 1 << 20 else {
            throw SQLError("the saved state of a sum is damaged", .internalError)
        }
        for _ in 0..<count { digits.append(try source.integer(Int64.self)) }
        settle()
    }
}

/// An exact sum of doubles beside counters of those that are no numbers.
struct ExactDoubles {
    private(set) var sum = ExactSum()
    private var nans: Int64 = 0
    private var positives: Int64 = 0
    private var negatives: Int64 = 0

    init() {}

    /// What earlier builds kept.
    init(_ old: DoubleSum) {
        let (high, low) = old.finiteParts
        for part in [high, low] where part.isFinite { sum.add(part, weight: 1) }
        (nans, positives, negatives) = old.counters
    }

    var bytes: Int { sum.bytes + 24 }

    mutating func add(_ value: Double, weight: Int64) {
        if value.isFinite {
            sum.add(value, weight: weight)
        } else if value.isNaN {
            nans &+= weight
        } else if value > 0 {
            positives &+= weight
        } else {
            negatives &+= weight
        }
    }

    mutating func add(_ other: ExactDoubles) {
        sum.add(other.sum)
        nans &+= other.nans
        positives &+= other.positives
        negatives &+= other.negatives
    }

    /// True if only finite values are in it.
    var isFinite: Bool { nans == 0 && positives == 0 && negatives == 0 }

    var value: Double {
        if nans > 0 || (positives > 0 && negatives > 0) { return .nan }
        if positives > 0 { return .infinity }
        return negatives > 0 ? -.infinity : sum.value
    }

    func write(_ target: inout OutputBuffer) {
        sum.write(&target)
        for counter in [nans, positives, negatives] { target.append(bigEndian: counter) }
    }

    mutating func read(_ source: inout StateReader) throws(SQLError) {
        try sum.read(&source)
        nans = try source.integer(Int64.self)
        positives = try source.integer(Int64.self)
        negatives = try source.integer(Int64.self)
    }
}
