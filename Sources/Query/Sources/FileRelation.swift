import Aggregation
import Formats
import Platform

/// Files as a relation: one, or several that are read one after the other as one input.
public final class FileRelation: SourceRelation {
    public let name: String
    public let time: TimeDeclaration? = nil
    public let isEndless = false
    public let isAppendOnly = true
    public let key: [Int]? = nil
    public let estimatedRows: Int?
    let paths: [String]
    let schema: InputSchema
    private let isStrict: Bool

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

    /// Opens the files to look at their first rows. `name` is what the query calls them.
    public static func make(
        _ name: String, paths: [String], options: InputOptions
    ) throws(SQLError) -> FileRelation {
        let sample = try InputSample.take(paths, options)
        return FileRelation(
            name, paths, sample.schema, options, estimatedRows: sample.estimatedRows)
    }

    public func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        FileSource(
            paths, schema, schema.readColumns(scan), isStrict: isStrict, context: context)
    }
}

/// The first rows of an input, read to learn its columns.
struct InputSample {
    var schema: InputSchema
    var estimatedRows: Int?

    /// Rows that are looked at in a file even if all names have had values.
    static let fileRowsMin = 1_000

    static func take(_ paths: [String], _ options: InputOptions) throws(SQLError) -> InputSample {
        guard let first = paths.first else {
            throw SQLError("no file is named", .undefinedFile)
        }
        let file = try InputFileReader(first)
        defer { file.close() }
        var sampler: JSONSampler?
        var framing = JSONFraming.lines
        var bytes = InputBlock(capacity: 256 * 1024)
        while true {
            let isLast = try !file.read(into: &bytes)
            if sampler == nil, let found = JSONFraming.detect(bytes.bytes, isLast: isLast) {
                framing = found
                sampler = JSONSampler(
                    framing: framing, wanted: options.wanted, rowsMin: fileRowsMin)
            }
            sampler?.observe(bytes.bytes, isLast: isLast)
            if isLast || sampler?.isDone == true { break }
        }
        let sample = sampler?.schema ?? SampledSchema()
        var rows: Int?
        if let sampler, let size = file.size, sampler.position > 0 {
            rows = Int(Double(size) * Double(sample.rows) / Double(sampler.position))
        }
        return InputSample(
            schema: InputSchema(sample, format: .json, framing: framing), estimatedRows: rows)
    }
}
