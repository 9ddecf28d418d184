import ArgumentParsing

/// What was typed after `rtd bench`.
struct BenchOptions: Sendable, Equatable {
    enum Workload: String, CaseIterable, Sendable {
        case produce, consume, e2e, mixed, storage, query, nexmark, cdc
    }

    enum Format: Sendable, Equatable {
        case csv, json
    }

    var workload = Workload.produce
    /// Bytes of a record's value; nil: 100.
    var size: Int?
    var payloadFile: String?
    /// The part of a value that does not compress; nil: 0.5.
    var randomRatio: Double?
    var count: Int?
    var duration: Duration?
    /// Records a second over all producers; nil: as many as it can.
    var rate: Int?
    var warmup: Duration?

    var producers: Int?
    var consumers: Int?
    var topics: Int?
    var partitions: Int?

    var acks: Acknowledgement?
    var linger: Duration?
    var batchBytes: Int?
    var compression: CompressionChoice?
    var isTransactional = false
    /// `--txn-every`; nil: 100 ms.
    var transactionSpan: TransactionSpan?
    var sweep: BenchSweep?

    var compare: [HostPort]?
    var measuresFloor = false
    /// nil: text for people.
    var format: Format?
    var histogramFile: String?

    /// Of query and nexmark; empty: all.
    var queries: [String] = []
    /// Where the data of query and nexmark are, or are made; nil: a directory that is removed.
    var dataSet: String?
    var seed: Int?
    var onlyGenerates = false
    var isEndless = false
    var isLive = false

    /// The database of cdc.
    var source: String?

    var connection = ConnectionOptions()
    var reporting = ReportingOptions()

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        let workloads = "produce, consume, e2e, mixed, storage, query, nexmark or cdc"
        guard let name = operands.first else {
            throw UsageError("which workload: \(workloads)?")
        }
        guard let workload = Workload(rawValue: name) else {
            let nearest = nearestName(to: name, among: Workload.allCases.map(\.rawValue))
            let hint = nearest.map { "did you mean \($0)?" } ?? "there are \(workloads)"
            throw UsageError("unknown workload \"\(name)\"; \(hint)")
        }
        options.workload = workload
        options.queries = Array(operands.dropFirst())
        try options.checkQueries()
        try options.checkCapture()
        if options.measuresFloor, workload != .storage, workload != .consume {
            throw UsageError("--floor goes with rtd bench storage and rtd bench consume")
        }
        if options.rate != nil, workload == .storage || workload == .consume {
            throw UsageError("--rate goes with rtd bench produce and rtd bench e2e")
        }
        try options.checkTransactions()
        try options.checkSweep()
        if workload == .storage, options.connection.brokers != nil || options.compare != nil {
            throw UsageError("storage measures this machine, so it takes no broker")
        }
    }

    private func checkTransactions() throws(UsageError) {
        guard isTransactional else {
            if transactionSpan != nil { throw UsageError("--txn-every goes with --txn") }
            return
        }
        guard [.produce, .e2e, .mixed].contains(workload) else {
            throw UsageError("--txn goes with rtd bench produce, e2e and mixed")
        }
        if let acks, acks != .all { throw UsageError("--txn needs --acks all") }
    }

    private func checkSweep() throws(UsageError) {
        if workload == .mixed, compare != nil {
            throw UsageError("mixed gives two figures, so it takes no --compare")
        }
        guard sweep != nil else { return }
        guard [.produce, .consume, .e2e, .mixed, .storage].contains(workload), !measuresFloor else {
            throw UsageError("--sweep goes with produce, consume, e2e, mixed and storage")
        }
        if compare != nil { throw UsageError("--sweep and --compare do not go together") }
    }

    private func checkCapture() throws(UsageError) {
        guard workload == .cdc else {
            if source != nil { throw UsageError("--source goes with rtd bench cdc") }
            return
        }
        if source == nil {
            throw UsageError("cdc wants a database: --source postgres://user@host/database")
        }
        if connection.brokers != nil || compare != nil {
            throw UsageError("cdc writes topics of a server of its own, so it takes no broker")
        }
    }

    private func checkQueries() throws(UsageError) {
        let hasQueries = workload == .query || workload == .nexmark
        if hasQueries, connection.brokers != nil || compare != nil {
            throw UsageError("\(workload.rawValue) measures this machine, so it takes no broker")
        }
        if !hasQueries, let first = queries.first {
            throw UsageError("unexpected operand \"\(first)\"")
        }
        if !hasQueries, dataSet != nil || seed != nil || onlyGenerates || isEndless {
            throw UsageError("queries are measured by rtd bench query and rtd bench nexmark")
        }
        if isLive, workload != .query { throw UsageError("--live goes with rtd bench query") }
        if onlyGenerates, dataSet == nil {
            throw UsageError("--generate needs a directory: --data-set DIR")
        }
    }
}
