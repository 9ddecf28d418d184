import Platform

/// Results as people and programs read them.
enum ResultText {
    /// The line of kafka-producer-perf-test, then what rtd adds.
    static func plain(_ result: BenchResult) -> String {
        kafkaLine(result) + "\n" + details(result)
    }

    /// Kafka's own shape: whole milliseconds in the percentiles, MB of 2^20 bytes.
    static func kafkaLine(_ result: BenchResult) -> String {
        let latencies = result.latencies
        let megabytes = result.bytesPerSecond / 1_048_576
        let percentiles = BenchResult.percentiles.map { name, _, fraction in
            "\(Decimal.text(Double(latencies.value(at: fraction)) / 1e6, digits: 0)) ms \(name)"
        }
        return "\(result.records) records \(result.verb), "
            + "\(Decimal.text(result.recordsPerSecond, digits: 1)) records/sec "
            + "(\(Decimal.text(megabytes, digits: 2)) MB/sec), "
            + "\(milliseconds(latencies.mean)) ms avg latency, "
            + "\(milliseconds(Double(latencies.max))) ms max latency, "
            + percentiles.joined(separator: ", ") + "."
    }

    private static func milliseconds(_ nanoseconds: Double) -> String {
        Decimal.text(nanoseconds / 1e6, digits: 2)
    }

    /// "686 k records/s".
    static func rate(_ value: Double) -> String {
        let scaled = ProgressLine.scaled(value)
        return (scaled.hasSuffix(" ") ? scaled : scaled + " ") + "records/s"
    }

    private static func details(_ result: BenchResult) -> String {
        let latencies = result.latencies
        let percentiles = BenchResult.percentiles.map { _, key, fraction in
            "\(replacing("_", in: key, with: ".")) "
                + Decimal.text(Double(latencies.value(at: fraction)) / 1e6, digits: 3)
        }
        var lines =
            (result.part.map { ["part        \($0)"] } ?? []) + [
                "target      \(result.target)",
                "throughput  \(rate(result.recordsPerSecond)), "
                    + "\(ProgressLine.scaled(result.bytesPerSecond))B/s, "
                    + "\(rate(result.recordsPerCoreSecond)) per busy core",
                "latency     \(percentiles.joined(separator: ", ")) ms \(result.latencyMeaning)",
            ]
        var cpu = "client \(perGB(result, result.client))"
        var memory = "client \(ProgressLine.scaled(Double(result.client.residentBytesMax)))B"
        if let server = result.server {
            cpu += ", server \(perGB(result, server))"
            memory += ", server \(ProgressLine.scaled(Double(server.residentBytesMax)))B"
        }
        cpu += "; \(Decimal.text(result.busyCores, digits: 2)) cores busy"
        lines += ["cpu         \(cpu)", "memory      \(memory)"]
        if let client = calls(result, result.client) {
            let server = result.server.flatMap { calls(result, $0) }.map { ", server \($0)" } ?? ""
            lines.append("syscalls    client \(client)\(server) reads and writes a 1,000 records")
        }
        if let fileSystem = result.fileSystem { lines.append("file system \(fileSystem)") }
        if result.batchBytes > 0 {
            let rate = Double(result.batchBytes) / result.seconds
            lines.append("wire        \(ProgressLine.scaled(rate))B/s of record batches")
        }
        if let asked = result.fetchBytes {
            let mean = Double(result.batchBytes) / Double(max(1, result.requests))
            lines.append(
                "fetches     \(ProgressLine.scaled(Double(asked)))B asked for, "
                    + "\(ProgressLine.scaled(mean))B each")
        }
        if let rounds = result.syncRounds, rounds > 0 {
            let shared = Decimal.text(Double(result.requests) / Double(rounds), digits: 1)
            let rate = Decimal.text(Double(rounds) / result.seconds, digits: 0)
            lines.append("syncs       \(rate) rounds/s, \(shared) batches each")
        }
        lines.append("durability  \(result.durability)")
        return lines.map { $0 + "\n" }.joined()
    }

