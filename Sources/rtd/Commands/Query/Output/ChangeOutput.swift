import Formats
import Platform
import Query

/// Writes changes a line: Debezium's envelopes, or keys with the rows that they have now.
///
/// `debezium`: `{"before":...,"after":...,"source":...,"op":"c",...}`. `upsert`:
/// `{"key":{...},"value":{...}}`, where a null value says that the key has no row any more.
final class ChangeOutput: ResultOutput {
    enum Form { case debezium, upsert }

    private let form: Form
    private let lines: LineGatherer
    private let clock = SystemClock()
    private var text: EnvelopeText?
    private var changes = StepChanges(key: nil)
    private var isShownEarly = false
    private var isChangelog = false

    init(_ form: Form, _ target: any ByteTarget) {
        self.form = form
        lines = LineGatherer(target)
    }

    var isClosed: Bool { lines.isClosed }
    let takesOtherTypes = true

    func prepare(mayWait: Bool, isEndless: Bool) { isShownEarly = mayWait || isEndless }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        lines.buffer.removeAll()
        try lines.target.prepare(isShownEarly: isShownEarly)
        if form == .upsert { _ = try UpsertKey.require(key) }
        text = EnvelopeText(columns, key: key, table: "query")
        self.isChangelog = isChangelog
        changes = StepChanges(key: key)
    }

    func write(_ batch: Batch) throws(SQLError) {
        changes.add(batch)
        // Rows that are never taken back need not wait for the end of their step.
        if !isChangelog, form == .debezium { try writeChanges() }
    }

    func endStep() throws(SQLError) { try writeChanges() }

    private func writeChanges() throws(SQLError) {
        guard let text else { return }
        let now = clock.wallMilliseconds
        for change in changes.take() {
            switch form {
            case .debezium:
                text.appendEnvelope(change, milliseconds: now, to: &lines.buffer)
            case .upsert:
                guard let place = change.after ?? change.before else { continue }
                lines.buffer.append("{\"key\":")
                _ = text.appendKey(place, to: &lines.buffer)
                lines.buffer.append(",\"value\":")
                if change.after == nil {
                    lines.buffer.append("null")
                } else {
                    text.appendRow(place, to: &lines.buffer)
                }
                lines.buffer.append("}")
            }
            lines.buffer.append("\n")
            try lines.lineEnded()
        }
    }

    func flush() throws(SQLError) { try lines.flush() }
    func end() throws(SQLError) { try lines.end() }
    func discard() { lines.target.discard() }

    func mark() throws(SQLError) -> OutputMark? { try lines.target.place() }

    func resume(at mark: OutputMark?, isWhole: Bool) throws(SQLError) -> Int64 {
        guard let mark else { return 0 }
        return try lines.target.goOn(behind: mark, isWhole: isWhole) ?? 0
    }
}
