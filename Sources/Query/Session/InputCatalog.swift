import Aggregation
import Formats
import Platform
import SQL

/// Files and stdin as relations: what a path, a function of FROM or a source's WITH means.
///
/// Relations are kept for the statement that bound them, so that a statement which is run again
/// with a wider type finds what was learnt.
final class InputCatalog {
    let environment: SessionEnvironment
    private var files: [String: any SourceRelation] = [:]
    private var topics: [String: any SourceRelation] = [:]
    /// Stdin, once a statement has named it.
    private var feed: InputFeed?
    private var emptyColumns = EmptyColumns()
    /// A topic that is followed has no records, and their types are needed.
    private var hasEmptyStream = false
    private var waitsForRows = false
    /// Of the inputs of a query with --state.
    let kept: KeptColumns?

    init(_ environment: SessionEnvironment) {
        self.environment = environment
        kept = environment.stateDirectory.map { KeptColumns(of: $0) }
    }

    /// What window functions add, which no input has.
    static let windowNames: Set<String> = ["window_start", "window_end", "window_time"]

    /// A statement begins: files may have changed since the last one.
    func forgetFiles() {
        (files, topics) = ([:], [:])
        emptyColumns = EmptyColumns()
        (hasEmptyStream, waitsForRows) = (false, false)
        kept?.forgetUse()
    }

    /// A statement does not go with the types of columns that have no rows; false if there are none
    /// or all types were tried.
    func tryOtherTypes() -> Bool {
        if hasEmptyStream, !waitsForRows {
            waitsForRows = true
            topics = [:]
            return true
        }
        guard emptyColumns.advance() else { return false }
        (files, topics) = ([:], [:])
        return true
    }

    /// A statement does not go with columns of several kinds of values, and lines that cannot be
    /// read are to be left out: so are those whose values are of another kind than most.
    func narrowClashes() -> Bool {
        guard environment.onError == .skip else { return false }
        var isNarrowed = false
        for relation in Array(files.values) + Array(topics.values) where relation.narrowClashes() {
            isNarrowed = true
        }
        return isNarrowed
    }

    func file(
        _ path: String, options: [String: String], _ reference: RelationReference,
        _ wanted: Set<String>?, isEnvelope: Bool = false
    ) throws(SQLError) -> any SourceRelation {
        if options["format"] == nil { try Self.refuseLater(path, reference.place) }
        let isStandardInput = path == "-" || path == "/dev/stdin"
        let isFollowed = reference.isStream && !isStandardInput
        var input = InputOptions()
        input.isStrict = environment.isStrict
        input.skipsErrors = environment.onError == .skip
        input.wanted = wanted?.subtracting(Self.windowNames)
        input.expected = reference.expected.subtracting(Self.windowNames)
        input.expectedPaths = reference.expectedPaths
        input.format = isEnvelope ? .json : try format(options, reference.place)
        input.readsEnvelopes = isEnvelope
        input.emptyTypes = emptyColumns.types
        // What was sampled for some names serves a query for others only if it looked for all.
        let names = wanted.map { $0.sorted().joined(separator: "\u{0}") } ?? "*"
        let key = "\(path)\u{0}\(isFollowed)\u{0}\(isEnvelope)\u{0}\(names)"
        if let known = files[key] { return known }
        input.known = kept?.columns(of: key)
        let found: any SampledRelation
        var opensAgain = true
        if isStandardInput {
            if input.format == nil {
                input.format = environment.inputFormat.flatMap { InputFormat(named: $0) }
            }
            found = try standardInput(input, isEndless: reference.isStream)
        } else if isFollowed {
            found = try followed(path, input, reference.place)
        } else if let pipe = try pipe(path, input) {
            found = pipe
            opensAgain = false
        } else {
            found = try FileRelation.make(path, paths: [path], options: input)
        }
        if let columns = found.emptyColumns {
            if emptyColumns.isFirstTry, !reference.isStream, !found.isBroken {
                environment.note("\(found.name) has no rows")
            }
            // Other types are tried by opening it once more.
            if opensAgain { emptyColumns.add(columns) }
        }
        if let found = found as? any KnownColumnsRelation { kept?.use(found, as: key) }
        let relation = TimedRelation.declaring(environment.time, found)
        files[key] = relation
        return relation
    }

