import Aggregation
import Formats
import Platform

/// The columns of an input, as the sample found them and as later values widened them. Shared by a
/// relation and the sources that it opened.
final class InputSchema: WideningColumns, @unchecked Sendable {
    /// Everything but the types is fixed.
    private let form: InputForm
    private let wholeValue: Int?
    private let lock = Lock()
    private var fields: [Field]
    private var clashes: ClashedTypes

    /// There are more columns than these.
    let isCut: Bool
    private let holdsEnvelopes: Bool
    /// What the first envelope says of its columns.
    let envelopes: EnvelopeSchema?

    init(
        _ sample: SampledSchema, _ form: InputForm, holdsEnvelopes: Bool = false,
        _ envelopes: EnvelopeSchema? = nil
    ) {
        self.envelopes = envelopes
        fields = sample.fields
        isCut = sample.isCut
        clashes = ClashedTypes(sample.majorities)
        self.holdsEnvelopes = holdsEnvelopes
        self.form = form
        wholeValue = sample.wholeValue
    }

    /// As an earlier run knew them. `sampled`: what the input says of itself now.
    convenience init(_ known: KnownColumns, sampled: InputSchema? = nil) {
        var sample = SampledSchema()
        sample.fields = known.fields
        sample.wholeValue = known.wholeValue
        self.init(
            sample, known.form ?? sampled?.form ?? .json(.lines),
            holdsEnvelopes: sampled?.holdsEnvelopes ?? false, sampled?.envelopes)
    }

    /// For the next run.
    var known: KnownColumns {
        KnownColumns(form: form, fields: current, wholeValue: wholeValue)
    }

    /// Rows can be read from the middle of the input on.
    var isResumable: Bool {
        if case .json(let framing) = form { return framing == .lines }
        return true
    }

    var isJSON: Bool {
        if case .json = form { return true }
        return false
    }

    var current: [Field] { lock.withLock { fields } }

    /// From the next opening on, the field of the misfit takes it.
    func widen(_ misfit: Misfit) {
        lock.withLock {
            clashes.note(misfit, from: fields[misfit.field].type)
            if holdsEnvelopes {
                EnvelopeWidening.widen(&fields, misfit.field, to: misfit.type)
            } else {
                fields[misfit.field].type = misfit.type
            }
        }
    }

    func isKept(_ field: Int) -> Bool { lock.withLock { clashes.kept.contains(field) } }

    func narrowClashes() -> Bool { lock.withLock { clashes.narrow(&fields) } }

    func restore(_ fields: [Field]) { lock.withLock { self.fields = fields } }

    private static let hidden = [("_file", DataType.text), ("_line", DataType.bigint)]

    /// The columns of the relation: the fields, then those that are not part of `*`.
    var columns: [RelationColumn] {
        let fields = current
        var columns = fields.map { RelationColumn($0.name, $0.type) }
        for (name, type) in InputSchema.hidden where !fields.contains(where: { $0.name == name }) {
            columns.append(RelationColumn(name, type, isHidden: true))
        }
        return columns
    }

    func readColumns(_ scan: ScanPlan) -> [ReadColumn] {
        let columns = columns
        let count = current.count
        return scan.columns.map { column in
            if column.index < count { return .value(field: column.index, path: column.path) }
            return columns[column.index].name == "_file" ? .file : .line
        }
    }

    func reader(
        _ columns: [ReadColumn], name: String, context: SourceContext
    ) -> any RowReader {
        let skips = context.onError == .skip
        switch form {
        case .json(let framing):
            var options = JSONReader.Options()
            options.framing = framing
            options.skipsErrors = skips
            options.wholeValue = wholeValue
            options.name = name
            return JSONReader(fields: current, columns: columns, options: options)
        case .csv(let separator, let hasHeader):
            return CSVReader(
                fields: current, columns: columns, separator: separator, hasHeader: hasHeader,
                name: name, skipsErrors: skips)
        case .lines: return LineReader(columns: columns, name: name, skipsErrors: skips)
        case .logfmt:
            return LogfmtReader(fields: current, columns: columns, name: name, skipsErrors: skips)
        }
    }
}