    private static func calls(_ result: BenchResult, _ usage: ProcessUsage) -> String? {
        result.callsPerThousand(usage).map { Decimal.text($0, digits: $0 < 100 ? 2 : 0) }
    }

    private static func perGB(_ result: BenchResult, _ usage: ProcessUsage) -> String {
        Decimal.text(result.cpuSecondsPerGB(usage), digits: 3) + " s/GB"
    }

    // MARK: Fields, for programs

    /// Name and value as JSON and CSV have them; nil for what is not known.
    static func fields(_ result: BenchResult) -> [(name: String, value: String?, isText: Bool)] {
        func number(_ value: Double, _ digits: Int = 3) -> String? {
            Decimal.text(value, digits: digits)
        }
        let latencies = result.latencies
        var fields: [(name: String, value: String?, isText: Bool)] = [
            ("workload", result.workload.rawValue, true), ("part", result.part, true),
            ("target", result.target, true),
            ("records", "\(result.records)", false), ("bytes", "\(result.valueBytes)", false),
            ("requests", "\(result.requests)", false),
            ("seconds", number(result.seconds, 6), false),
            ("records_per_second", number(result.recordsPerSecond, 1), false),
            ("bytes_per_second", number(result.bytesPerSecond, 1), false),
            ("records_per_core_second", number(result.recordsPerCoreSecond, 1), false),
            ("latency_mean_ms", number(latencies.mean / 1e6, 6), false),
        ]
        for (_, key, fraction) in BenchResult.percentiles {
            let value = Double(latencies.value(at: fraction)) / 1e6
            fields.append(("latency_\(key)_ms", number(value, 6), false))
        }
        let server = result.server
        fields += [
            ("latency_max_ms", number(Double(latencies.max) / 1e6, 6), false),
            ("client_cpu_seconds_per_gb", number(result.cpuSecondsPerGB(result.client)), false),
            (
                "server_cpu_seconds_per_gb", server.flatMap { number(result.cpuSecondsPerGB($0)) },
                false
            ),
            ("busy_cores", number(result.busyCores), false),
            ("client_rss_bytes", "\(result.client.residentBytesMax)", false),
            ("server_rss_bytes", server.map { "\($0.residentBytesMax)" }, false),
            (
                "client_syscalls_per_1000_records",
                result.callsPerThousand(result.client).flatMap { number($0) }, false
            ),
            (
                "server_syscalls_per_1000_records",
                server.flatMap { result.callsPerThousand($0) }.flatMap { number($0) }, false
            ),
            (
                "wire_bytes_per_second",
                result.batchBytes > 0
                    ? number(Double(result.batchBytes) / result.seconds, 1) : nil, false
            ),
            ("fetch_bytes_max", result.fetchBytes.map { "\($0)" }, false),
            ("sync_rounds", result.syncRounds.map { "\($0)" }, false),
            ("file_system", result.fileSystem, true), ("durability", result.durability, true),
        ]
        return fields
    }

    static func json(_ fields: [(name: String, value: String?, isText: Bool)]) -> String {
        let members = fields.map { name, value, isText in
            let text = value.map { isText ? quoted($0) : $0 } ?? "null"
            return "\"\(name)\":\(text)"
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    static func csvHeader(_ fields: [(name: String, value: String?, isText: Bool)]) -> String {
        fields.map(\.name).joined(separator: ",") + "\n"
    }

    static func csvRow(_ fields: [(name: String, value: String?, isText: Bool)]) -> String {
        fields.map { _, value, isText in
            guard let value else { return "" }
            guard isText else { return value }
            return "\"" + replacing("\"", in: value, with: "\"\"") + "\""
        }.joined(separator: ",") + "\n"
    }

    private static func quoted(_ text: String) -> String {
        let escaped = replacing("\\", in: text, with: "\\\\")
        return "\"" + replacing("\"", in: escaped, with: "\\\"") + "\""
    }

    private static func replacing(_ character: Character, in text: String, with other: String)
        -> String
    {
        text.split(separator: character, omittingEmptySubsequences: false)
            .joined(separator: other)
    }
}
