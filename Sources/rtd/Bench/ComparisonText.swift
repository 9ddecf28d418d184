/// The results of one run or of several in turn, and how they compare.
enum ComparisonText {
    static func text(_ results: [BenchResult], _ format: BenchOptions.Format?) -> String {
        let fields = results.map(ResultText.fields)
        switch format {
        case .csv:
            return (fields.first.map(ResultText.csvHeader) ?? "")
                + fields.map(ResultText.csvRow).joined()
        case .json:
            guard results.count > 1 else { return fields.map(ResultText.json).joined() + "\n" }
            let runs = fields.map(ResultText.json).joined(separator: ",")
            let ratio = ResultText.json(
                ratios(results).map { ($0.key, Decimal.text($0.ratio, digits: 3), false) })
            return "{\"runs\":[\(runs)],\"ratio\":\(ratio)}\n"
        case nil:
            guard results.count > 1 else { return results.map(ResultText.plain).joined() }
            return results.map(ResultText.plain).joined(separator: "\n") + "\n"
                + comparison(results)
        }
    }

    private static func comparison(_ results: [BenchResult]) -> String {
        let lines = ratios(results).map { ratio in
            "\(ratio.name): \(Decimal.text(ratio.ratio, digits: 2))\n"
        }
        return "\(results[0].target) / \(results[1].target), medians of \(results.count / 2) runs\n"
            + lines.joined()
    }

    private struct Ratio {
        let name: String
        let key: String
        let ratio: Double
    }

    /// Runs of even number are the first cluster's, the others the second's.
    private static func ratios(_ results: [BenchResult]) -> [Ratio] {
        func ratio(_ name: String, _ key: String, _ figure: (BenchResult) -> Double) -> Ratio {
            var figures: [[Double]] = [[], []]
            for (number, result) in results.enumerated() {
                figures[number % 2].append(figure(result))
            }
            let divisor = median(figures[1])
            return Ratio(
                name: name, key: key, ratio: divisor > 0 ? median(figures[0]) / divisor : 0)
        }
        return [
            ratio("records/s  ", "records_per_second", \.recordsPerSecond),
            ratio("client CPU ", "client_cpu_seconds_per_gb") { $0.cpuSecondsPerGB($0.client) },
            ratio("p50 latency", "latency_p50_ms") { Double($0.latencies.value(at: 0.5)) },
            ratio("p99 latency", "latency_p99_ms") { Double($0.latencies.value(at: 0.99)) },
        ]
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// The results of a run with parts, or of a run for each value of a sweep.
enum PartsText {
    static func text(_ results: [BenchResult], _ format: BenchOptions.Format?) -> String {
        let fields = results.map(ResultText.fields)
        switch format {
        case .csv:
            return (fields.first.map(ResultText.csvHeader) ?? "")
                + fields.map(ResultText.csvRow).joined()
        case .json: return "{\"runs\":[\(fields.map(ResultText.json).joined(separator: ","))]}\n"
        case nil:
            let runs = results.map(ResultText.plain).joined(separator: "\n")
            return results.count > 2 ? runs + "\n" + table(results) : runs
        }
    }

    /// One line a run, to be read down.
    private static func table(_ results: [BenchResult]) -> String {
        var rows = [["", "records/s", "MB/s", "p50 ms", "p99 ms", "cores"]]
        for result in results {
            func milliseconds(_ fraction: Double) -> String {
                Decimal.text(Double(result.latencies.value(at: fraction)) / 1e6, digits: 3)
            }
            rows.append([
                result.part ?? "", Decimal.text(result.recordsPerSecond, digits: 0),
                Decimal.text(result.bytesPerSecond / 1e6, digits: 1), milliseconds(0.5),
                milliseconds(0.99), Decimal.text(result.busyCores, digits: 2),
            ])
        }
        let widths = rows[0].indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 ? text + padding : padding + text
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}
