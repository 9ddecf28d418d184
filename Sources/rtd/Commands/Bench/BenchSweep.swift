import ArgumentParsing

/// `--sweep KEY=VALUE,...`: the same run once for each value.
struct BenchSweep: Sendable, Equatable {
    /// What can be swept, by the names of the options.
    enum Key: String, CaseIterable, Sendable {
        case size, rate, producers, consumers, topics, partitions, acks, linger, compression
        case batchBytes = "batch-bytes"
        case randomRatio = "random-ratio"
    }

    let key: Key
    let values: [String]

    /// The options of one run.
    func options(_ base: BenchOptions, _ value: String) throws(UsageError) -> BenchOptions {
        var result = base
        switch key {
        case .size: result.size = try Self.quantity(value, 1...1 << 30)
        case .rate: result.rate = try Self.quantity(value, 0...Int.max)
        case .producers: result.producers = try Self.quantity(value, 1...1_000)
        case .consumers: result.consumers = try Self.quantity(value, 1...1_000)
        case .topics: result.topics = try Self.quantity(value, 1...10_000)
        case .partitions: result.partitions = try Self.quantity(value, 1...100_000)
        case .batchBytes: result.batchBytes = try Self.quantity(value, 1...1 << 30)
        case .acks: result.acks = try Acknowledgement(value)
        case .linger: result.linger = try Duration(spelled: value)
        case .compression: result.compression = try ValueParser.choice("CODEC").parse(value)
        case .randomRatio: result.randomRatio = try ValueParser.ratio.parse(value)
        }
        return result
    }

    private static func quantity(
        _ text: String, _ range: ClosedRange<Int>
    ) throws(UsageError) -> Int {
        try ValueParser<Int>.quantity("VALUE", in: range).parse(text)
    }
}

extension ValueParser where Value == BenchSweep {
    static let sweep = ValueParser("KEY=VALUE,...") { text throws(UsageError) in
        let keys = BenchSweep.Key.allCases.map(\.rawValue)
        guard let sign = text.firstIndex(of: "=") else {
            throw UsageError("wants KEY=VALUE,..., such as size=100,1k,64k, not \"\(text)\"")
        }
        let name = String(text[..<sign])
        guard let key = BenchSweep.Key(rawValue: name) else {
            let hint =
                nearestName(to: name, among: keys).map { "did you mean \($0)?" }
                ?? "there are \(keys.joined(separator: ", "))"
            throw UsageError("cannot vary \"\(name)\"; \(hint)")
        }
        let values = text[text.index(after: sign)...].split(separator: ",").map(String.init)
        guard !values.isEmpty else { throw UsageError("names no value of \(name)") }
        let sweep = BenchSweep(key: key, values: values)
        for value in values {
            do throws(UsageError) {
                _ = try sweep.options(BenchOptions(), value)
            } catch {
                throw UsageError("\(name) \(error.message)")
            }
        }
        return sweep
    }
}
