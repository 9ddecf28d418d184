import Formats

// PostgreSQL's order of values for what is kept boxed: NaN is equal to itself and greater than all
// other numbers, a null inside an array is greater than all else, text is ordered by its bytes.
extension Value {
    /// Negative, 0 or positive; both are of one type.
    public func order(_ other: Value) -> Int {
        switch (self, other) {
        case (.null, .null): return 0
        case (.null, _): return 1
        case (_, .null): return -1
        case (.boolean(let a), .boolean(let b)): return (a ? 1 : 0) - (b ? 1 : 0)
        case (.integer(let a), .integer(let b)): return a < b ? -1 : a == b ? 0 : 1
        case (.double(let a), .double(let b)): return orderDoubles(a, b)
        case (.numeric(let a), .numeric(let b)): return a.compare(b)
        case (.interval(let a), .interval(let b)): return a < b ? -1 : a == b ? 0 : 1
        case (.text(let a), .text(let b)): return Value.order(Array(a.utf8), Array(b.utf8))
        case (.bytes(let a), .bytes(let b)): return Value.order(a, b)
        case (.array(let a), .array(let b)), (.record(let a), .record(let b)):
            for (x, y) in zip(a, b) {
                let order = x.order(y)
                if order != 0 { return order }
            }
            return a.count - b.count
        default: preconditionFailure("values of two types are compared")
        }
    }

    private static func order(_ a: [UInt8], _ b: [UInt8]) -> Int {
        unsafe a.withUnsafeBytes { x in unsafe b.withUnsafeBytes { y in unsafe compareBytes(x, y) }
        }
    }

    /// The same for values whose order is 0.
    var groupHash: UInt64 {
        switch self {
        case .null: return 0x5bd1
        case .boolean(let value): return combineHash(1, value ? 1 : 0)
        case .integer(let value): return combineHash(2, UInt64(bitPattern: value))
        case .double(let value):
            return combineHash(3, UInt64(bitPattern: groupWord(value)))
        case .numeric(let value): return value.groupHash
        case .interval(let value):
            return combineHash(5, UInt64(truncatingIfNeeded: value.comparable))
        case .text(let value): return Value.hash(Array(value.utf8))
        case .bytes(let value): return Value.hash(value)
        case .array(let values), .record(let values):
            return values.reduce(6) { combineHash($0, $1.groupHash) }
        }
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(4) { combineHash($0, UInt64($1)) }
    }
}

extension Numeric {
    /// The same for equal values of different scale.
    var groupHash: UInt64 {
        switch self {
        case .finite(var coefficient, var scale):
            while scale > 0, var short = Int64(exactly: coefficient), short % 10 == 0 {
                short /= 10
                scale -= 1
                coefficient = Int128(short)
                if short == 0 { scale = 0 }
            }
            if Int64(exactly: coefficient) == nil {
                while scale > 0, coefficient % 10 == 0 {
                    coefficient /= 10
                    scale -= 1
                }
            }
            let low = UInt64(truncatingIfNeeded: coefficient)
            return combineHash(low, UInt64(truncatingIfNeeded: scale))
        // How a value may lie in digits of base 10^9 is not unique; few groups are of such. What
        // fits without the zeros at its end may be equal to one that lies in 128 bits.
        case .big(let big): return big.shortest?.groupHash ?? 11
        case .nan: return 12
        case .infinity: return 13
        case .negativeInfinity: return 14
        }
    }
}

extension BigDecimal {
    /// The value in 128 bits, where it fits without the zeros behind the point.
    fileprivate var shortest: Numeric? {
        var digits: [UInt8] = []
        for limb in limbs {
            var rest = limb
            for _ in 0..<9 {
                digits.append(UInt8(rest % 10))
                rest /= 10
            }
        }
        // The least significant first.
        let end = digits.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
        let zeros = digits[..<end].firstIndex { $0 != 0 } ?? 0
        let start = min(zeros, max(scale, 0))
        var coefficient: Int128 = 0
        for digit in digits[start..<max(end, start)].reversed() {
            let (shifted, first) = coefficient.multipliedReportingOverflow(by: 10)
            let (sum, second) = shifted.addingReportingOverflow(Int128(digit))
            if first || second { return nil }
            coefficient = sum
        }
        return .finite(
            isNegative ? -coefficient : coefficient, scale: Int16(clamping: scale - start))
    }
}

/// Negative, 0 or positive; NaN is equal to itself and greater than all else.
@inline(__always)
func orderDoubles(_ a: Double, _ b: Double) -> Int {
    if a < b { return -1 }
    if a > b { return 1 }
    if a == b { return 0 }
    return (a.isNaN ? 1 : 0) - (b.isNaN ? 1 : 0)
}

/// The bits of a double such that doubles of one group are one: -0 as 0, each NaN as one.
@inline(__always)
func groupWord(_ value: Double) -> Int64 {
    if value == 0 { return 0 }
    if value.isNaN { return Int64(bitPattern: Double.nan.bitPattern) }
    return Int64(bitPattern: value.bitPattern)
}

/// Mixes a word into a hash: both halves of a 128-bit product (after wyhash).
@inline(__always)
func combineHash(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (word ^ 0x9e37_79b9_7f4a_7c15)
        .multipliedFullWidth(by: hash ^ 0xd6e8_feb8_6659_fd93)
    return product.high ^ product.low
}

extension StringView {
    @inline(__always)
    func combineHash(_ hash: UInt64) -> UInt64 {
        if isInline {
            let words = unsafe unsafeBitCast(self, to: (UInt64, UInt64).self)
            return Aggregation.combineHash(hash &+ words.0, words.1)
        }
        return longHash(hash)
    }

    private func longHash(_ seed: UInt64) -> UInt64 {
        unsafe withBytes { bytes in
            var hash = seed &+ UInt64(bytes.count)
            var index = 0
            while index &+ 8 <= bytes.count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                hash = Aggregation.combineHash(hash, word)
                index &+= 8
            }
            // More than 12 bytes: the last eight overlap what was read.
            let last = unsafe bytes.loadUnaligned(
                fromByteOffset: bytes.count &- 8, as: UInt64.self)
            return Aggregation.combineHash(hash, last)
        }
    }
}
