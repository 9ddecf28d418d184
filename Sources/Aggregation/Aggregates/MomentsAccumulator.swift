import Bytes
import Formats

/// Variance, standard deviation, covariance, correlation and regression of doubles over input that
/// only grows.
///
/// The sums of x, y and their products are kept to 106 bits, which takes the cancellation out of
/// n * sum(x * x) - sum(x) * sum(x).
final class MomentsAccumulator: Accumulator {
    enum Statistic {
        case variancePop, variance, deviationPop, deviation
        case correlation, covariancePop, covariance
        case averageX, averageY, count, intercept, rSquared, slope, sxx, sxy, syy

        var isOfPairs: Bool {
            switch self {
            case .variancePop, .variance, .deviationPop, .deviation: false
            default: true
            }
        }
    }

    struct State: BitwiseCopyable {
        var count: Int64 = 0
        var x = DoubleSum()
        var y = DoubleSum()
        var xx = DoubleSum()
        var yy = DoubleSum()
        var xy = DoubleSum()

        mutating func add(x: Double, y: Double, weight: Int64) {
            count += weight
            self.x.add(x, weight: weight)
            self.y.add(y, weight: weight)
            guard x.isFinite, y.isFinite else { return }
            let w = Double(weight)
            xx.addProduct(x * w, x)
            yy.addProduct(y * w, y)
            xy.addProduct(x * w, y)
        }

        mutating func add(_ other: State) {
            count += other.count
            x.add(other.x)
            y.add(other.y)
            xx.add(other.xx)
            yy.add(other.yy)
            xy.add(other.xy)
        }

        /// n * sum(ab) - sum(a) * sum(b)
        func spread(_ products: DoubleSum, _ a: DoubleSum, _ b: DoubleSum) -> Double {
            guard a.isFinite, b.isFinite else { return .nan }
            // A square that no double holds.
            guard products.isFinite else { return .infinity }
            return (DoubleDouble(Double(count)) * products.parts - a.parts * b.parts).value
        }
    }

    private let statistic: Statistic
    private var states = StateVector<State>()

    init(_ type: DataType, _ statistic: Statistic) {
        self.statistic = statistic
        super.init(type)
    }

    override func grow(to count: Int) { states.grow(to: count, filling: State()) }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let states = unsafe self.states.base
        // Of a pair the dependent variable y comes first.
        let first = unsafe arguments[0].doubles
        let firstMask = arguments[0].indexMask
        guard statistic.isOfPairs else {
            for row in 0..<count {
                let (group, weight) = unsafe (Int(groups[row]), weights?[row] ?? 1)
                unsafe states[group].add(x: first[row & firstMask], y: 0, weight: weight)
            }
            return
        }
        let second = unsafe arguments[1].doubles
        let secondMask = arguments[1].indexMask
        for row in 0..<count {
            let (group, weight) = unsafe (Int(groups[row]), weights?[row] ?? 1)
            unsafe states[group].add(
                x: second[row & secondMask], y: first[row & firstMask], weight: weight)
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        var state = states[target]
        state.add(states[source])
        states[target] = state
    }

    override func reset(_ group: Int32) { states[group] = State() }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            if statistic == .count {
                builder.append(integer: states[group].count)
            } else if let value = try moments(states[group]).value(statistic) {
                builder.append(double: value)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    /// What the statistics are made of: the sums, and n * sum(ab) - sum(a) * sum(b).
    struct Moments {
        var count: Int64
        var x: Double
        var y: Double
        /// All values are numbers.
        var isFinite: Bool
        var xx: () -> Double
        var yy: () -> Double
        var xy: () -> Double

        /// nil: there are too few values.
        func value(_ statistic: Statistic) throws(SQLError) -> Double? {
            let n = Double(count)
            guard count > 0 else { return nil }
            switch statistic {
            case .averageX: return try finite(x / n)
            case .averageY: return try finite(y / n)
            default: return try spreadValue(statistic, n, finite(xx()))
            }
        }

        /// PostgreSQL's answer where no double holds a sum.
        private func finite(_ value: Double) throws(SQLError) -> Double {
            if isFinite && value.isInfinite {
                throw SQLError("value out of range: overflow", .numericValueOutOfRange)
            }
            return value
        }

        private func spreadValue(
            _ statistic: Statistic, _ n: Double, _ xx: Double
        ) throws(SQLError) -> Double? {
            let sxx = positive(xx)
            switch statistic {
            case .variancePop: return sxx / (n * n)
            case .deviationPop: return (sxx / (n * n)).squareRoot()
            case .variance: return count > 1 ? sxx / (n * (n - 1)) : nil
            case .deviation: return count > 1 ? (sxx / (n * (n - 1))).squareRoot() : nil
            default: return try pairValue(statistic, n, sxx)
            }
        }

        private func pairValue(
            _ statistic: Statistic, _ n: Double, _ sxx: Double
        ) throws(SQLError) -> Double? {
            let syy = positive(try finite(yy()))
            let sxy = try finite(xy())
            switch statistic {
            case .covariancePop: return sxy / (n * n)
            case .covariance: return count > 1 ? sxy / (n * (n - 1)) : nil
            case .sxx: return sxx / n
            case .syy: return syy / n
            case .sxy: return sxy / n
            case .correlation:
                // Rounding leads no further than a correlation goes; NaN stays.
                let value = sxy / (sxx * syy).squareRoot()
                return sxx == 0 || syy == 0 ? nil : value > 1 ? 1 : value < -1 ? -1 : value
            case .rSquared:
                if sxx == 0 { return nil }
                let square = syy == 0 ? 1 : sxy * sxy / (sxx * syy)
                return square > 1 ? 1 : square
            case .slope: return sxx == 0 ? nil : sxy / sxx
            default: return sxx == 0 ? nil : (y - x * sxy / sxx) / n
            }
        }

        /// What rounding has left below 0 is 0; NaN stays.
        private func positive(_ value: Double) -> Double { value < 0 ? 0 : value }
    }

    private func moments(_ state: State) -> Moments {
        Moments(
            count: state.count, x: state.x.value, y: state.y.value,
            isFinite: state.x.isFinite && state.y.isFinite,
            xx: { state.spread(state.xx, state.x, state.x) },
            yy: { state.spread(state.yy, state.y, state.y) },
            xy: { state.spread(state.xy, state.x, state.y) })
    }

    /// By group.
    var all: [State] { (0..<states.count).map { states[$0] } }

    override var memory: Int { states.memory }
    override func write(_ target: inout OutputBuffer) { states.write(&target) }
    override func read(_ source: inout StateReader) throws(SQLError) { try states.read(&source) }
}
