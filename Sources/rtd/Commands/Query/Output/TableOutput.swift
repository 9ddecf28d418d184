import Formats
import Platform
import Query

/// Shows rows as an aligned table: gathered until the query ends or a screen of them waits, so that
/// columns are as wide as what they hold.
final class TableOutput: ResultOutput {
    private let table: AlignedTable
    private var result = ResultTable([])
    private var columns: [Field] = []
    private var changes: ChangeLines?
    private(set) var isClosed = false

    init(_ table: AlignedTable) { self.table = table }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        self.columns = columns
        var shown = columns.map { ResultTable.Column($0.name, isNumeric: $0.type.isNumber) }
        if isChangelog {
            changes = ChangeLines(key: key)
            shown.insert(ResultTable.Column("_op"), at: 0)
        }
        result = ResultTable(shown)
    }

    func write(_ batch: Batch) throws(SQLError) {
        if let changes { return changes.add(batch) }
        add(batch)
    }

    private func add(_ batch: Batch) {
        let types = (changes == nil ? [] : [DataType.text]) + columns.map(\.type)
        for row in 0..<batch.count {
            let cells = zip(batch.columns, types).map { column, _ in
                ResultTable.Cell(RowText.text(column, row))
            }
            for _ in 0..<max(0, batch.weight(row)) { result.rows.append(cells) }
        }
    }

    func endStep() throws(SQLError) {
        guard let changes else { return }
        for batch in changes.take() { add(batch) }
    }

    func flush() throws(SQLError) {}

    func end() throws(SQLError) {
        do throws(SystemError) {
            try StandardOutput.write(table.text(result))
        } catch {
            isClosed = error.isBrokenPipe
            if !isClosed { throw SQLError(error.description, .inputOutputError) }
        }
        result.rows = []
    }
}
