import Bytes
import ChangeDataCapture
import Formats
import Platform

/// What ends a capture at its output, beside the errors of its source.
enum CaptureOutputError: Error, Sendable {
    /// The reader of stdout has left.
    case closed
    /// It waited for something, and a signal has come.
    case stopped
    case failed(CommandFailure)
}

/// Where lines of changes go.
protocol LineTarget: AnyObject {
    /// Backfills that are not done with the transaction that is being written.
    var backfills: [BackfillState] { get set }
    /// Whose log positions are of, and what of a given publication is followed.
    var server: SourceServer? { get set }
    var followed: FollowedTables? { get set }
    /// Whether a later capture goes on behind what was written.
    var isKept: Bool { get }
    /// Whether it has changes of an earlier capture.
    var continues: Bool { get }
    func write(_ bytes: borrowing OutputBuffer) throws(CaptureOutputError)
    /// A new snapshot begins at `position`: positions at or behind it are of another log.
    func begins(at position: LogSequenceNumber)
    /// Everything up to `position` was written, and whole. Gives the position up to which nothing
    /// can be lost any more.
    func reached(_ position: LogSequenceNumber, isLast: Bool) throws(CaptureOutputError)
        -> LogSequenceNumber
}

extension LineTarget {
    /// What is written once needs none.
    var server: SourceServer? {
        get { nil }
        set { _ = newValue }
    }

    var followed: FollowedTables? {
        get { nil }
        set { _ = newValue }
    }

    func begins(at position: LogSequenceNumber) {}
}

/// Changes as lines to stdout or a file. On the thread that runs the source; `durable` on any.
final class LineSink: ChangeSink {
    private static let bufferBytes = 64 * 1024
    /// Rows of a snapshot between two looks at the clock.
    private static let clockInterval = 256
    private static let settleNanoseconds: Int64 = 200_000_000

    private let target: any LineTarget
    /// Of Avro: the target, which has blocks of changes instead of lines.
    private let container: AvroContainer?
    private var encoder: any ChangeEncoder
    private let outbox: OutboxRouter?
    private let writesStatements: Bool
    private let tellsRows: Bool
    /// The transaction that has no change yet.
    private var beginning: SourceTransaction?
    private var hasSession = false
    private let notices: @Sendable (String) -> Void
    private let clock = SystemClock()
    private let lock = Lock()
    private var safe = LogSequenceNumber(0)
    private var buffer = OutputBuffer(capacity: LineSink.bufferBytes * 2)
    /// The end of the last transaction whose lines are in the buffer or written.
    private var complete = LogSequenceNumber(0)
    private var sinceClock = 0
    /// Lines of a transaction (or of the snapshot) were given whose end was not: the bytes so far
    /// are no whole ones.
    private var isOpen = false
    /// Where the open transaction begins in the buffer, and how many changes there are before it;
    /// nil once some of it is written.
    private var openStart: (bytes: Int, changes: Int64)?
    private var settledTime: Int64 = 0
    /// Of the snapshot, since the last piece.
    private var pieceBytes = 0
    /// Where the format marks the last change of a transaction: the one that may be it.
    private var held = OutputBuffer(capacity: 64)
    private let marksLast: Bool

    init(
        _ target: any LineTarget, _ format: EnvelopeFormat, _ settings: EnvelopeSettings,
        notices: @escaping @Sendable (String) -> Void
    ) {
        self.target = target
        container = target as? AvroContainer
        encoder = format.encoder(settings, container)
        marksLast = encoder.lastChangeMark.utf8CodeUnitCount > 0
        outbox = OutboxRouter(settings, notices: notices)
        writesStatements = format == .sql
        tellsRows = format != .debezium
        self.notices = notices
    }

    var durable: LogSequenceNumber { lock.withLock { safe } }

    func follows(_ server: SourceServer) { target.server = server }

    func follows(_ tables: FollowedTables) { target.followed = tables }

    func notice(_ message: String) { notices(message) }

    func snapshotBegan(_ tables: [CapturedTable], at position: LogSequenceNumber) throws {
        if container != nil, tables.count > 1 {
            let names = tables.map { "\($0.schema).\($0.name)" }
            throw CaptureOutputError.failed(CommandFailure(AvroContainer.several(names[1])))
        }
        readClock()
        isOpen = true
        begins(at: position)
        if writesStatements {
            writeSession()
            buffer.append("BEGIN;\n")
        }
        // Rows that were deleted since would stay beside the new ones.
        guard target.continues else { return }
        for change in Change.truncates(of: tables, at: position) {
            try self.change(change, of: RawSpan())
        }
    }

    /// A server that was set up anew, or brought back from a backup, has lower positions than those
    /// that the output has from before.
    private func begins(at position: LogSequenceNumber) {
        target.begins(at: position)
        guard position < complete || position < durable else { return }
        complete = LogSequenceNumber(0)
        lock.withLock { safe = LogSequenceNumber(0) }
    }

    func mayHold(_ table: CapturedTable) -> Bool { target.continues }

    var keepsSnapshotPieces: Bool { target.isKept }

    var keepsRows: Bool { target.isKept }

    var endsSnapshotPiece: Bool { pieceBytes >= TopicSink.pieceBytes }

    var dividesTable: Bool { pieceBytes >= TopicSink.partBytes }

    func snapshotPieceEnded(rest: [BackfillState], at position: LogSequenceNumber) throws {
        target.backfills = rest
        try snapshotEnded(at: position)
        try settle(isLast: true)
        try snapshotBegan([], at: position)
    }

