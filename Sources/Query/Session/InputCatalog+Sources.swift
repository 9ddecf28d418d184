import Aggregation
import Formats
import Platform
import SQL

// Functions of FROM and sources with a connector.
extension InputCatalog {
    private static let readers: [String: String?] = [
        "read_json": "json", "read_ndjson": "json", "read_json_auto": "json", "read_csv": "csv",
        "read_csv_auto": "csv", "read_tsv": "tsv", "read_lines": "lines", "read_text": "lines",
        "read_logfmt": "logfmt", "read_file": nil,
    ]

    static var functionNames: [String] { readers.keys + ["kafka", "read_debezium"] }

    /// Readers of the grammar that come later.
    private static let laterReaders: Set<String> = ["read_avro", "read_parquet", "parquet_scan"]

    /// The options that functions of FROM take.
    private static let optionNames: [String: [String]] = [
        "read_debezium": ["key"],
        "kafka": ["brokers", "format", "key"],
    ]

    /// `read_csv('file', header => false)` and the like; `read_json(stdin)` reads stdin.
    func function(
        _ name: String, _ arguments: [Value], _ named: [(String, Value)],
        _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        guard !Self.laterReaders.contains(name) else {
            throw SQLError(
                "\(name) is not supported yet", .featureNotSupported, at: reference.place)
        }
        guard Self.functionNames.contains(name) else {
            throw SQLError(
                "function \(name) does not exist in FROM", .undefinedFunction,
                at: reference.place
            ).suggesting(Self.functionNames.sorted(), for: name)
        }
        guard case .text(let path)? = arguments.first else {
            throw SQLError(
                "\(name) wants a \(name == "kafka" ? "topic" : "path")", .invalidParameterValue,
                at: reference.place)
        }
        let options = try self.options(of: name, named, reference.place)
        switch name {
        case "read_debezium": return try changes(path, options["key"], reference, wanted)
        case "kafka": return try topic(path, options, reference, wanted)
        default: break
        }
        var formatted = options
        if let format = Self.readers[name] ?? nil { formatted["format"] = format }
        let isStandardInput = path == "stdin" && InputFile.status(of: path) == nil
        return try file(isStandardInput ? "-" : path, options: formatted, reference, wanted)
    }

    private func options(
        of name: String, _ named: [(String, Value)], _ place: Range<Int>
    ) throws(SQLError) -> [String: String] {
        var options: [String: String] = [:]
        let known =
            Self.optionNames[name] ?? ["format", "header", "delimiter", "delim", "sep"]
        for (option, value) in named {
            guard known.contains(option.lowercased()) else {
                throw SQLError(
                    "function \(name) has no parameter named \"\(option)\"", .undefinedFunction,
                    at: place
                ).suggesting(known, for: option)
            }
            switch value {
            case .text(let text): options[option.lowercased()] = text
            case .boolean(let flag): options[option.lowercased()] = flag ? "true" : "false"
            case .integer(let number): options[option.lowercased()] = "\(number)"
            default: continue
            }
        }
        return options
    }

    /// `kafka('topic' | 'kafka://host/topic' [, brokers => 'host:port,...'] [, format => 'json' |
    /// 'avro' | 'debezium' | 'upsert'] [, key => 'a, b'])`
    private func topic(
        _ name: String, _ options: [String: String], _ reference: RelationReference,
        _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        var topic =
            name.hasPrefix("kafka://")
            ? try TopicReference.parse(name, reference.place)
            : TopicReference(name, isQuoted: true)
        topic.brokers = options["brokers"] ?? topic.brokers
        let form: TopicReference.Form
        switch (options["format"] ?? "json").lowercased() {
        case "json": form = .plain
        case "avro":
            form = .plain
            topic.isAvro = true
        case "debezium": form = .debezium
        case "upsert": form = .upsert
        case let other:
            throw SQLError(
                "format \"\(other)\" is not supported for topics", .featureNotSupported,
                at: reference.place, hint: "Formats are json, avro, debezium and upsert.")
        }
        return try self.topic(topic, form, Self.names(options["key"]), reference, wanted)
    }

