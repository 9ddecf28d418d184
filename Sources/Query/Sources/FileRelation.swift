import Aggregation
import Formats
import Platform

/// Files as a relation: one, or several that are read one after the other as one input.
public final class FileRelation: SampledRelation, EnvelopeRecords, KnownColumnsRelation {
    public let name: String
    public let time: TimeDeclaration? = nil
    public let isEndless = false
    public let isAppendOnly = true
    public let key: [Int]? = nil
    public let estimatedRows: Int?
    let paths: [String]
    let schema: InputSchema
    private let isStrict: Bool
    public let emptyColumns: [String]?
    public let isBroken: Bool

    public var envelopes: EnvelopeSchema? { schema.envelopes }
    public var known: KnownColumns { schema.known }
    public var columns: [RelationColumn] { schema.columns }
    public var givesJSONText: Bool { schema.isJSON }

    private init(
        _ name: String, _ paths: [String], _ sample: InputSample, _ options: InputOptions
    ) {
        self.name = name
        self.paths = paths
        schema = sample.result.schema
        emptyColumns = sample.result.emptyColumns
        isBroken = sample.result.isBroken
        estimatedRows = sample.estimatedRows
        isStrict = options.isStrict
    }

    /// Opens the files to look at their first rows. `name` is what the query calls them; paths may
    /// hold `*`, `?` and `[...]`.
    public static func make(
        _ name: String, paths patterns: [String], options: InputOptions
    ) throws(SQLError) -> FileRelation {
        var paths: [String] = []
        for pattern in patterns { paths += try PathPattern.expand(pattern) }
        try checkFormats(paths, options)
        var sample = try InputSample.take(paths, options)
        if sample.result.schema.isCut, options.wanted == nil {
            throw InputSample.tooManyColumns(name)
        }
        if let known = options.known {
            sample.result.schema = InputSchema(known, sampled: sample.result.schema)
        }
        return FileRelation(name, paths, sample, options)
    }

    /// The files of a pattern are read in one format.
    private static func checkFormats(
        _ paths: [String], _ options: InputOptions
    ) throws(SQLError) {
        guard options.format == nil, let first = paths.first else { return }
        let format = InputFormat.of(path: first)
        for path in paths.dropFirst() {
            guard let other = InputFormat.of(path: path), let format, other != format else {
                continue
            }
            throw SQLError(
                "\(first) and \(path) are of different formats", .featureNotSupported,
                hint: "Put UNION ALL between them, or name the format: read_json('...').")
        }
    }

    public func narrowClashes() -> Bool { schema.narrowClashes() }

    public func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        FileSource(
            paths, schema, schema.readColumns(scan), isStrict: isStrict, context: context)
    }
}

/// A relation whose columns its first rows tell.
public protocol SampledRelation: SourceRelation {
    /// Names of the columns if there were no rows, so that nothing tells their types; nil: there
    /// were.
    var emptyColumns: [String]? { get }
    /// Rows came that the reader will not take: it says why.
    var isBroken: Bool { get }
}

extension SampledRelation {
    public var isBroken: Bool { false }
}
