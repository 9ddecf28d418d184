import Bytes
import Formats

/// Variance, covariance, regression and the like of doubles over input that changes: exact up to
/// the last division, so that a huge value that is taken back leaves nothing behind.
final class ExactMomentsAccumulator: Accumulator {
    private struct State {
        var count: Int64 = 0
        var x = ExactDoubles()
        var y = ExactDoubles()
        var xx = ExactSum()
        var yy = ExactSum()
        var xy = ExactSum()

        init() {}

        init(_ old: MomentsAccumulator.State) {
            count = old.count
            (x, y) = (ExactDoubles(old.x), ExactDoubles(old.y))
            (xx, yy) = (ExactDoubles(old.xx).sum, ExactDoubles(old.yy).sum)
            xy = ExactDoubles(old.xy).sum
        }

        var bytes: Int { x.bytes + y.bytes + xx.bytes + yy.bytes + xy.bytes + 8 }

        mutating func add(x: Double, weight: Int64) {
            count += weight
            self.x.add(x, weight: weight)
            if x.isFinite { xx.addProduct(x, x, weight: weight) }
        }

        mutating func add(x: Double, y: Double, weight: Int64) {
            count += weight
            self.x.add(x, weight: weight)
            self.y.add(y, weight: weight)
            guard x.isFinite, y.isFinite else { return }
            xx.addProduct(x, x, weight: weight)
            yy.addProduct(y, y, weight: weight)
            xy.addProduct(x, y, weight: weight)
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
        func spread(_ products: ExactSum, _ a: ExactDoubles, _ b: ExactDoubles) -> Double {
            guard a.isFinite, b.isFinite else { return .nan }
            var result = products.times(count)
            result.add(a.sum.times(b.sum), isNegative: true)
            return result.value
        }
    }

    private let statistic: MomentsAccumulator.Statistic
    private var states: [State] = []
    private var bytes = 0

    init(_ type: DataType, _ statistic: MomentsAccumulator.Statistic) {
        self.statistic = statistic
        super.init(type)
    }

    override func grow(to count: Int) {
        while states.count < count {
            states.append(State())
            bytes += State().bytes
        }
    }

    private func change(_ group: Int, _ body: (inout State) -> Void) {
        bytes -= states[group].bytes
        body(&states[group])
        bytes += states[group].bytes
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        // Of a pair the dependent variable y comes first.
        let first = unsafe arguments[0].doubles
        let firstMask = arguments[0].indexMask
        guard statistic.isOfPairs else {
            for row in 0..<count {
                let (x, weight) = unsafe (first[row & firstMask], weights?[row] ?? 1)
                change(unsafe Int(groups[row])) { $0.add(x: x, weight: weight) }
            }
            return
        }
        let second = unsafe arguments[1].doubles
        let secondMask = arguments[1].indexMask
        for row in 0..<count {
            let (x, y) = unsafe (second[row & secondMask], first[row & firstMask])
            let weight = unsafe weights?[row] ?? 1
            change(unsafe Int(groups[row])) { $0.add(x: x, y: y, weight: weight) }
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        let other = states[Int(source)]
        change(Int(target)) { $0.add(other) }
    }

    override func reset(_ group: Int32) { change(Int(group)) { $0 = State() } }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let state = states[Int(group)]
            if statistic == .count {
                builder.append(integer: state.count)
                continue
            }
            let moments = MomentsAccumulator.Moments(
                count: state.count, x: state.x.value, y: state.y.value,
                isFinite: state.x.isFinite && state.y.isFinite,
                xx: { state.spread(state.xx, state.x, state.x) },
                yy: { state.spread(state.yy, state.y, state.y) },
                xy: { state.spread(state.xy, state.x, state.y) })
            if let value = try moments.value(statistic) {
                builder.append(double: value)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    override var memory: Int { bytes }

    override func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: StateReader.exactMark)
        target.append(bigEndian: Int64(states.count))
        for state in states {
            target.append(bigEndian: state.count)
            state.x.write(&target)
            state.y.write(&target)
            for sum in [state.xx, state.yy, state.xy] { sum.write(&target) }
        }
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        states = []
        bytes = 0
        guard source.takesMark(StateReader.exactMark) else {
            let old = MomentsAccumulator(type, statistic)
            try old.read(&source)
            states = old.all.map { State($0) }
            bytes = states.reduce(0) { $0 + $1.bytes }
            return
        }
        let count = try source.count()
        guard count <= source.remaining / 136 else {
            throw SQLError("the saved state of a group is damaged", .internalError)
        }
        for _ in 0..<count {
            var state = State()
            state.count = try source.integer(Int64.self)
            try state.x.read(&source)
            try state.y.read(&source)
            try state.xx.read(&source)
            try state.yy.read(&source)
            try state.xy.read(&source)
            states.append(state)
            bytes += state.bytes
        }
    }
}
