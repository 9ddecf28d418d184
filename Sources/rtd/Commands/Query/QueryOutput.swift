import Formats
import Platform
import Query

/// Where answers go: rows to stdout, tags and notices to stderr.
struct QueryOutput: Sendable {
    private var format: QueryOptions.Format
    private var table: AlignedTable
    private let showsTags: Bool
    private let showsNotices: Bool
    private var null: String?
    private let hasHeader: Bool
    private let isTerminal: Bool
    /// At the prompt.
    var pager: Pager?

    init(_ options: QueryOptions) {
        isTerminal = StandardOutput.isTerminal
        format = options.format ?? (isTerminal ? .table : .json)
        var table = AlignedTable()
        table.columns = StandardOutput.columns
        let noColour = ProcessEnvironment.value("NO_COLOR") ?? ""
        table.isColoured = isTerminal && noColour.isEmpty
        self.table = table
        let isQuiet = options.reporting.isQuiet
        showsTags = options.reporting.isVerbose || (StandardError.isTerminal && !isQuiet)
        showsNotices = !isQuiet
        null = options.null
        hasHeader = !options.hasNoHeader
    }

    /// `\x` of the prompt.
    var isExpanded: Bool {
        get { table.isExpanded }
        set { table.isExpanded = newValue }
    }

    /// `\pset` of the prompt: gives what is said of it.
    mutating func set(_ name: String, _ value: String) -> String {
        switch name {
        case "format":
            // psql's names for what is the same.
            let named = ["aligned": "table", "unaligned": "tsv"][value] ?? value
            guard let other = QueryOptions.Format(rawValue: named) else {
                let all = QueryOptions.Format.allCases.map(\.rawValue).joined(separator: ", ")
                return "The format is \(format.rawValue); there are \(all)."
            }
            format = other
            return "The format is \(format.rawValue)."
        case "null":
            null =
                value.count > 1 && value.first == "'" && value.last == "'"
                ? String(value.dropFirst().dropLast()) : value
            return "NULL is \"\(null ?? "")\" in csv and tsv."
        default:
            pager = value == "off" || (value.isEmpty && pager != nil) ? nil : Pager()
            return "The pager is \(pager == nil ? "off" : "on")."
        }
    }

    /// The output for the rows of one statement.
    func rows() -> any ResultOutput {
        switch format {
        case .table:
            TableOutput(
                table, pager: pager, screenRows: isTerminal ? StandardOutput.rows ?? 24 : nil)
        case .debezium: ChangeOutput(.debezium, StandardOutputTarget())
        case .upsert: ChangeOutput(.upsert, StandardOutputTarget())
        case .chart:
            ChartOutput(
                width: StandardOutput.columns ?? 80, rowsMax: StandardOutput.rows ?? 24,
                isTerminal: isTerminal)
        case .json: LinesOutput(.json, StandardOutputTarget())
        case .csv:
            LinesOutput(
                .csv(separator: UInt8(ascii: ","), null: null ?? "", hasHeader: hasHeader),
                StandardOutputTarget())
        case .tsv:
            LinesOutput(
                .tsv(null: null ?? "\\N", hasHeader: hasHeader), StandardOutputTarget())
        case .none: Discarded()
        }
    }

    /// False when the reader of stdout has left.
    func write(_ outcome: StatementOutcome, tag: String) throws(StatementError) -> Bool {
        if showsNotices {
            for notice in outcome.notices { StandardError.write(line: "rtd: \(notice)") }
        }
        guard let rows = outcome.table else {
            writeTag(tag)
            return true
        }
        do throws(SystemError) {
            try StandardOutput.write(text(rows))
            return true
        } catch {
            if error.isBrokenPipe { return false }
            throw .command(CommandFailure(error))
        }
    }

    /// Rows are shown as people read them.
    var isForPeople: Bool { format == .table || format == .chart }

    func writeTag(_ tag: String) {
        if showsTags { StandardError.write(line: "rtd: \(tag)") }
    }

    private func text(_ rows: ResultTable) -> String {
        var buffer = OutputBuffer()
        switch format {
        case .table, .chart: return table.text(rows)
        case .json, .debezium, .upsert: rows.appendJSON(to: &buffer)
        case .csv: rows.appendCSV(to: &buffer)
        case .tsv: rows.appendTSV(to: &buffer)
        case .none: break
        }
        return buffer.bytes.text(0..<buffer.count)
    }
}
