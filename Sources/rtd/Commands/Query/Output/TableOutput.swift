import Formats
import Platform
import Query

/// Shows rows as an aligned table: gathered until the query ends, so that columns are as wide as
/// what they hold. Where rows may be long in coming they are shown as they come, under names that
/// are written once.
final class TableOutput: ResultOutput {
    private let table: AlignedTable
    /// Shows a result that is longer than the screen; nil: nothing does.
    private let pager: Pager?
    private var result = ResultTable([])
    private var changes: ChangeLines?
    private var mayWait = false
    private var widths: [Int] = []
    private var settings = TextSettings()
    private var shownRows = 0
    private(set) var isClosed = false

    let takesOtherTypes = true
    var mayBeginAgain: Bool { shownRows == 0 }

    /// Rows that wait for the end; behind them the widths stay as they are.
    private static let gatheredMax = 100_000

    init(_ table: AlignedTable, pager: Pager? = nil) {
        self.table = table
        self.pager = pager
    }

    func use(_ settings: TextSettings) { self.settings = settings }

    func prepare(mayWait: Bool, isEndless: Bool) { self.mayWait = mayWait }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        var shown = columns.map { ResultTable.Column($0.name, isNumeric: $0.type.isNumber) }
        if isChangelog {
            changes = ChangeLines(key: key)
            shown.insert(ResultTable.Column("_op"), at: 0)
        }
        result = ResultTable(shown)
        widths = []
        shownRows = 0
    }

    func write(_ batch: Batch) throws(SQLError) {
        if let changes { return changes.add(batch) }
        try add(batch)
    }

    private func add(_ batch: Batch) throws(SQLError) {
        for row in 0..<batch.count {
            let cells = batch.columns.map { ResultTable.Cell(RowText.text($0, row, settings)) }
            for _ in 0..<max(0, batch.weight(row)) { result.rows.append(cells) }
        }
        if result.rows.count >= Self.gatheredMax { try show() }
    }

    func endStep() throws(SQLError) {
        guard let changes else { return }
        for batch in changes.take() { try add(batch) }
    }

    func flush() throws(SQLError) {
        if mayWait, !result.rows.isEmpty { try show() }
    }

    /// Writes the rows that have come since.
    private func show() throws(SQLError) {
        let (text, widths) = table.part(result, after: shownRows, widths: widths)
        self.widths = widths
        shownRows += result.rows.count
        result.rows = []
        try write(text)
    }

    func end() throws(SQLError) {
        if shownRows == 0 {
            let text = table.text(result)
            result.rows = []
            if let pager, pager.isNeeded(for: text), pager.show(text) { return }
            return try write(text)
        }
        if !result.rows.isEmpty { try show() }
        try write(table.footer(rows: shownRows))
    }

    private func write(_ text: String) throws(SQLError) {
        guard !isClosed else { return }
        do throws(SystemError) {
            try StandardOutput.write(text)
        } catch {
            isClosed = error.isBrokenPipe
            if !isClosed { throw SQLError(error.description, .inputOutputError) }
        }
    }
}
