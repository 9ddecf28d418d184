import Formats
import Platform
import Query

/// Draws a result as bars or lines.
///
/// A result that ends is drawn once. One that may be long in coming is drawn again in its place on
/// a terminal, at most ten times a second; in a pipe each row that comes of a result without end,
/// or that changes, is a line.
final class ChartOutput: ResultOutput {
    private let width: Int
    private let rowsMax: Int
    private let isTerminal: Bool
    private let lines = LineGatherer(StandardOutputTarget())
    private let clock = SystemClock()
    private var text: ChartText?
    private var mayWait = false
    private var isEndless = false
    private var changes = StepChanges(key: nil)
    private var points: [ChartText.Point] = []
    /// The rows of the points, where the query orders what changes.
    private var rows: [[Value]] = []
    private var order: [ResultOrder] = []
    /// Rows that can be taken back, as points.
    private var places: [[Value]: [Int]] = [:]
    private var removed: Set<Int> = []
    private var isChangelog = false
    private var largest = 0.0
    private var drawnLines = 0
    private var drawnAt: Int64 = 0
    private var needsDrawing = false
    var isBehind: Bool { needsDrawing && mayWait && isTerminal }
    private var settings = TextSettings()

    /// Rows that are kept of a result without end.
    private static let keptMax = 2_000
    private static let frameNanoseconds: Int64 = 100_000_000

    /// `rowsMax`: lines of the terminal.
    init(width: Int, rowsMax: Int, isTerminal: Bool) {
        self.width = width
        self.rowsMax = rowsMax
        self.isTerminal = isTerminal
    }

    var isClosed: Bool { lines.isClosed }
    var showsWhatStands: Bool { isTerminal }

    func sort(by order: [ResultOrder]) { self.order = order }

    func use(_ settings: TextSettings) { self.settings = settings }

    func prepare(mayWait: Bool, isEndless: Bool) {
        self.mayWait = mayWait
        self.isEndless = isEndless
    }

    /// Each row that comes is a line.
    private var isLineByLine: Bool { !isTerminal && (isEndless || isChangelog) }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        text = ChartText(try ChartShape(columns), columns, width: width, settings)
        self.isChangelog = isChangelog
        changes = StepChanges(key: key)
        points = []
        rows = []
        places = [:]
        removed = []
    }

    func write(_ batch: Batch) throws(SQLError) { changes.add(batch) }

    func endStep() throws(SQLError) { try take() }

    private func take() throws(SQLError) {
        guard let text else { return }
        for change in changes.take() {
            needsDrawing = true
            let new = change.after.map { text.point($0.batch, $0.row) }
            if let new, new.values[0].isFinite { largest = max(largest, new.values[0].magnitude) }
            if isLineByLine {
                if let new {
                    lines.buffer.append(utf8: text.line(new, largest: largest) + "\n")
                    try lines.lineEnded()
                }
                continue
            }
            keep(new, change)
        }
    }

    /// An update stays where the row before it was.
    private func keep(_ new: ChartText.Point?, _ change: ResultChange) {
        var index = points.count
        if let before = change.before {
            let values = before.batch.row(before.row)
            guard let old = places[values]?.popLast() else { return }
            if places[values]?.isEmpty == true { places[values] = nil }
            index = old
        }
        guard let new else {
            removed.insert(index)
            return
        }
        if index == points.count { points.append(new) } else { points[index] = new }
        if isChangelog, let after = change.after {
            let row = after.batch.row(after.row)
            places[row, default: []].append(index)
            if index == rows.count { rows.append(row) } else { rows[index] = row }
        }
        if mayWait, !isChangelog, points.count > 2 * Self.keptMax {
            points.removeFirst(Self.keptMax)
        }
    }

    func flush() throws(SQLError) {
        try take()
        if isLineByLine { return try lines.flush() }
        guard mayWait, isTerminal else { return }
        let now = clock.monotonicNanoseconds
        guard needsDrawing, now - drawnAt >= Self.frameNanoseconds else { return }
        drawnAt = now
        try draw(isLast: false)
    }

    func end() throws(SQLError) {
        try take()
        if !isLineByLine { try draw(isLast: true) }
        try lines.end()
    }

    private func draw(isLast: Bool) throws(SQLError) {
        guard let text else { return }
        needsDrawing = false
        var standing = points.indices.filter { !removed.contains($0) }
        if isChangelog, !order.isEmpty {
            standing.sort { order.precedes(rows[$0], rows[$1]) ?? ($0 < $1) }
        }
        var drawn = text.lines(standing.map { points[$0] })
        // What does not fit could not be drawn over.
        if !isLast || drawnLines > 0, isTerminal, mayWait, drawn.count > rowsMax - 1 {
            drawn = Array(drawn.suffix(max(1, rowsMax - 1)))
        }
        if drawnLines > 0 { lines.buffer.append(utf8: "\r\u{1B}[\(drawnLines)A\u{1B}[J") }
        for line in drawn { lines.buffer.append(utf8: line + "\n") }
        drawnLines = drawn.count
        try lines.flush()
    }
}
