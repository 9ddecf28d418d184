import Formats
import Testing

@testable import Aggregation

/// Sums of doubles of which some are taken back.
@Suite struct ExactSumTests {
    private func random(_ random: inout SeededGenerator) -> Double {
        let exponent = random.below(600) - 300
        let value = Double(random.below(1 << 30)) / Double(1 << 20)
        return Double(
            sign: random.chance(50) ? .plus : .minus, exponent: exponent, significand: value)
    }

    @Test(arguments: UInt64(1)...20)
    func `what is taken back leaves nothing`(_ seed: UInt64) throws {
        var numbers = SeededGenerator(seed)
        var sum = ExactSum()
        var values = (0..<60).map { _ in random(&numbers) }
        values += [1e308, 1e308, -1e308, .leastNonzeroMagnitude, 1]
        let kept = [0.1, 0.2, -0.4, 1e-300]
        for value in values.shuffled(using: &numbers) { sum.add(value, weight: 3) }
        for value in kept { sum.add(value, weight: 1) }
        for (a, b) in zip(values, values.reversed()) { sum.addProduct(a, b, weight: 2) }
        for (a, b) in zip(values, values.reversed()).shuffled(using: &numbers) {
            sum.addProduct(a, -b, weight: 2)
        }
        var state = OutputBuffer(capacity: 64)
        sum.write(&state)
        var reader = StateReader(state.array)
        try sum.read(&reader)
        for value in values.shuffled(using: &numbers) { sum.add(value, weight: -3) }
        for value in kept.dropFirst().dropLast() { sum.add(value, weight: -1) }
        #expect(sum.value == 0.1)
        sum.add(0.1, weight: -1)
        #expect(sum.value == 1e-300)
        sum.add(1e-300, weight: -1)
        #expect(sum.value == 0)
    }

    @Test func `integers add up to what they are`() {
        var numbers = SeededGenerator(7)
        for _ in 0..<200 {
            var sum = ExactSum()
            var expected: Int128 = 0
            for _ in 0..<20 {
                let value = Int64(numbers.below(1 << 53)) - 1 << 52
                let weight = Int64(numbers.below(1 << 40)) - 1 << 39
                sum.add(Double(value), weight: weight)
                expected += Int128(value) * Int128(weight)
            }
            #expect(sum.value == Double(expected))
            #expect(sum.times(-3).value == Double(-3 * expected))
        }
    }

    @Test func `rounding is to the nearest double, and beyond them infinite`() {
        var sum = ExactSum()
        sum.add(1, weight: 1)
        sum.add(0x1p-53, weight: 1)
        #expect(sum.value == 1)
        sum.add(0x1p-1000, weight: 1)
        #expect(sum.value == 1 + 0x1p-52)
        sum.add(.greatestFiniteMagnitude, weight: 2)
        #expect(sum.value == .infinity)
        sum.add(.greatestFiniteMagnitude, weight: -4)
        #expect(sum.value == -.infinity)
        #expect(sum.times(sum).value == .infinity)
    }

    static let calls = [
        "sum", "avg", "stddev", "variance", "var_pop", "stddev_pop", "corr", "covar_pop",
        "covar_samp", "regr_slope", "regr_intercept", "regr_r2", "regr_avgx", "regr_sxx",
        "regr_count",
    ]

    @Test(arguments: calls)
    func `an aggregate of what is left is that of what never was more`(_ name: String) throws {
        let types: [DataType] = [.bigint, .double, .double]
        let table = TestRelation("t", types, isAppendOnly: false)
        let (x, y) = (Expression.column(1, .double), Expression.column(2, .double))
        let isOfPairs = name.hasPrefix("co") || name.hasPrefix("regr")
        let call = try makeCall(name, isOfPairs ? [y, x] : [x])
        let aggregate = AggregatePlan(keys: [.column(0, .bigint)], calls: [call])
        let plan = Plan(
            .aggregate(table.plan, aggregate), [Field("k", .bigint), Field("r", call.type)])
        func row(_ x: Double, _ y: Double) -> [Value] { [.int(1), .double(x), .double(y)] }
        let kept = [row(1.5, 2), row(2.5, 5), row(-4.25, 1)]
        let gone = [
            row(1e300, 1), row(3, 1e200), row(1e18, 1e18), row(.infinity, 2), row(-.infinity, 1),
            row(.nan, 2), row(.leastNonzeroMagnitude, 1e-200), row(1e200, 7), row(1e30, -1e30),
        ]
        var run = try Run(plan)
        // Not both in one step: what stands in between must be right, too.
        try run.push(table, Array(kept[..<1]) + gone)
        try run.push(table, gone.dropLast(), weights: gone.dropLast().map { _ in -1 })
        try run.push(table, Array(kept[1...]))
        try run.query.endStep()
        run = try run.reopened(plan)
        try run.push(table, [gone[8]], weights: [-1])
        try run.query.endStep()
        let once = try Run(plan, isSingleStep: true)
        try once.push(table, kept)
        try once.end()
        #expect(run.sink.net == once.sink.net)
        let growing = try Run(
            Plan(
                .aggregate(TestRelation("t", types).plan, aggregate),
                [Field("k", .bigint), Field("r", call.type)]), isSingleStep: true)
        for input in growing.query.inputs {
            try input.entry.push(makeBatch(types, kept, weights: nil), input: 0)
        }
        try growing.end()
        #expect(
            Set(growing.sink.net.keys.map { $0.map(\.comparable) })
                == Set(run.sink.net.keys.map { $0.map(\.comparable) }))
    }

    @Test func `a square that no double holds is PostgreSQL's error`() throws {
        for isAppendOnly in [true, false] {
            let table = TestRelation("t", [.double], isAppendOnly: isAppendOnly)
            let call = try makeCall("stddev", [.column(0, .double)])
            let plan = Plan(
                .aggregate(table.plan, AggregatePlan(keys: [], calls: [call])),
                [Field("r", .double)])
            let error = #expect(throws: SQLError.self) {
                let run = try Run(plan, isSingleStep: true)
                try run.push(table, [[.double(1e200)], [.double(2e200)]])
                try run.end()
            }
            #expect(error?.message == "value out of range: overflow")
        }
    }
}
