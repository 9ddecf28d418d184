import ArgumentParsing
import ChangeDataCapture

extension ValueParser where Value == CaptureProperty {
    static let captureProperty = ValueParser("KEY=VALUE") { text throws(UsageError) in
        let assignment = try PropertyAssignment(text)
        var settings = EnvelopeSettings()
        do throws(EnvelopeSettingError) {
            if try settings.set(assignment.name, assignment.value) {
                return .envelope(name: assignment.name, value: assignment.value)
            }
        } catch {
            throw UsageError(
                "\(error.name) wants one of \(error.choices.joined(separator: ", ")), "
                    + "not \"\(error.value)\"")
        }
        if let option = try DebeziumOption(assignment) { return .option(option) }
        if let name = RegistryProperties.name(assignment.name) {
            try SecurityProperties.refuseSecret(name)
            var registry = RegistryProperties()
            _ = try registry.set(assignment)
            return .kafka(assignment)
        }
        if DebeziumProperties.accepted.contains(assignment.name) { return .accepted }
        if let known = try DebeziumProperties.number(assignment) { return known }
        if let reason = DebeziumProperties.refused[assignment.name]
            ?? (assignment.name.hasPrefix("signal.") ? DebeziumProperties.signals : nil)
        {
            throw UsageError("\(assignment.name) of Debezium is not taken: \(reason)")
        }
        let names =
            EnvelopeSettings.propertyNames + DebeziumProperties.accepted + DebeziumOption.names
            + Array(DebeziumProperties.refused.keys)
            + [DebeziumProperties.chunkRows, DebeziumProperties.snapshotThreads]
        if !PropertyNames.client.contains(assignment.name),
            let nearest = nearestName(to: assignment.name, among: names + PropertyNames.client)
        {
            throw UsageError(
                "there is no property \"\(assignment.name)\"; did you mean \(nearest)?")
        }
        var scratch = ClientProperties()
        try scratch.set(assignment)
        return .kafka(assignment)
    }
}

/// Properties of Debezium's connector that say how it works inside, which have no meaning here, and
/// those that would have one.
enum DebeziumProperties {
    static let chunkRows = "incremental.snapshot.chunk.size"
    static let snapshotThreads = "snapshot.max.threads"
    static let signals = "rtd cdc URL --backfill TABLE --request asks a capture for rows"
    static let accepted = [
        "connector.class", "max.batch.size", "max.queue.size", "max.queue.size.in.bytes",
        "max.retries", "name", "plugin.name", "poll.interval.ms", "slot.failover",
        "retriable.restart.connector.wait.ms", "schema.refresh.mode", "slot.drop.on.stop",
        "slot.max.retries", "slot.retry.delay.ms", "snapshot.fetch.size",
        "snapshot.isolation.mode", "snapshot.lock.timeout.ms", "status.update.interval.ms",
        "tasks.max", "xmin.fetch.interval.ms",
    ]
    /// With what there is instead.
    static let refused = [
        "database.hostname": operand, "database.port": operand, "database.user": operand,
        "database.password": operand, "database.dbname": operand, "database.sslmode": operand,
        "event.processing.failure.handling.mode": "what cannot be read ends the capture",
        "heartbeat.action.query": "an idle slot keeps no log here",
        "heartbeat.interval.ms": "an idle slot keeps no log here, and no heartbeat is written",
        "include.unknown.datatypes": "all types are written",
        "key.converter": "keys and values are JSON, or Avro",
        "value.converter": "keys and values are JSON, or Avro",
        "lsn.flush.mode": "a position is told to the server when the output has kept it",
        "money.fraction.digits": "two digits are written",
        "offset.mismatch.strategy": "a slot that is ahead of the output is an error",
        "publication.autocreate.mode": "without --publication one is made for --tables",
        "read.only": "nothing but the slot, the publication and marks is written",
        "snapshot.select.statement.overrides": "--publication has row filters",
    ]
    private static let operand = "the operand SOURCE says it"

    static func number(
        _ assignment: PropertyAssignment
    ) throws(UsageError) -> CaptureProperty? {
        let (name, value) = (assignment.name, assignment.value)
        switch name {
        case chunkRows:
            guard let rows = Int(value), (1...1_000_000).contains(rows) else {
                throw UsageError("\(name) wants 1 to 1000000, not \(value)")
            }
            return .chunkRows(rows)
        case snapshotThreads:
            guard let count = Int(value), (1...64).contains(count) else {
                throw UsageError("\(name) wants 1 to 64, not \(value)")
            }
            return .snapshotWorkers(count)
        case "key.converter", "value.converter":
            switch value.split(separator: ".").last {
            case "JsonConverter": return .accepted
            case "AvroConverter": return .option(.avro(isKey: name == "key.converter"))
            default: return nil
            }
        case "heartbeat.interval.ms": return value == "0" ? .accepted : nil
        default: return nil
        }
    }
}

/// A property of Debezium's connector that one of the options says, too.
enum DebeziumOption: Sendable, Equatable {
    case snapshot(CaptureOptions.Snapshot)
    case tables([String])
    case excludedTables([String])
    case masks([ColumnMask])
    case columns([ColumnMask])
    case keys([KeyChoice])
    case prefixes([String])
    case excludedPrefixes([String])
    case slot(String)
    case publication(String)
    /// A converter that is Confluent's for Avro.
    case avro(isKey: Bool)

