import Formats
import Platform
import Query

/// Shows rows as an aligned table: gathered until the query ends, so that columns are as wide as
/// what they hold. Where rows may be long in coming they are shown as they come, under names that
/// are written once; on a terminal the rows of a result that changes are drawn again in their
/// place.
final class TableOutput: ResultOutput {
    private let table: AlignedTable
    /// Shows a result that is longer than the screen; nil: nothing does.
    private let pager: Pager?
    private var result = ResultTable([])
    private var changes: StepChanges?
    private var mayWait = false
    /// Lines of the terminal; nil: there is none.
    private let screenRows: Int?
    private var live: LiveRows?
    private var order: [ResultOrder] = []
    private let clock = SystemClock()
    private var drawnLines = 0
    private var drawnAt: Int64 = 0
    private(set) var isBehind = false
    private static let frameNanoseconds: Int64 = 100_000_000
    private var widths: [Int] = []
    private var settings = TextSettings()
    private var shownRows = 0
    private(set) var isClosed = false

    let takesOtherTypes = true
    var showsWhatStands: Bool { screenRows != nil }
    var mayBeginAgain: Bool { shownRows == 0 }

    /// Rows that wait for the end; behind them the widths stay as they are.
    private static let gatheredMax = 100_000

    init(_ table: AlignedTable, pager: Pager? = nil, screenRows: Int? = nil) {
        self.screenRows = screenRows
        self.table = table
        self.pager = pager
    }

    func use(_ settings: TextSettings) { self.settings = settings }

    func prepare(mayWait: Bool, isEndless: Bool) { self.mayWait = mayWait }

    func sort(by order: [ResultOrder]) { self.order = order }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        (live, changes, drawnLines, isBehind) = (nil, nil, 0, false)
        var shown = columns.map { ResultTable.Column($0.name, isNumeric: $0.type.isNumber) }
        if isChangelog, mayWait, screenRows != nil {
            live = LiveRows(key: key, order: order)
        } else if isChangelog {
            changes = StepChanges(key: key)
            shown.insert(ResultTable.Column("_op"), at: 0)
        }
        result = ResultTable(shown)
        widths = []
        shownRows = 0
    }

    func write(_ batch: Batch) throws(SQLError) {
        if live != nil {
            live?.add(batch)
            return
        }
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
        if live?.take(settings) == true { isBehind = true }
        guard let changes else { return }
        for batch in changes.takeLines() { try add(batch) }
    }

    func flush() throws(SQLError) {
        if live != nil { return try draw(isLast: false) }
        if mayWait, !result.rows.isEmpty { try show() }
    }

    /// Draws the rows over those that were drawn before, ten times a second at most.
    private func draw(isLast: Bool) throws(SQLError) {
        guard let live, let screenRows, isBehind || isLast else { return }
        let now = clock.monotonicNanoseconds
        guard isLast || now - drawnAt >= Self.frameNanoseconds else { return }
        (drawnAt, isBehind) = (now, false)
        // What does not fit could not be drawn over: names, rule and the count are lines too.
        result.rows = live.shown(isLast ? .max : max(1, screenRows - 4))
        let (body, widths) = table.part(result, after: 0, widths: widths)
        self.widths = widths
        result.rows = []
        let text = body + table.footer(rows: live.count)
        let back = drawnLines > 0 ? "\r\u{1B}[\(drawnLines)A\u{1B}[J" : ""
        drawnLines = text.utf8.reduce(0) { $0 + ($1 == 0x0a ? 1 : 0) }
        shownRows = max(1, live.count)
        try write(back + text)
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
        if live != nil {
            if live?.take(settings) == true { isBehind = true }
            return try draw(isLast: true)
        }
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
