import Platform

/// What one run has given.
struct BenchResult: Sendable {
    var workload: BenchOptions.Workload
    /// "rtd", or the addresses of another cluster.
    var target: String
    var records: Int
    /// Bytes of their values, before compression.
    var valueBytes: Int
    var requests: Int
    var nanoseconds: Int64
    var latencies: Histogram
    var client: ProcessUsage
    /// Nil when the server is not ours.
    var server: ProcessUsage?
    var fileSystem: String?
    var durability: String
    /// Bytes of the batches, as they go over the wire; 0 where they do not.
    var batchBytes = 0
    /// Bytes that each fetch asked for, where there were any.
    var fetchBytes: Int?
    /// Which part of a run it is, or which value of a sweep; nil for a run by itself.
    var part: String?
    /// Of all parts of the run, whose CPU time cannot be told apart.
    var shared: (records: Int, bytes: Int)?
    var isTransactional = false
    /// Rounds of group commit, where they are known.
    var syncRounds: Int?

    var seconds: Double { Double(nanoseconds) / 1e9 }
    var recordsPerSecond: Double { Double(records) / seconds }
    var bytesPerSecond: Double { Double(valueBytes) / seconds }
    private var cpuNanoseconds: Int64 { client.cpuNanoseconds + (server?.cpuNanoseconds ?? 0) }
    /// Cores that client and server, as far as it is known, kept busy.
    var busyCores: Double { Double(cpuNanoseconds) / Double(nanoseconds) }
    var recordsPerCoreSecond: Double {
        cpuNanoseconds == 0
            ? 0 : Double(shared?.records ?? records) / (Double(cpuNanoseconds) / 1e9)
    }

    func cpuSecondsPerGB(_ usage: ProcessUsage) -> Double {
        let bytes = shared?.bytes ?? valueBytes
        return bytes == 0 ? 0 : Double(usage.cpuNanoseconds) / Double(bytes)
    }

    /// Calls that read or wrote for a thousand records; nil where the system does not count them.
    func callsPerThousand(_ usage: ProcessUsage) -> Double? {
        let records = shared?.records ?? records
        guard records > 0, let calls = usage.transferCalls else { return nil }
        return Double(calls) * 1_000 / Double(records)
    }

    /// The percentiles that are printed.
    static let percentiles: [(name: String, key: String, fraction: Double)] = [
        ("50th", "p50", 0.5), ("95th", "p95", 0.95), ("99th", "p99", 0.99),
        ("99.9th", "p99_9", 0.999),
    ]

    /// What the workload does to records, and what its latency is.
    var verb: String { workload == .consume || workload == .e2e ? "read" : "sent" }
    var latencyMeaning: String {
        switch workload {
        case .produce where isTransactional: "from sending to commit"
        case .produce, .mixed: "from sending to acknowledgement"
        case .consume: "of a fetch"
        case .e2e: "from sending to reading"
        case .storage: "from append to sync"
        case .cdc: "from commit to reading"
        case .query, .nexmark: "of a query"
        }
    }
}

/// CPU time of this process and of the server, from a moment on.
struct UsageMeter {
    private let server: Int32?
    private let atClient: ProcessUsage
    private let atServer: ProcessUsage?

    init(server: Int32?) {
        self.server = server
        atClient = .current()
        atServer = server.flatMap { ProcessUsage.of($0) }
    }

    var client: ProcessUsage { ProcessUsage.current().since(atClient) }

    var serverUsage: ProcessUsage? {
        guard let server, let atServer, let now = ProcessUsage.of(server) else { return nil }
        return now.since(atServer)
    }
}
