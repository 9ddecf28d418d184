import Platform
import Testing

@testable import rtd

@Suite struct HistogramTests {
    @Test func `an empty histogram gives zeros`() {
        let histogram = Histogram()
        #expect(histogram.value(at: 0.99) == 0)
        #expect(histogram.mean == 0 && histogram.max == 0 && histogram.standardDeviation == 0)
    }

    @Test func `small values are exact`() {
        var histogram = Histogram()
        for value in 1...200 { histogram.record(Int64(value)) }
        #expect(histogram.value(at: 0.5) == 100)
        #expect(histogram.value(at: 1) == 200)
        #expect(histogram.value(at: 0) == 1)
        #expect(histogram.mean == 100.5)
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `percentiles are within one percent of the sorted values`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var histogram = Histogram()
        var values: [Int64] = []
        for _ in 0..<10_000 {
            // Spread over all magnitudes, as latencies are.
            let value = Int64(random.next() >> UInt64(24 + random.below(40)))
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        for fraction in [0.1, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = values[max(0, Int((fraction * 10_000).rounded(.up)) - 1)]
            let found = histogram.value(at: fraction)
            #expect(found >= exact, "seed \(seed), \(fraction)")
            #expect(Double(found - exact) <= Double(exact) / 100, "seed \(seed), \(fraction)")
        }
        #expect(histogram.max == values.last)
    }

    @Test func `two histograms add up to the one of all values`() {
        var random = SeededRandom(seed: 4)
        var parts = [Histogram(), Histogram()]
        var all = Histogram()
        for number in 0..<1_000 {
            let value = Int64(random.below(1_000_000))
            parts[number % 2].record(value, times: 2)
            all.record(value, times: 2)
        }
        parts[0].add(parts[1])
        #expect(parts[0].count == 2_000)
        for fraction in [0.5, 0.99] {
            #expect(parts[0].value(at: fraction) == all.value(at: fraction))
        }
    }

    @Test func `what is out of range counts as the nearest value`() {
        var histogram = Histogram()
        histogram.record(-5)
        histogram.record(Int64.max)
        #expect(histogram.value(at: 0.5) == 0)
        #expect(histogram.max == Histogram.nanosecondsMax)
    }

    @Test func `records that were due one after another have latencies of their own`() {
        var histogram = Histogram()
        histogram.record(from: 0, every: 10, 5, to: 100)
        #expect(histogram.count == 5)
        #expect(histogram.value(at: 0) == 60)
        #expect(histogram.max == 100)
    }

    @Test func `the table of percentiles ends with all values`() {
        var histogram = Histogram()
        histogram.record(1_000_000, times: 99)
        histogram.record(5_000_000)
        let lines = histogram.percentileTable.split(separator: "\n")
        #expect(lines.first?.contains("Percentile TotalCount 1/(1-Percentile)") == true)
        #expect(lines[2].split(separator: " ").last == "100")
        #expect(lines.last?.contains("Total count    =          100") == true)
    }

    @Test(arguments: [
        (1.005, 2, "1.00"), (0.999, 2, "1.00"), (1.5, 0, "2"), (-0.25, 2, "-0.25"),
        (123.456, 1, "123.5"), (0, 3, "0.000"),
    ])
    func `decimals are rounded`(value: Double, digits: Int, text: String) {
        #expect(Decimal.text(value, digits: digits) == text)
    }
}

@Suite struct PaceTests {
    private func load(_ arguments: String...) throws -> BenchLoad {
        guard case .run(let options) = try BenchOptions.command.parse(["produce"] + arguments)
        else { return try BenchLoad(BenchOptions()) }
        return try BenchLoad(options)
    }

    @Test func `without a rate everything is due at once`() throws {
        let pace = Pace(try load(), number: 0, recordsMax: 100)
        #expect(pace.due(5, sent: 0) == Int.max)
        #expect(pace.wait(5, sent: 0, due: Int.max, left: 10) == 0)
        #expect(pace.intended(7, now: 5) == 5)
    }

    @Test func `a late producer sends what was due with the times it was meant for`() throws {
        var pace = Pace(try load("--rate", "1000"), number: 0, recordsMax: 100)
        pace.begin(at: 1_000)
        #expect(pace.due(1_000, sent: 0) == 1)
        #expect(pace.due(1_000 + 10_000_000, sent: 1) == 10)
        #expect(pace.intended(3, now: 99) == 1_000 + 3_000_000)
    }

    @Test func `linger waits for a full batch or for its time`() throws {
        var pace = Pace(try load("--rate", "1000", "--linger", "5ms"), number: 0, recordsMax: 3)
        pace.begin(at: 0)
        #expect(pace.wait(0, sent: 0, due: 1, left: 100) == 2_000_000)
        #expect(pace.wait(2_000_000, sent: 0, due: 3, left: 100) == 0)
        #expect(pace.wait(0, sent: 0, due: 1, left: 1) == 0)
    }

    @Test func `producers share a count and a rate`() throws {
        let all = (0..<3).map { BenchLoad.share(10, $0, of: 3) }
        #expect(all == [4, 3, 3])
        let pace = Pace(try load("--rate", "1000", "--producers", "2"), number: 1, recordsMax: 1)
        #expect(pace.interval == 2_000_000)
    }
}
