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
    private var settings = TextSettings()
    private var isShownEarly = false
    private var isChangelog = false
    private var changes: StepChanges?
    private(set) var isClosed = false

    private static let gatheredMax = 64 * 1024

    let takesOtherTypes = true

    init(_ form: Form, _ target: any ByteTarget) {
        self.form = form
        self.target = target
    }

    func prepare(mayWait: Bool, isEndless: Bool) { isShownEarly = mayWait || isEndless }

    func use(_ settings: TextSettings) { self.settings = settings }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        // The query may begin again, its input read with a wider type.
        buffer.removeAll()
        try target.prepare(isShownEarly: isShownEarly)
        var names = RowText.distinct(columns.map(\.name))
        self.isChangelog = isChangelog
        if isChangelog {
            changes = StepChanges(key: key)
            names.insert("_op", at: 0)
        }

        let made = RowText(form, names: names, settings)
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
        for batch in changes.takeLines() { writer.append(batch, into: &buffer) }
        try drain(past: Self.gatheredMax)
    }

    func flush() throws(SQLError) { try drain(past: 0) }

    func end() throws(SQLError) {
        try drain(past: 0)
        try target.close()
    }

    func discard() { target.discard() }

    func mark() throws(SQLError) -> OutputMark? { try target.place() }

    /// What an earlier run wrote behind its mark comes again; a first line of names is there.
    func resume(at mark: OutputMark?, isWhole: Bool) throws(SQLError) -> Int64 {
        guard let mark, let cut = try target.goOn(behind: mark, isWhole: isWhole) else { return 0 }
        if mark.size > 0 { buffer.removeAll() }
        return cut
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
    /// Before what is written, which may be long in coming and is then seen as it comes.
    func prepare(isShownEarly: Bool) throws(SQLError)
    func write(_ bytes: RawSpan) throws(SystemError)
    func close() throws(SQLError)
    /// In place of `close`: what was written is not wanted.
    func discard()
    /// Where what was written ends, once it is durable; nil: it cannot be cut back.
    func mark() throws(SystemError) -> OutputMark?
    /// What is written next comes behind the mark; `isWhole`: behind all that is there, as the
    /// run that made the mark has written nothing since. Gives how many bytes were cut off; nil
    /// where it is another file, or one that has not come so far.
    func cutBack(to mark: OutputMark, isWhole: Bool) throws(SystemError) -> Int64?
}

extension ByteTarget {
    func prepare(isShownEarly: Bool) {}
    func discard() {}
    func mark() throws(SystemError) -> OutputMark? { nil }
    func cutBack(to mark: OutputMark, isWhole: Bool) throws(SystemError) -> Int64? { nil }

    func place() throws(SQLError) -> OutputMark? {
        do throws(SystemError) {
            return try mark()
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
    }

    func goOn(behind mark: OutputMark, isWhole: Bool) throws(SQLError) -> Int64? {
        do throws(SystemError) {
            return try cutBack(to: mark, isWhole: isWhole)
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
    }
}

struct StandardOutputTarget: ByteTarget {
    func write(_ bytes: RawSpan) throws(SystemError) { try StandardOutput.write(bytes) }
    func close() {}

    func mark() throws(SystemError) -> OutputMark? {
        guard let file = StandardOutput.regularFile else { return nil }
        try StandardOutput.synchronize()
        return OutputMark(device: file.device, file: file.file, size: file.size)
    }

    func cutBack(to mark: OutputMark, isWhole: Bool) throws(SystemError) -> Int64? {
        guard let file = StandardOutput.regularFile, file.device == mark.device,
            file.file == mark.file, file.size >= mark.size
        else { return nil }
        try StandardOutput.cut(to: isWhole ? file.size : mark.size)
        return isWhole ? 0 : file.size - mark.size
    }
}