    func snapshotEnded(at position: LogSequenceNumber) throws {
        if writesStatements { buffer.append("COMMIT;\n") }
        isOpen = false
        complete = max(complete, position)
        try settle(isLast: false)
        pieceBytes = 0
    }

    func schema(_ table: CapturedTable, at position: LogSequenceNumber) throws {
        if encoder.schema(table, at: position, into: &buffer) { buffer.append(0x0A) }
    }

    func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction
    ) throws {
        release(isLast: false)
        if encoder.statement(statement, at: position, in: transaction, into: &buffer) {
            buffer.append(0x0A)
        }
    }

    func begin(_ transaction: SourceTransaction) throws {
        readClock()
        isOpen = true
        openStart = (buffer.count, container?.count ?? 0)
        if writesStatements { writeSession() }
        beginning = transaction
    }

    /// The begin of a transaction is told with its first change; for Debezium rows that are read
    /// are none.
    private func tellBegin(before change: Change) {
        guard let transaction = beginning, tellsRows || change.kind != .read else { return }
        beginning = nil
        if encoder.begin(transaction, into: &buffer) { buffer.append(0x0A) }
    }

    /// What the statements expect of the session that they are run in, before the first of them.
    private func writeSession() {
        guard !hasSession else { return }
        hasSession = true
        buffer.append(ReplaySession.statement)
    }

    func change(_ change: Change, of bytes: RawSpan) throws {
        sinceClock += 1
        if sinceClock == Self.clockInterval { readClock() }
        if let outbox, outbox.covers(change) {
            guard let message = try outbox.message(change, of: bytes) else { return }
            buffer.append(message)
            buffer.append(0x0A)
        } else if encoder.splitsKeyChanges, change.before != nil,
            let halves = change.halves(of: bytes)
        {
            try append(halves.old, of: bytes)
            try append(halves.new, of: bytes)
        } else {
            try append(change, of: bytes)
        }
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    private func append(_ change: Change, of bytes: RawSpan) throws(CaptureOutputError) {
        tellBegin(before: change)
        guard marksLast, change.kind != .read else {
            let isWritten = encoder.value(change, of: bytes, into: &buffer)
            try checkEncoder()
            guard isWritten else { return }
            if let container { container.count += 1 } else { buffer.append(0x0A) }
            return
        }
        release(isLast: false)
        _ = encoder.value(change, of: bytes, into: &held)
    }

    /// What has no encoding ends the capture; nothing of its transaction stays.
    private func checkEncoder() throws(CaptureOutputError) {
        guard let failure = encoder.failure else { return }
        if openStart != nil { isOpen = false }
        buffer.truncate(to: openStart?.bytes ?? 0)
        container?.count = openStart?.changes ?? 0
        guard case .failed(let reason) = failure else { throw .stopped }
        throw .failed(CommandFailure(reason))
    }

    private func release(isLast: Bool) {
        guard !held.isEmpty else { return }
        if isLast {
            held.truncate(to: held.count - 1)
            held.append(encoder.lastChangeMark)
            held.append(UInt8(ascii: "}"))
        }
        buffer.append(held.bytes)
        buffer.append(0x0A)
        held.removeAll()
    }

    func commit(_ transaction: SourceTransaction, changes: Int) throws {
        if marksLast { release(isLast: true) }
        if beginning == nil || !tellsRows,
            encoder.commit(transaction, changes: changes, into: &buffer)
        {
            buffer.append(0x0A)
        }
        beginning = nil
        isOpen = false
        openStart = nil
        complete = max(complete, transaction.end)
        // While there is always more to read, nothing pauses between two transactions.
        if clock.monotonicNanoseconds - settledTime > Self.settleNanoseconds {
            try settle(isLast: false)
        }
    }

    func backfills(_ states: [BackfillState]) throws { target.backfills = states }

    func pause(at position: LogSequenceNumber?) throws {
        if let position { complete = max(complete, position) }
        try settle(isLast: false)
    }

    func finishing(at position: LogSequenceNumber?) throws {
        if let position { complete = max(complete, position) }
        try settle(isLast: true)
    }

    /// Writes what is left, at the end.
    func finish() throws(CaptureOutputError) {
        release(isLast: false)
        try settle(isLast: true)
    }

    private func settle(isLast: Bool) throws(CaptureOutputError) {
        try flush()
        if isOpen { return }
        settledTime = clock.monotonicNanoseconds
        let position = try target.reached(complete, isLast: isLast)
        lock.withLock { safe = max(safe, position) }
    }

    private func flush() throws(CaptureOutputError) {
        guard !buffer.isEmpty else { return }
        pieceBytes += buffer.count
        try target.write(buffer)
        buffer.removeAll()
        openStart = nil
    }

    private func readClock() {
        encoder.now = clock.wallMilliseconds * 1_000
        sinceClock = 0
    }
}

/// stdout: what was written is out of our hands.
final class StandardOutputLines: LineTarget {
    var backfills: [BackfillState] = []
    let isKept = false
    let continues = false

    func write(_ bytes: borrowing OutputBuffer) throws(CaptureOutputError) {
        do throws(SystemError) {
            try StandardOutput.write(bytes.bytes)
        } catch {
            throw error.isBrokenPipe ? .closed : .failed(CommandFailure(error))
        }
    }

    func reached(
        _ position: LogSequenceNumber, isLast: Bool
    ) throws(CaptureOutputError) -> LogSequenceNumber { position }
}
