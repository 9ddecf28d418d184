import Bytes
import Formats

/// sum and avg of real and double precision over input that changes: exact, so that what is left
/// when a large value is taken back is what it would be without it.
final class ExactSumAccumulator: Accumulator {
    private struct State {
        var sum = ExactDoubles()
        var count: Int64 = 0
    }

    private let isAverage: Bool
    private var states: [State] = []
    private var bytes = 0

    init(_ type: DataType, isAverage: Bool) {
        self.isAverage = isAverage
        super.init(type)
    }

    override func grow(to count: Int) {
        while states.count < count {
            states.append(State())
            bytes += State().sum.bytes
        }
    }

    private func change(_ group: Int, _ body: (inout State) -> Void) {
        bytes -= states[group].sum.bytes
        body(&states[group])
        bytes += states[group].sum.bytes
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let values = unsafe arguments[0].doubles
        let mask = arguments[0].indexMask
        for row in 0..<count {
            let (value, weight) = unsafe (values[row & mask], weights?[row] ?? 1)
            change(unsafe Int(groups[row])) {
                $0.sum.add(value, weight: weight)
                $0.count &+= weight
            }
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        let other = states[Int(source)]
        change(Int(target)) {
            $0.sum.add(other.sum)
            $0.count &+= other.count
        }
    }

    override func reset(_ group: Int32) { change(Int(group)) { $0 = State() } }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let state = states[Int(group)]
            let sum = DoubleSumAccumulator.Sum(
                value: state.sum.value, isFinite: state.sum.isFinite, count: state.count)
            if let value = try sum.result(type, isAverage: isAverage) {
                builder.append(double: value)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? IntegerSumAccumulator else { return false }
        for group in groups {
            change(Int(group)) {
                $0.sum = ExactDoubles(DoubleSum(old.sums[group]))
                $0.count = old.counts[group]
            }
        }
        return true
    }

    override var memory: Int { bytes }

    override func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: StateReader.exactMark)
        target.append(bigEndian: Int64(states.count))
        for state in states {
            state.sum.write(&target)
            target.append(bigEndian: state.count)
        }
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        states = []
        bytes = 0
        guard source.takesMark(StateReader.exactMark) else {
            let old = DoubleSumAccumulator(type, isAverage: isAverage)
            try old.read(&source)
            grow(to: old.sums.count)
            for group in states.indices {
                change(group) {
                    $0 = State(sum: ExactDoubles(old.sums[group]), count: old.counts[group])
                }
            }
            return
        }
        let count = try source.count()
        guard count <= source.remaining / 48 else {
            throw SQLError("the saved state of a group is damaged", .internalError)
        }
        for _ in 0..<count {
            var state = State()
            try state.sum.read(&source)
            state.count = try source.integer(Int64.self)
            states.append(state)
            bytes += state.sum.bytes
        }
    }
}
