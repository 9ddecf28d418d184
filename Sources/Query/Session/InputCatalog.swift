import Aggregation
import Formats
import SQL

/// Files and stdin as relations: what a path, a function of FROM or a source's WITH means.
///
/// Relations are kept for the statement that bound them, so that a statement which is run again
/// with a wider type finds what was learnt.
final class InputCatalog {
    private let environment: SessionEnvironment
    private var files: [String: any SourceRelation] = [:]
    /// Stdin, once a statement has named it.
    private var feed: InputFeed?

    init(_ environment: SessionEnvironment) { self.environment = environment }

    /// What window functions add, which no input has.
    private static let windowNames: Set<String> = ["window_start", "window_end", "window_time"]

    /// A statement begins: files may have changed since the last one.
    func forgetFiles() { files = [:] }

    func file(
        _ path: String, options: [String: String], _ reference: RelationReference,
        _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        if path == "-" || path == "/dev/stdin" { return try standardInput(reference, wanted) }
        // What was sampled for some names serves a query for others only if it looked for all.
        let key = path + "\u{0}" + (wanted.map { $0.sorted().joined(separator: "\u{0}") } ?? "*")
        if let known = files[key] { return known }
        var input = InputOptions()
        input.isStrict = environment.isStrict
        input.wanted = wanted?.subtracting(Self.windowNames)
        input.format = try format(options, reference.place)
        let relation = TimedRelation.declaring(
            environment.time, try FileRelation.make(path, paths: [path], options: input))
        files[key] = relation
        return relation
    }

    func standardInput(
        _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        let key = "\u{0}stdin" + (wanted.map { $0.sorted().joined(separator: "\u{0}") } ?? "*")
        if let known = files[key] { return known }
        let feed = feed ?? InputFeed.standardInput()
        self.feed = feed
        var input = InputOptions()
        input.isStrict = environment.isStrict
        input.wanted = wanted?.subtracting(Self.windowNames)
        input.format = environment.inputFormat.flatMap { InputFormat(named: $0) }
        let relation = TimedRelation.declaring(
            environment.time,
            try FeedRelation.make(
                feed, options: input, isEndless: reference.isStream, note: environment.note))
        files[key] = relation
        return relation
    }

    /// What `format`, `header` and `delimiter` say together; nil: the input tells.
    private func format(
        _ options: [String: String], _ place: Range<Int>
    ) throws(SQLError) -> InputFormat? {
        var format: InputFormat?
        if let name = options["format"] {
            guard let named = InputFormat(named: name) else {
                throw SQLError(
                    "format \"\(name)\" is not known", .invalidParameterValue, at: place
                ).suggesting(InputFormat.names, for: name)
            }
            format = named
        }
        let header = options["header"].map { ["true", "on", "1", "yes"].contains($0.lowercased()) }
        let delimiter = (options["delimiter"] ?? options["delim"] ?? options["sep"])?.utf8.first
        guard header != nil || delimiter != nil else { return format }
        if case .csv(let separator, let hasHeader)? = format {
            return .csv(separator: delimiter ?? separator, hasHeader: header ?? hasHeader)
        }
        return .csv(separator: delimiter, hasHeader: header)
    }

    private static let readers: [String: String?] = [
        "read_json": "json", "read_ndjson": "json", "read_json_auto": "json", "read_csv": "csv",
        "read_csv_auto": "csv", "read_tsv": "tsv", "read_lines": "lines", "read_text": "lines",
        "read_logfmt": "logfmt", "read_file": nil,
    ]

    /// `read_csv('file', header => false)` and the like; `read_json(stdin)` reads stdin.
    func function(
        _ name: String, _ arguments: [Value], _ named: [(String, Value)],
        _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        guard let format = Self.readers[name] else {
            throw SQLError(
                "function \(name) does not exist in FROM", .undefinedFunction,
                at: reference.place
            ).suggesting(Self.readers.keys.sorted(), for: name)
        }
        guard case .text(let path)? = arguments.first else {
            throw SQLError("\(name) wants a path", .invalidParameterValue, at: reference.place)
        }
        var options: [String: String] = [:]
        if let format { options["format"] = format }
        for (option, value) in named {
            switch value {
            case .text(let text): options[option.lowercased()] = text
            case .boolean(let flag): options[option.lowercased()] = flag ? "true" : "false"
            default: continue
            }
        }
        return try file(path, options: options, reference, wanted)
    }

    func source(
        _ definition: TableDefinition, _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        var options: [String: String] = [:]
        for option in definition.options { options[option.name.text.lowercased()] = option.value }
        guard options["connector"]?.lowercased() == "file", let path = options["path"] else {
            throw SQLError(
                "connector \"\(options["connector"] ?? "")\" is not supported yet",
                .featureNotSupported, at: definition.place, hint: "Connectors: file, kafka.")
        }
        options["format"] =
            options["format"]
            ?? definition.encode.map { encode in
                encode.uppercased() == "TEXT" ? "lines" : encode.lowercased()
            }
        let names = definition.elements.compactMap { element -> String? in
            guard case .column(let column) = element, column.generated == nil else { return nil }
            return column.name.text
        }
        let isNamed = options["header"].map {
            ["false", "off", "0", "no"].contains($0.lowercased())
        }
        // Names of the input are asked for only where it has names of its own.
        let relation = try file(path, options: options, reference, isNamed == true ? nil : wanted)
        return isNamed == true ? NamedRelation(relation, names: names) : relation
    }
}
