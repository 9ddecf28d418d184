import ArgumentParsing
import ChangeDataCapture

/// What was typed after `rtd cdc`.
struct CaptureOptions: Sendable, Equatable {
    /// Where changes go.
    enum Target: Sendable, Equatable {
        case standardOutput
        case file(String)
        case topics
    }

    enum Snapshot: String, CaseIterable, Sendable { case initial, never, only, always }

    enum Job: Sendable, Equatable {
        /// Says what will go wrong.
        case check
        /// Lists the slots, or drops one.
        case slots
        /// Asks the capture that runs for a backfill.
        case request
        /// Has it give one up, or rest.
        case cancel, pause, resume
        /// Writes logical messages.
        case emit
        /// Compares the tables with their topics.
        case verify
    }

    var source = ""
    var job: Job?
    var droppedSlot: String?

    var tables: [String] = []
    var excluded: [String] = []
    /// What the slot has captured and shall not any more.
    var givenUp: [String] = []
    var keys: [KeyChoice] = []
    var filters: [RowFilter] = []
    var masks: [ColumnMask] = []
    /// Debezium's `column.include.list`, `message.prefix.include.list` and `...exclude.list`.
    var includedColumns: [ColumnMask] = []
    var includedPrefixes: [String] = []
    var excludedPrefixes: [String] = []
    var snapshot: Snapshot?
    var end: CaptureConfiguration.End?
    var backfills: [BackfillRequest] = []
    var snapshotWorkers: Int?
    var slot: String?
    var publication: String?
    var passwordFile: String?
    var retainedBytesMax: Int?
    /// Of `--verify`.
    var memory: Int?

    var target: Target?
    var format: EnvelopeFormat?
    var image: RowImage?
    var hasSchemas = false
    /// `key.converter` says so.
    var hasAvroKeys = false
    var writesSchemaChanges = false
    var capturesStatements = false
    var isTwoPhase = false
    var fillsUnchanged = false
    var emittedPrefix: String?
    var outbox: String?
    var topicPrefix: String?
    var partitions: Int?
    /// `-X` in the order typed: Debezium's names and those of Kafka's clients.
    var properties: [CaptureProperty] = []

    var connection = ConnectionOptions()
    var metrics: HostPort?
    var allowsInsecureListening = false
    var reporting = ReportingOptions()

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        guard let source = operands.first else {
            throw UsageError("which database? rtd cdc postgres://user@host/database")
        }
        guard operands.count == 1 else {
            throw UsageError("unexpected operand \"\(operands[1])\"; one database is captured")
        }
        options.source = source
        for case .option(let option) in options.properties { option.apply(to: &options) }
        options.connection.properties = options.properties.compactMap(\.client)
        options.connection.usesRegistry = options.format == .avro
        if options.droppedSlot != nil, options.job != .slots {
            throw UsageError("--drop NAME goes with --slots")
        }
        if options.memory != nil, options.job != .verify {
            throw UsageError("--memory goes with --verify")
        }
        if !options.filters.isEmpty, options.publication != nil {
            throw UsageError("--where goes into a publication that is made, not into --publication")
        }
        if options.job == .request || options.job == .cancel, options.backfills.isEmpty {
            let name = options.job == .request ? "--request" : "--cancel"
            throw UsageError("\(name) goes with --backfill TABLE")
        }
        if options.emittedPrefix != nil {
            guard options.job == nil else { throw UsageError("--emit is a job by itself") }
            options.job = .emit
        }
        if options.snapshot == .only, !options.backfills.isEmpty {
            throw UsageError("--backfill reads beside the stream, and --snapshot only has none")
        }
        if options.target != .topics, options.job != .verify {
            if options.connection.brokers != nil || options.connection.data != nil {
                throw UsageError("--broker and --data go with --to topics")
            }
            if options.partitions != nil { throw UsageError("--partitions goes with --to topics") }
        }
        if let metrics = options.metrics, !metrics.isLoopback, !options.allowsInsecureListening {
            throw UsageError(
                "\(metrics) is open to other machines and has no authentication"
                    + " (--insecure-listen allows it)")
        }
        try checkFormat(options)
    }

    /// What does not go with the format.
    private static func checkFormat(_ options: Self) throws(UsageError) {
        if options.hasAvroKeys, options.format != .avro {
            throw UsageError("keys are Avro where values are: --format avro")
        }
        if options.job == .verify, (options.format ?? .debezium) != .debezium {
            throw UsageError("--verify reads topics in --format debezium only")
        }
        if options.target == .topics, let format = options.format,
            [.sql, .csv, .wal2json].contains(format)
        {
            throw UsageError(
                "--to topics takes debezium, avro, flat or maxwell, not \(format.rawValue)")
        }
        if options.outbox != nil, let format = options.format,
            [.avro, .sql, .csv, .wal2json].contains(format)
        {
            throw UsageError(
                "--outbox goes with --format debezium, flat or maxwell, not \(format.rawValue)")
        }
        if options.capturesStatements, let format = options.format,
            ![.debezium, .flat].contains(format)
        {
            throw UsageError("--ddl goes with --format debezium or flat")
        }
        if options.writesSchemaChanges, let format = options.format,
            ![.debezium, .flat].contains(format)
        {
            throw UsageError("--schema-changes goes with --format debezium or flat")
        }
        if options.hasSchemas, let format = options.format, format != .debezium {
            throw UsageError("--schemas goes with --format debezium")
        }
    }
}

