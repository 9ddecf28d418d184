import Bytes
import Formats

/// Variance and standard deviation of integers and numerics, exact up to the last division, with
/// PostgreSQL's scales (numeric_stddev_internal).
final class NumericMomentsAccumulator: Accumulator {
    private let isSample: Bool
    private let isDeviation: Bool
    private let sums = NumericSums()
    private let squares = NumericSums()

    init(isSample: Bool, isDeviation: Bool) {
        self.isSample = isSample
        self.isDeviation = isDeviation
        super.init(.anyNumeric)
    }

    override func grow(to count: Int) {
        sums.grow(to: count)
        squares.grow(to: count)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let column = arguments[0]
        let mask = column.indexMask
        for row in 0..<count {
            let value: Numeric
            if case .integer(let buffer) = column.storage {
                value = Numeric(buffer[row & mask])
            } else {
                value = column.numerics[row & mask]
            }
            let (group, weight) = unsafe (groups[row], weights?[row] ?? 1)
            sums.add(value, weight: weight, to: group)
            squares.add(value * value, weight: weight, to: group)
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        sums.merge(source, into: target)
        squares.merge(source, into: target)
    }

    override func reset(_ group: Int32) {
        sums.reset(group)
        squares.reset(group)
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            if let value = try value(group) {
                builder.append(numeric: value)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    private func value(_ group: Int32) throws(SQLError) -> Numeric? {
        let count = sums.count(group)
        guard count > (isSample ? 1 : 0) else { return nil }
        let sum = sums.value(group)
        switch sum {
        case .nan, .infinity, .negativeInfinity: return .nan
        case .finite, .big: break
        }
        let spread = Numeric(count) * squares.value(group) - sum * sum
        guard spread > Numeric(0) else { return Numeric(0) }
        let divisor = Numeric(count) * Numeric(isSample ? count - 1 : count)
        let variance = try spread.divided(by: divisor)
        return isDeviation ? try variance.deviation : variance
    }

    override var memory: Int { sums.memory + squares.memory }

    override func write(_ target: inout OutputBuffer) {
        sums.write(&target)
        squares.write(&target)
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try sums.read(&source)
        try squares.read(&source)
    }
}

extension Numeric {
    /// Digits behind the point.
    fileprivate var scaleShown: Int {
        switch self {
        case .finite(_, let scale): Int(scale)
        case .big(let big): big.scale
        case .nan, .infinity, .negativeInfinity: 0
        }
    }

    /// The root of a variance, with as many digits behind the point.
    fileprivate var deviation: Numeric {
        get throws(SQLError) {
            let approximate = double
            // Doubles reach neither so far nor so near.
            guard approximate.isNormal, approximate < 1e30, approximate > 1e-30 else {
                return try squareRoot(scale: scaleShown)
            }
            return try newtonRoot(scale: scaleShown)
        }
    }

    /// The root with so many digits behind the point: Newton's steps from the root of the double,
    /// each of which doubles the digits that are right (16, 32, 64).
    private func newtonRoot(scale: Int) throws(SQLError) -> Numeric {
        var root = Numeric(double.squareRoot())
        for _ in 0..<3 {
            let rest = self - root * root
            if rest == Numeric(0) { break }
            root = (root + (try rest.divided(by: root + root))).rounded(scale + 12)
        }
        return root.rescaled(scale)
    }
}