    /// Names with commas between them.
    private static func names(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }
    }

    /// `read_debezium(stdin | 'file' | topic | 'kafka://host/topic' [, key => 'a, b'])`
    private func changes(
        _ path: String, _ key: String?, _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        let keys = Self.names(key)
        if path.hasPrefix("kafka://") {
            return try topic(
                try TopicReference.parse(path, reference.place), .debezium, keys, reference, wanted)
        }
        let isFile =
            path.contains("/") || path.contains("*") || InputFormat.of(path: path) != nil
            || POSIXFileSystem().exists(path)
        if !isFile, path != "-", path != "stdin" {
            return try topic(
                TopicReference(path, isQuoted: false), .debezium, keys, reference, wanted)
        }
        let envelopes = try file(
            isFile ? path : "-", options: [:], reference, wanted, isEnvelope: true)
        return timed(try EnvelopeRelation(envelopes, .debezium, keyNames: keys))
    }

    private func topic(
        _ topic: TopicReference, _ form: TopicReference.Form, _ keys: [String],
        _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        var topic = topic
        topic.ask(reference, wanted)
        topic.form = form
        guard let found = try self.topic(topic) else {
            throw SQLError(
                "topic \"\(topic.name)\" does not exist", .undefinedRelation,
                at: reference.place
            ).suggesting(environment.topics?.names() ?? [], for: topic.name)
        }
        switch form {
        case .plain: return timed(found)
        case .debezium: return timed(try EnvelopeRelation(found, .debezium, keyNames: keys))
        case .upsert: return timed(try EnvelopeRelation(found, .upsert, keyNames: keys))
        }
    }

    private func timed(_ relation: any SourceRelation) -> any SourceRelation {
        TimedRelation.declaring(environment.time, relation)
    }

    /// CREATE SOURCE or TABLE ... WITH (connector = 'file' or 'kafka', ...).
    func source(
        _ definition: TableDefinition, _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        let definition = try SourceDefinition(definition)
        let names = definition.asked(wanted)
        var reference = reference
        reference.expected = definition.inputNames.union(
            definition.hasStar ? reference.expected : [])
        switch definition.connector {
        case .kafka(let topic):
            return try self.topic(topic, definition.form, definition.keys, reference, names)
        case .file(let path):
            let options = definition.fileOptions
            if definition.form == .debezium {
                let envelopes = try file(
                    path, options: options, reference, names, isEnvelope: true)
                return timed(
                    try EnvelopeRelation(envelopes, .debezium, keyNames: definition.keys))
            }
            // Names of the input are asked for only where it has names of its own.
            let relation = try file(
                path, options: options, reference, definition.isNameless ? nil : names)
            return definition.isNameless
                ? NamedRelation(relation, names: definition.columnNames) : relation
        }
    }
}

/// What CREATE SOURCE or TABLE says of where its rows are.
struct SourceDefinition {
    enum Connector {
        case file(String)
        case kafka(TopicReference)
    }

    let connector: Connector
    let form: TopicReference.Form
    /// PRIMARY KEY.
    let keys: [String]
    let fileOptions: [String: String]
    /// Of INSERT INTO it.
    let delivery: TopicDelivery
    /// Of columns that are not generated.
    let columnNames: [String]
    /// The same under the names that the input has for them.
    let inputNames: Set<String>
    private let hasGenerated: Bool
    /// The input's own columns are the source's.
    let hasStar: Bool

    init(_ definition: TableDefinition) throws(SQLError) {
        var options: [String: String] = [:]
        for option in definition.options {
            let name = option.name.text.lowercased()
            guard SourceDefinition.isOption(name) else {
                throw SQLError(
                    "option \"\(option.name.text)\" is not known", .invalidParameterValue,
                    at: option.name.place
                ).suggesting(SourceDefinition.optionNames, for: name)
            }
            options[name] = option.value
        }
        connector = try SourceDefinition.connector(options, definition)
        form = try SourceDefinition.form(definition, connector)
        delivery = try SourceDefinition.delivery(options, definition)
        options["format"] =
            options["format"]
            ?? definition.encode.map { encode in
                encode.uppercased() == "TEXT" ? "lines" : encode.lowercased()
            }
        fileOptions = options
        var keys: [String] = []
        var names: [String] = []
        var inputNames: Set<String> = []
        var hasGenerated = false
        var hasStar = true
        for element in definition.elements {
            switch element {
            case .primaryKey(let columns): keys = columns.map(\.text)
            case .column(let column) where column.generated == nil:
                hasStar = false
                names.append(column.name.text)
                if column.isPrimaryKey { keys = [column.name.text] }
                if column.metadata == nil { inputNames.insert(column.name.text) }
            case .column: hasGenerated = true
            case .check(let condition, _):
                throw SQLError(
                    "CHECK constraints of sources are not supported", .featureNotSupported,
                    at: condition.place, hint: "Filter the source by WHERE, in a view.")
            case .star, .watermark, .unique, .like: break
            }
        }
        for element in definition.elements {
            if case .star = element { hasStar = true }
        }
        self.keys = keys
        columnNames = names
        self.inputNames = inputNames
        self.hasGenerated = hasGenerated
        self.hasStar = hasStar
    }

    private static let optionNames = [
        "connector", "path", "topic", "kafka_topic", "bootstrap_servers", "bootstrap.servers",
        "scan.startup.mode", "sink.delivery-guarantee", "delivery.guarantee", "sink.semantic",
        "sink.transactional-id-prefix", "format", "header", "delimiter", "delim", "sep",
        "value.format", "schema.registry.url", "schema.registry", "avro-confluent.url",
        "value.avro-confluent.url", "debezium-avro-confluent.url",
    ]

    /// Those of Kafka's clients are taken as they are.
    private static func isOption(_ name: String) -> Bool {
        name.hasPrefix("properties.") || optionNames.contains(name)
    }