    static let names = [
        "column.exclude.list", "column.include.list", "message.key.columns",
        "message.prefix.exclude.list", "message.prefix.include.list", "publication.name",
        "schema.exclude.list", "schema.include.list", "slot.name", "snapshot.mode",
        "table.exclude.list", "table.include.list",
    ]

    /// nil: another property.
    init?(_ assignment: PropertyAssignment) throws(UsageError) {
        let (name, value) = (assignment.name, assignment.value)
        switch name {
        case "snapshot.mode": self = .snapshot(try Self.snapshot(value))
        case "table.include.list": self = .tables(try Self.expressions(name, value))
        case "table.exclude.list": self = .excludedTables(try Self.expressions(name, value))
        case "schema.include.list": self = .tables(try Self.expressions(name, value, "\\..*"))
        case "schema.exclude.list":
            self = .excludedTables(try Self.expressions(name, value, "\\..*"))
        case "column.include.list":
            self = .columns(try Self.masks(name, value, .drop))
        case "column.exclude.list": self = .masks(try Self.masks(name, value, .drop))
        case "message.key.columns": self = .keys(try Self.keys(value))
        case "message.prefix.include.list": self = .prefixes(try Self.expressions(name, value))
        case "message.prefix.exclude.list":
            self = .excludedPrefixes(try Self.expressions(name, value))
        case "slot.name": self = .slot(value)
        case "publication.name": self = .publication(value)
        default:
            guard let method = Self.method(name) else { return nil }
            self = .masks(try Self.masks(name, value, method))
        }
    }

    func apply(to options: inout CaptureOptions) {
        switch self {
        case .snapshot(let mode): options.snapshot = options.snapshot ?? mode
        case .tables(let patterns): options.tables += patterns
        case .excludedTables(let patterns): options.excluded += patterns
        case .masks(let masks): options.masks += masks
        case .columns(let columns): options.includedColumns += columns
        case .keys(let keys): options.keys += keys
        case .prefixes(let prefixes): options.includedPrefixes += prefixes
        case .excludedPrefixes(let prefixes): options.excludedPrefixes += prefixes
        case .slot(let name): options.slot = options.slot ?? name
        case .publication(let name): options.publication = options.publication ?? name
        case .avro(isKey: true): options.hasAvroKeys = true
        case .avro(isKey: false): options.format = options.format ?? .avro
        }
    }

    private static func snapshot(_ value: String) throws(UsageError) -> CaptureOptions.Snapshot {
        switch value {
        case "initial": return .initial
        case "always": return .always
        case "initial_only": return .only
        case "no_data", "never": return .never
        default:
            throw UsageError(
                "snapshot.mode wants always, initial, initial_only or no_data, not \"\(value)\"")
        }
    }

    /// `column.truncate.to.20.chars`, `column.mask.with.8.chars`,
    /// `column.mask.hash.v2.SHA-256.with.salt.SALT`.
    private static func method(_ name: String) -> ColumnMask.Method? {
        func count(_ prefix: String) -> Int? {
            guard name.hasPrefix(prefix), name.hasSuffix(".chars") else { return nil }
            return Int(name.dropFirst(prefix.count).dropLast(".chars".count))
        }
        if let count = count("column.truncate.to.") { return .truncate(count) }
        if let count = count("column.mask.with.") { return .stars(count) }
        for prefix in ["column.mask.hash.", "column.mask.hash.v2."] {
            let whole = prefix + "SHA-256.with.salt."
            if name.hasPrefix(whole) {
                return .sha256(salt: String(name.dropFirst(whole.count)))
            }
        }
        return nil
    }

    private static func masks(
        _ name: String, _ value: String, _ method: ColumnMask.Method
    ) throws(UsageError) -> [ColumnMask] {
        try expressions(name, value).map { ColumnMask($0, method) }
    }

    private static func expressions(
        _ name: String, _ value: String, _ suffix: String = ""
    ) throws(UsageError) -> [String] {
        var found: [String] = []
        for part in value.split(separator: ",") {
            let text = part.drop { $0 == " " }
            guard !text.isEmpty, NamePattern.isExpression(String(text)) else {
                throw UsageError("\(name) wants regular expressions, not \"\(text)\"")
            }
            found.append("~(?:\(text))\(suffix)")
        }
        guard !found.isEmpty else { throw UsageError("\(name) names nothing") }
        return found
    }

    /// `shop.orders:customer,number;shop.items:id`.
    private static func keys(_ value: String) throws(UsageError) -> [KeyChoice] {
        var keys: [KeyChoice] = []
        for part in value.split(separator: ";") {
            let sides = part.split(separator: ":", maxSplits: 1).map(String.init)
            let columns = sides.last.map { $0.split(separator: ",").map(String.init) } ?? []
            guard sides.count == 2, !columns.isEmpty else {
                throw UsageError(
                    "message.key.columns wants schema.table:column,...;..., not \"\(value)\"")
            }
            let table = sides[0].contains(".") ? sides[0] : "public.\(sides[0])"
            keys.append(KeyChoice(table: table, columns: columns))
        }
        return keys
    }
}
