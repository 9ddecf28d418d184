import Aggregation
import Bytes
import Formats

/// What was done to the operators of a kept query since its state was saved last: each batch, each
/// watermark, each end of a step, as bytes. Operators do the same with the same, so these and the
/// state before them make the state behind them (`QueryRun.replay`).
///
/// It holds as much as the whole state is long; past that the whole is written instead, and it
/// forgets. Filled by the driver and the sources, on the query's thread.
final class StepRecorder {
    enum Call: UInt8 {
        case start = 1
        case push, advance, time, endStep, sourceChange
    }

    private var buffer = OutputBuffer(capacity: 64 * 1024)
    private let types: [[DataType]]
    private let isRepeatable: Bool
    private var limit = 0
    /// False: more was done than it holds.
    private(set) var isComplete = false
    /// Something came in, other than the time.
    private(set) var hasChanges = true

    /// `types`: of the columns of each input. `isRepeatable`: the same rows give the same once more
    /// (no random()); else nothing is recorded.
    init(_ types: [[DataType]], isRepeatable: Bool) {
        self.types = types
        self.isRepeatable = isRepeatable
    }

    /// All that was done.
    var bytes: [UInt8] { buffer.array }

    var count: Int { buffer.count }

    /// The state was saved; `limit`: its length, past which it is saved again.
    func begin(limit: Int) {
        buffer.removeAll()
        self.limit = limit
        (isComplete, hasChanges) = (isRepeatable, false)
    }

    private func record(_ call: Call, _ body: (inout OutputBuffer) -> Void) {
        if call != .time, call != .endStep { hasChanges = true }
        guard isComplete else { return }
        buffer.append(call.rawValue)
        body(&buffer)
        if buffer.count > limit { forget() }
    }

    private func forget() {
        buffer = OutputBuffer(capacity: 64 * 1024)
        isComplete = false
    }

    func start() { record(.start) { _ in } }

    func push(_ batch: Batch, _ input: Int) {
        guard batch.count > 0 else { return }
        guard batch.columns.map(\.type) == types[input] else {
            hasChanges = true
            return forget()
        }
        record(.push) { buffer in
            buffer.append(bigEndian: Int32(input))
            buffer.append(batch: batch)
        }
    }

    func advance(_ watermark: Int64, _ input: Int) {
        record(.advance) { buffer in
            buffer.append(bigEndian: Int32(input))
            buffer.append(bigEndian: watermark)
        }
    }

    func tellTime(_ now: Int64) { record(.time) { $0.append(bigEndian: now) } }

    func endStep() { record(.endStep) { _ in } }

    /// What an input keeps of its rows has changed; `write` says how.
    func changeSource(_ input: Int, _ write: (inout OutputBuffer) -> Void) {
        record(.sourceChange) { buffer in
            buffer.append(bigEndian: Int32(input))
            write(&buffer)
        }
    }
}

/// A source that keeps rows beside its position, to take them back later.
protocol RowKeepingSource: Source {
    /// All changes of the rows are told to it from now on.
    func record(to recorder: StepRecorder, input: Int)
    /// One change, as it was told.
    func repeatChange(_ changes: inout StateReader) throws(SQLError)
    /// All rows.
    func writeRows(_ state: inout OutputBuffer)
    func readRows(_ state: inout StateReader) throws(SQLError)
    /// `resume` at a position of format 2, which holds the rows.
    func resume(withRows position: [UInt8]) throws(SQLError)
}
