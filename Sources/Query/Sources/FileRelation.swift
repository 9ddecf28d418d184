import Aggregation
import Formats
import Platform

/// Files as a relation: one, or several that are read one after the other as one input.
public final class FileRelation: SourceRelation, EnvelopeRecords, KnownColumnsRelation {
    public let name: String
    public let time: TimeDeclaration? = nil
    public let isEndless = false
    public let isAppendOnly = true
    public let key: [Int]? = nil
    public let estimatedRows: Int?
    let paths: [String]
    let schema: InputSchema
    private let isStrict: Bool

    public var envelopes: EnvelopeSchema? { schema.envelopes }
    public var known: KnownColumns { schema.known }
    public var columns: [RelationColumn] { schema.columns }

    private init(
        _ name: String, _ paths: [String], _ schema: InputSchema, _ options: InputOptions,
        estimatedRows: Int?
    ) {
        self.name = name
        self.paths = paths
        self.schema = schema
        self.estimatedRows = estimatedRows
        isStrict = options.isStrict
    }

    /// Opens the files to look at their first rows. `name` is what the query calls them; paths may
    /// hold `*`, `?` and `[...]`.
    public static func make(
        _ name: String, paths patterns: [String], options: InputOptions
    ) throws(SQLError) -> FileRelation {
        var paths: [String] = []
        for pattern in patterns { paths += try PathPattern.expand(pattern) }
        let sample = try InputSample.take(paths, options)
        let schema = options.known.map { InputSchema($0, sampled: sample.schema) }
        return FileRelation(
            name, paths, schema ?? sample.schema, options, estimatedRows: sample.estimatedRows)
    }

    public func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        FileSource(
            paths, schema, schema.readColumns(scan), isStrict: isStrict, context: context)
    }
}
