import Formats

/// Looks at the first bytes of an input: first for its format, then for its columns.
struct SampleInProgress {
    private let options: InputOptions
    private let rowsMin: Int
    private var sampler: (any InputSampler)?
    private var form: InputForm?
    private var envelopes: EnvelopeSchema?

    init(_ options: InputOptions, rowsMin: Int) {
        self.options = options
        self.rowsMin = rowsMin
    }

    var isDone: Bool {
        if case .lines? = form { return true }
        return sampler?.isDone ?? false
    }

    var hasRows: Bool { (sampler?.position ?? 0) > 0 }

    /// Nothing more need be waited for; what is there already may still say more.
    var isSufficient: Bool {
        if case .lines? = form { return true }
        return sampler?.isSufficient ?? false
    }

    /// `bytes`: all that came so far.
    mutating func observe(_ bytes: InputBlock, isLast: Bool) {
        if form == nil { begin(bytes, isLast) }
        if options.readsEnvelopes, envelopes == nil {
            envelopes = EnvelopeSchema(firstOf: bytes.bytes)
        }
        sampler?.observe(bytes, isLast: isLast)
    }

    private mutating func begin(_ bytes: InputBlock, _ isLast: Bool) {
        var format = options.format
        if format == nil || format == .csv(separator: nil, hasHeader: nil) {
            guard let sniffed = SniffedFormat.detect(bytes, isLast: isLast) else { return }
            switch (sniffed, format) {
            case (.csv(let separator), _): format = .csv(separator: separator, hasHeader: nil)
            case (_, .csv?): format = .csv(separator: 0x2c, hasHeader: nil)
            case (.json, _): format = .json
            case (.logfmt, _): format = .logfmt
            case (.lines, _): format = .lines
            }
        }
        switch format {
        case .csv(let known, let hasHeader):
            var separator = known ?? 0x2c
            if known == nil, case .csv(let found)? = SniffedFormat.detect(bytes, isLast: isLast) {
                separator = found
            }
            sampler = CSVSampler(
                separator: separator, hasHeader: hasHeader, wanted: options.wanted,
                rowsMin: rowsMin)
            form = .csv(separator: separator, hasHeader: hasHeader ?? true)
        case .logfmt:
            sampler = LogfmtSampler(wanted: options.wanted, rowsMin: rowsMin)
            form = .logfmt
        case .lines: form = .lines
        case .json, nil:
            guard let framing = JSONFraming.detect(bytes.bytes, isLast: isLast) else { return }
            sampler = JSONSampler(
                framing: framing, wanted: options.wanted, rowsMin: rowsMin,
                readsEnvelopes: options.readsEnvelopes)
            form = .json(framing)
        }
    }

    func finish() -> InputSchema { finish(adding: []).schema }

    /// With the columns of `expected` that have not come, whose names it gives.
    func finish(adding expected: Set<String>) -> (schema: InputSchema, missing: [String]) {
        var form = form ?? .json(.lines)
        var sample = sampler?.schema ?? SampledSchema()
        var missing: [String] = []
        if case .csv(let separator, _) = form, let csv = sampler as? CSVSampler {
            form = .csv(separator: separator, hasHeader: csv.hasHeader ?? true)
        }
        switch form {
        case .lines: sample.fields = LineReader.fields
        case .json where options.readsEnvelopes:
            sample.completeEnvelope((options.wanted ?? []).sorted())
            if ChangeEnvelope(sample.fields) != nil { sample.addUnavailable() }
        case .json, .logfmt:
            // A row that is no object has no such columns.
            if sample.wholeValue == nil { missing = sample.add(expected: expected) }
        case .csv: break
        }
        let schema = InputSchema(
            sample, form, holdsEnvelopes: options.readsEnvelopes, envelopes)
        return (schema, missing)
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
        var told = options
        if told.format == nil { told.format = InputFormat.of(path: first) }
        var sample = SampleInProgress(told, rowsMin: fileRowsMin)
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