    private static func connector(
        _ options: [String: String], _ definition: TableDefinition
    ) throws(SQLError) -> Connector {
        switch options["connector"]?.lowercased() {
        case "file", "filesystem":
            guard let path = options["path"] else {
                throw SQLError(
                    "connector \"file\" wants a path", .invalidParameterValue,
                    at: definition.place)
            }
            return .file(path)
        case "kafka", "upsert-kafka":
            guard let name = options["topic"] ?? options["kafka_topic"] else {
                throw SQLError(
                    "connector \"kafka\" wants a topic", .invalidParameterValue,
                    at: definition.place)
            }
            let brokers =
                options["properties.bootstrap.server"] ?? options["properties.bootstrap.servers"]
                ?? options["bootstrap_servers"] ?? options["bootstrap.servers"]
            var topic = TopicReference(name, isQuoted: true, brokers: brokers)
            topic.startsAtEnd = try startsAtEnd(options, definition)
            topic.isAvro = isAvro(options, definition)
            topic.registry = registry(options, definition)
            return .kafka(topic)
        case let other:
            throw SQLError(
                "connector \"\(other ?? "")\" is not supported", .featureNotSupported,
                at: definition.place, hint: "Connectors: file, kafka.")
        }
    }

    /// ENCODE AVRO, or Flink's words for it.
    private static func isAvro(_ options: [String: String], _ definition: TableDefinition) -> Bool {
        let format = (options["value.format"] ?? options["format"] ?? "").lowercased()
        return definition.encode == "AVRO"
            || ["avro", "avro-confluent", "debezium-avro-confluent"].contains(format)
    }

    /// Where the schemas are, as Confluent, Flink and RisingWave say it.
    private static func registry(
        _ options: [String: String], _ definition: TableDefinition
    ) -> String? {
        let names = [
            "schema.registry.url", "schema.registry", "properties.schema.registry.url",
            "value.avro-confluent.url", "avro-confluent.url", "debezium-avro-confluent.url",
        ]
        let encoding = definition.encodeOptions.first {
            names.contains($0.name.text.lowercased())
        }
        return encoding?.value ?? names.compactMap { options[$0] }.first
    }

    /// What Flink and others call it, in their words.
    private static func delivery(
        _ options: [String: String], _ definition: TableDefinition
    ) throws(SQLError) -> TopicDelivery {
        let names = ["sink.delivery-guarantee", "delivery.guarantee", "sink.semantic"]
        let prefix =
            options["sink.transactional-id-prefix"] ?? options["properties.transactional.id"]
        for name in names {
            guard let value = options[name]?.lowercased() else { continue }
            switch value {
            case "exactly-once", "exactly_once": return .exactlyOnce(prefix: prefix)
            case "at-least-once", "at_least_once", "none": return .atLeastOnce
            default:
                throw SQLError(
                    "\(name) \"\(value)\" is not known", .invalidParameterValue,
                    at: definition.place, hint: "It is exactly-once or at-least-once.")
            }
        }
        return prefix == nil ? .best : .exactlyOnce(prefix: prefix)
    }

    private static func startsAtEnd(
        _ options: [String: String], _ definition: TableDefinition
    ) throws(SQLError) -> Bool {
        let mode = options["scan.startup.mode"] ?? "earliest"
        switch mode.lowercased() {
        case "earliest", "earliest-offset": return false
        case "latest", "latest-offset": return true
        default:
            throw SQLError(
                "scan.startup.mode \"\(mode)\" is not supported", .featureNotSupported,
                at: definition.place, hint: "It is earliest or latest.")
        }
    }

    private static func form(
        _ definition: TableDefinition, _ connector: Connector
    ) throws(SQLError) -> TopicReference.Form {
        if case .kafka = connector, let encode = definition.encode,
            !["JSON", "AVRO"].contains(encode)
        {
            throw SQLError(
                "ENCODE \(encode) is not supported for topics", .featureNotSupported,
                at: definition.place, hint: "Records are JSON or, to read, AVRO.")
        }
        let isDebezium = definition.options.contains {
            ["format", "value.format"].contains($0.name.text.lowercased())
                && $0.value.lowercased() == "debezium-avro-confluent"
        }
        if case .kafka = connector, isDebezium { return .debezium }
        switch definition.format {
        case "DEBEZIUM": return .debezium
        case "UPSERT": return .upsert
        default:
            let name = definition.options.first { $0.name.text.lowercased() == "connector" }
            return name?.value.lowercased() == "upsert-kafka" ? .upsert : .plain
        }
    }

    /// A CSV file without a line of names.
    var isNameless: Bool {
        guard let header = fileOptions["header"] else { return false }
        return ["false", "off", "0", "no"].contains(header.lowercased())
    }

    /// The names to look for; nil: all.
    func asked(_ wanted: Set<String>?) -> Set<String>? {
        guard !hasGenerated, let wanted else { return nil }
        return hasStar ? wanted.union(inputNames) : inputNames
    }

    var outputForm: TopicOutputForm {
        switch form {
        case .plain: .plain
        case .upsert: .upsert
        case .debezium: .debezium
        }
    }
}
