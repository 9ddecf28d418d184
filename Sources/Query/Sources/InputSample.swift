import Formats

/// Looks at the first bytes of an input: first for its format, then for its columns.
struct SampleInProgress {
    private let options: InputOptions
    private let rowsMin: Int
    private var sampler: (any InputSampler)?
    private var form: InputForm?
    private var envelopes: EnvelopeSchema?
    /// What was seen is more than white space.
    private var hasText = false
    /// The input ended before it should, which its reader says.
    var isDamaged = false

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
        if !hasText { hasText = bytes.bytes.hasText }
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

    /// What is looked at next are the first bytes of another file.
    mutating func fileBegan() { sampler?.fileBegan() }

    struct Result {
        var schema: InputSchema
        /// Of the expected columns those that have not come.
        var missing: [String] = []
        /// Names of the columns if there were no rows, so that nothing tells their types.
        var emptyColumns: [String]?
        /// Rows came that cannot be read.
        var isBroken = false
    }

    /// With the columns of `expected` that have not come.
    func finish(
        adding expected: Set<String>, _ paths: Set<[String]> = []
    ) -> Result {
        var form = form ?? .json(.lines)
        var sample = sampler?.schema ?? SampledSchema()
        var missing: [String] = []
        if sample.rows == 0, !options.readsEnvelopes {
            // No bytes look like any format: lines are what is asked for as such.
            if case .lines = form, options.format == nil, !isReadAsLines {
                var result = finishEmpty(SampledSchema(), .json(.lines))
                // The reader says what is wrong with it.
                if hasText || isDamaged { result.emptyColumns = nil }
                return result
            }
            if case .lines = form {
            } else {
                var result = finishEmpty(sample, form)
                if isDamaged { result.emptyColumns = nil }
                return result
            }
        }
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
            if sample.wholeValue == nil { missing = sample.add(expected: expected, paths) }
        case .csv: break
        }
        let schema = InputSchema(
            sample, form, holdsEnvelopes: options.readsEnvelopes, envelopes)
        return Result(schema: schema, missing: missing)
    }

    /// Text of no known format is lines, if the query asks for nothing else; where lines that
    /// cannot be read are left out, JSON may follow.
    private var isReadAsLines: Bool {
        guard hasText, !options.skipsErrors else { return false }
        let names = LineReader.fields.map(\.name) + ["_file", "_line"]
        return options.wanted.map { $0.isSubset(of: names) } ?? true
    }

    /// Whatever the query speaks of could have come.
    private func finishEmpty(_ sample: SampledSchema, _ form: InputForm) -> Result {
        var sample = sample
        var form = form
        if case .csv(let separator, _) = form {
            form = .csv(
                separator: separator, hasHeader: (sampler as? CSVSampler)?.hasHeader ?? true)
        }
        if sample.fields.isEmpty, let wanted = options.wanted {
            let names = wanted.union(options.expected).subtracting(["_file", "_line"])
            sample.fields = names.sorted().map { Field($0, .json) }
        }
        for index in sample.fields.indices {
            guard let type = options.emptyTypes[sample.fields[index].name] else { continue }
            sample.fields[index].type = type
        }
        return Result(
            schema: InputSchema(sample, form), emptyColumns: sample.fields.map(\.name),
            isBroken: sample.brokenRows > 0)
    }

    /// Rows in so many bytes, if they go on like this.
    func rows(in bytes: Int64) -> Int? {
        guard let sampler, sampler.position > 0 else { return nil }
        return Int(Double(bytes) * Double(sampler.schema.rows) / Double(sampler.position))
    }
}

extension RawSpan {
    fileprivate var hasText: Bool {
        for index in 0..<byteCount where byte(at: index) > 0x20 { return true }
        return false
    }
}

/// The first rows of files, read to learn their columns.
struct InputSample {
    var result: SampleInProgress.Result
    var estimatedRows: Int?

    static func tooManyColumns(_ name: String) -> SQLError {
        SQLError(
            "\(name) has more than \(FormatLimits.sampledColumnsMax) columns", .tooManyColumns,
            hint: "Name those that are wanted.")
    }

    /// Rows that are looked at in a file even if all names have had values.
    static let fileRowsMin = 1_000

    static func take(_ paths: [String], _ options: InputOptions) throws(SQLError) -> InputSample {
        guard let first = paths.first else {
            throw SQLError("no file is named", .undefinedFile)
        }
        var told = options
        if told.format == nil { told.format = InputFormat.of(path: first) }
        var sample = SampleInProgress(told, rowsMin: fileRowsMin)
        var estimatedRows = try look(at: first, &sample)
        // A name may come in a later file only, and so may the first row.
        for path in paths.dropFirst() {
            sample.fileBegan()
            guard !sample.isDone else { break }
            let more = try look(at: path, &sample)
            estimatedRows = estimatedRows ?? more
        }
        return InputSample(result: sample.finish(adding: []), estimatedRows: estimatedRows)
    }

    /// Gives how many rows the file may have.
    private static func look(
        at path: String, _ sample: inout SampleInProgress
    ) throws(SQLError) -> Int? {
        let file = try InputFileReader(path)
        defer {
            if file.damage != nil { sample.isDamaged = true }
            file.close()
        }
        var bytes = InputBlock(capacity: 256 * 1024)
        while !sample.isDone {
            let isMore = try file.read(into: &bytes)
            sample.observe(bytes, isLast: !isMore)
            if !isMore { break }
        }
        return file.size.flatMap { sample.rows(in: $0) }
    }
}
