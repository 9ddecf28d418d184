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
        input.wanted = wanted
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
        input.wanted = wanted
        let relation = TimedRelation.declaring(
            environment.time,
            try FeedRelation.make(
                feed, options: input, isEndless: reference.isStream, note: environment.note))
        files[key] = relation
        return relation
    }

    func function(
        _ name: String, _ arguments: [Value], _ named: [(String, Value)],
        _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        guard case .text(let path)? = arguments.first else {
            throw SQLError("\(name) wants a path", .invalidParameterValue, at: reference.place)
        }
        return try file(path, options: [:], reference, wanted)
    }

    func source(
        _ definition: TableDefinition, _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        var options: [String: String] = [:]
        for option in definition.options { options[option.name.text.lowercased()] = option.value }
        guard options["connector"]?.lowercased() == "file", let path = options["path"] else {
            throw SQLError(
                "connector \"\(options["connector"] ?? "")\" is not supported yet",
                .featureNotSupported, at: definition.place, hint: "Connectors: file.")
        }
        return try file(path, options: options, reference, nil)
    }
}
