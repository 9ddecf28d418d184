import Formats
import Platform
import Query

/// Writes rows as lines for programs: JSON objects, CSV, TSV. A changelog carries `_op` first: `c`
/// created, `d` deleted, and `u` updated where the result's key is known.
///
/// Bytes are gathered and written when 64 KiB have come together or the query says that they shall
/// leave.
final class LinesOutput: ResultOutput {
    enum Form: Equatable {
        case json
        case csv(separator: UInt8, null: String, hasHeader: Bool)
        case tsv(null: String, hasHeader: Bool)
    }

    private let form: Form
    private let target: any ByteTarget
    private var buffer = OutputBuffer()
    private var writer: RowText?
    private var isChangelog = false
    private var changes: ChangeLines?
    private(set) var isClosed = false

    private static let gatheredMax = 64 * 1024

    init(_ form: Form, _ target: any ByteTarget) {
        self.form = form
        self.target = target
    }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        // The query may begin again, its input read with a wider type.
        buffer.removeAll()
        var names = RowText.distinct(columns.map(\.name))
        self.isChangelog = isChangelog
        if isChangelog {
            changes = ChangeLines(key: key)
            names.insert("_op", at: 0)
        }

        let made = RowText(form, names: names)
        made.header(into: &buffer)
        writer = made
    }

    func write(_ batch: Batch) throws(SQLError) {
        guard let writer else { return }
        guard isChangelog else {
            writer.append(batch, into: &buffer)
            return try drain(past: Self.gatheredMax)
        }
        changes?.add(batch)
    }

    func endStep() throws(SQLError) {
        guard isChangelog, let writer, let changes else { return }
        for batch in changes.take() { writer.append(batch, into: &buffer) }
        try drain(past: Self.gatheredMax)
    }

    func flush() throws(SQLError) { try drain(past: 0) }

    func end() throws(SQLError) {
        try drain(past: 0)
        try target.close()
    }

    private func drain(past limit: Int) throws(SQLError) {
        guard buffer.count > limit, !isClosed else { return }
        do throws(SystemError) {
            try target.write(buffer.bytes)
        } catch {
            buffer.removeAll()
            if error.isBrokenPipe {
                isClosed = true
                return
            }
            throw SQLError(error.description, .inputOutputError)
        }
        buffer.removeAll()
    }
}

/// Where gathered bytes go.
protocol ByteTarget {
    func write(_ bytes: RawSpan) throws(SystemError)
    func close() throws(SQLError)
}

struct StandardOutputTarget: ByteTarget {
    func write(_ bytes: RawSpan) throws(SystemError) { try StandardOutput.write(bytes) }
    func close() {}
}