/// `TABLE=COLUMN,...` of --key.
struct KeyChoice: Sendable, Equatable {
    var table: String
    var columns: [String]
}

/// `TABLE=CONDITION` of --where.
struct RowFilter: Sendable, Equatable {
    var table: String
    var condition: String
}

extension ValueParser where Value == RowFilter {
    static let rowFilter = ValueParser("TABLE=CONDITION") { text throws(UsageError) in
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw UsageError("wants TABLE=CONDITION, not \"\(text)\"")
        }
        let table = parts[0].contains(".") ? parts[0] : "public.\(parts[0])"
        return RowFilter(table: table, condition: parts[1])
    }
}

/// A property of `-X`: of Debezium's connector, or of a Kafka client.
enum CaptureProperty: Sendable, Equatable {
    case envelope(name: String, value: String)
    case kafka(PropertyAssignment)
    /// Rows of a backfill's chunk.
    case chunkRows(Int)
    case snapshotWorkers(Int)
    /// What one of the options says.
    case option(DebeziumOption)
    /// Of Debezium, without a meaning here.
    case accepted

    var client: PropertyAssignment? {
        if case .kafka(let assignment) = self { assignment } else { nil }
    }
}

extension ValueParser where Value == CaptureOptions.Target {
    static let captureTarget = ValueParser("TARGET", completion: .file) { text throws(UsageError) in
        switch text {
        case "stdout", "-": .standardOutput
        case "topics": .topics
        case "": throw UsageError("wants stdout, topics or the name of a file")
        default: .file(text)
        }
    }
}

extension ValueParser where Value == EnvelopeFormat {
    static let envelopeFormat = ValueParser("ENVELOPE", completion: .choices(EnvelopeFormat.names))
    {
        text throws(UsageError) in
        if let format = EnvelopeFormat(rawValue: text) { return format }
        let hint = nearestName(to: text, among: EnvelopeFormat.names).map {
            "; did you mean \($0)?"
        }
        throw UsageError("wants one of \(EnvelopeFormat.list), not \"\(text)\"\(hint ?? "")")
    }
}

extension EnvelopeFormat {
    static let names = allCases.map(\.rawValue)
    static let list = names.joined(separator: ", ")
}

extension ValueParser where Value == CaptureConfiguration.End {
    static let captureEnd = ValueParser("now|LSN") { text throws(UsageError) in
        if text == "now" { return .now }
        guard let position = LogSequenceNumber(text) else {
            throw UsageError("wants now or a position such as 16/B374D848, not \"\(text)\"")
        }
        return .position(position)
    }
}

extension ValueParser where Value == KeyChoice {
    static let keyChoice = ValueParser("TABLE=COLUMNS") { text throws(UsageError) in
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw UsageError("wants TABLE=COLUMN,..., not \"\(text)\"")
        }
        let columns = parts[1].split(separator: ",").map(String.init)
        let table = parts[0].contains(".") ? parts[0] : "public.\(parts[0])"
        return KeyChoice(table: table, columns: columns)
    }
}

extension ValueParser where Value == HostPort {
    static let metricsAddress = ValueParser("HOST:PORT") { text throws(UsageError) in
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
        return try HostPort(isNumber ? ":\(text)" : text, defaultPort: 9_464)
    }
}

extension ValueParser where Value == BackfillRequest {
    static let backfill = ValueParser("TABLE[:CONDITION]") { text throws(UsageError) in
        guard let request = BackfillRequest(text) else {
            throw UsageError("wants TABLE or TABLE:CONDITION, not \"\(text)\"")
        }
        return request
    }
}

extension ValueParser where Value == [String] {
    static let tablePatterns = ValueParser("PATTERN") { text throws(UsageError) in
        let patterns = text.split(separator: ",").map(String.init)
        guard !patterns.isEmpty else {
            throw UsageError("wants names such as orders, sales.* or *_log")
        }
        return patterns
    }
}

extension ValueParser where Value == ColumnMask {
    static let columnMask = ValueParser("COLUMN=HOW") { text throws(UsageError) in
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let wanted =
            "wants COLUMN=sha256, =len, =drop, =truncate:N or =stars:N, not \"\(text)\""
        guard parts.count == 2, !parts[0].isEmpty else { throw UsageError(wanted) }
        let words = parts[1].split(separator: ":", maxSplits: 1).map(String.init)
        let argument = words.count > 1 ? words[1] : nil
        switch (words.first ?? "", argument) {
        case ("sha256", let salt): return ColumnMask(parts[0], .sha256(salt: salt ?? ""))
        case ("len", nil): return ColumnMask(parts[0], .length)
        case ("stars", let count?):
            guard let count = Int(count), (0...10_000).contains(count) else {
                throw UsageError(wanted)
            }
            return ColumnMask(parts[0], .stars(count))
        case ("drop", nil): return ColumnMask(parts[0], .drop)
        case ("truncate", let count?):
            guard let count = Int(count), count >= 0 else { throw UsageError(wanted) }
            return ColumnMask(parts[0], .truncate(count))
        default: throw UsageError(wanted)
        }
    }
}
