import Formats

/// Looks at the first bytes of an input: first for its format, then for its columns.
struct SampleInProgress {
    private let options: InputOptions
    private let rowsMin: Int
    private var sampler: JSONSampler?
    private var framing = JSONFraming.lines

    init(_ options: InputOptions, rowsMin: Int) {
        self.options = options
        self.rowsMin = rowsMin
    }

    var isDone: Bool { sampler?.isDone ?? false }

    /// `bytes`: all that came so far.
    mutating func observe(_ bytes: InputBlock, isLast: Bool) {
        if sampler == nil, let found = JSONFraming.detect(bytes.bytes, isLast: isLast) {
            framing = found
            sampler = JSONSampler(framing: found, wanted: options.wanted, rowsMin: rowsMin)
        }
        sampler?.observe(bytes.bytes, isLast: isLast)
    }

    func finish() -> InputSchema {
        InputSchema(sampler?.schema ?? SampledSchema(), format: .json, framing: framing)
    }

    /// Rows in so many bytes, if they go on like this.
    func rows(in bytes: Int64) -> Int? {
        guard let sampler, sampler.position > 0 else { return nil }
        return Int(Double(bytes) * Double(sampler.schema.rows) / Double(sampler.position))
    }
}

/// The first rows of files, read to learn their columns.
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
        var sample = SampleInProgress(options, rowsMin: fileRowsMin)
        var bytes = InputBlock(capacity: 256 * 1024)
        while !sample.isDone {
            let isMore = try file.read(into: &bytes)
            sample.observe(bytes, isLast: !isMore)
            if !isMore { break }
        }
        return InputSample(
            schema: sample.finish(), estimatedRows: file.size.flatMap { sample.rows(in: $0) })
    }
}