    /// Files of formats that come later, by their endings.
    private static func refuseLater(_ path: String, _ place: Range<Int>) throws(SQLError) {
        for (ending, format) in [("parquet", "Parquet"), ("avro", "Avro"), ("orc", "ORC")]
        where path.lowercased().hasSuffix("." + ending) {
            throw SQLError(
                "\(format) files are not supported yet", .featureNotSupported, at: place)
        }
    }

    /// nil: there is no such topic.
    func topic(_ reference: TopicReference) throws(SQLError) -> (any SourceRelation)? {
        var reference = reference
        let wanted = reference.wanted.map { $0.sorted().joined(separator: "\u{0}") } ?? "*"
        let key = [
            "topic", reference.brokers ?? "", reference.name, "\(reference.form)",
            "\(reference.isStream)", "\(reference.isAvro)", reference.registry ?? "", wanted,
        ].joined(separator: "\u{0}")
        if let known = topics[key] { return known }
        reference.known = kept?.columns(of: key)
        reference.emptyTypes = emptyColumns.types
        // Nothing else tells what `*` is.
        reference.waitsForRows = waitsForRows || reference.wanted == nil
        reference.stop = environment.stop
        let found = try environment.topics?.relation(reference)
        topics[key] = found
        if let columns = (found as? any SampledRelation)?.emptyColumns {
            if reference.isStream, !waitsForRows || !environment.stop.isSet {
                hasEmptyStream = true
            } else {
                if emptyColumns.isFirstTry { environment.note("\(reference.name) has no rows") }
                emptyColumns.add(columns)
            }
        }
        if let found = found as? any KnownColumnsRelation { kept?.use(found, as: key) }
        return found
    }

    private func standardInput(
        _ input: InputOptions, isEndless: Bool
    ) throws(SQLError) -> any SampledRelation {
        let feed = feed ?? InputFeed.standardInput()
        self.feed = feed
        return try FeedRelation.make(
            feed, options: input, isEndless: isEndless, stop: environment.stop,
            note: environment.note)
    }

    /// What cannot be opened twice: a named pipe, the shell's `<(command)`; nil: a file.
    private func pipe(
        _ path: String, _ input: InputOptions
    ) throws(SQLError) -> (any SampledRelation)? {
        let system = POSIXFileSystem()
        guard InputFile.status(of: path) == nil, system.exists(path), !system.isDirectory(path)
        else { return nil }
        let file: InputFile
        do {
            file = try InputFile.open(path)
        } catch {
            throw InputFileReader.failure(error, path)
        }
        return try FeedRelation.make(
            InputFeed(PipeBytes(file)), options: input, stop: environment.stop,
            note: environment.note)
    }

    /// A file without end: what is appended to it comes as it is written.
    private func followed(
        _ pattern: String, _ input: InputOptions, _ place: Range<Int>
    ) throws(SQLError) -> any SampledRelation {
        let paths = try PathPattern.expand(pattern)
        guard paths.count == 1, let path = paths.first else {
            throw SQLError(
                "\"\(pattern)\" names \(paths.count) files, and STREAM follows one",
                .featureNotSupported, at: place, hint: "Put UNION ALL between them.")
        }
        var told = input
        if told.format == nil { told.format = InputFormat.of(path: path) }
        let feed = InputFeed(try FollowedFile(path, environment.note))
        let (note, skips) = (environment.note, environment.onError == .skip)
        return try FeedRelation.make(
            feed, options: told, isEndless: true, stop: environment.stop, note: note
        ) { place throws(SQLError) in
            InputFeed(try FollowedFile(path, note, from: place, skips: skips))
        }
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
}
