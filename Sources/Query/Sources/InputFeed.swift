import Formats
import Platform

/// Stdin or a followed file in pieces, read by a thread of its own as they come.
///
/// What was read is kept until rows have left the query that reads it, as far as it is not too
/// much: the sample is read again by the query, and so is all of it when a type has to be widened.
public final class InputFeed: @unchecked Sendable {
    enum Piece {
        /// `place`: where it ends in a file that is followed.
        case block(InputBlock, FilePlace?)
        /// Nothing has come yet.
        case nothing
        case end
    }

    private struct Held {
        var block: InputBlock
        var place: FilePlace?
        var start: Int
    }

    private let bytes: any FeedBytes
    private let lock = Lock()
    private let changed = Condition()
    private var held: [Held] = []
    /// The piece that is taken next.
    private var next = 0
    private var keptBytes = 0
    /// False once pieces that were taken are gone.
    private var isComplete = true
    private var isKept = true
    private var hasEnded = false
    private var failure: SQLError?
    private var damaged: SQLError?
    private var isStarted = false
    private var signal: SourceSignal?
    private var firstPlace: FilePlace?

    /// Bytes that are kept for another reading.
    private static let keptBytesMax = 64 << 20
    /// Pieces that wait to be taken.
    private static let waitingMax = 8
    private static let pieceBytes = 256 * 1024

    /// One a process.
    public static func standardInput() -> InputFeed {
        InputFeed(PipeBytes(InputFile.standardInput()))
    }

    init(_ bytes: any FeedBytes) { self.bytes = bytes }

    var name: String { bytes.name }
    /// Known where it is a file that ends.
    var size: Int64? { bytes.size }

    /// The start of the file that is followed, once something of it was read.
    var startPlace: FilePlace? { lock.withLock { firstPlace } }

    /// Why a compressed input has no more rows, though it should; nil: it is whole.
    var damage: SQLError? { lock.withLock { damaged } }

    /// Nothing more is wanted.
    func stop() { bytes.stop() }

    /// Begins at the first byte again. `signal` is raised when a piece comes.
    func rewind(_ signal: SourceSignal?) throws(SQLError) {
        try lock.withLock { () throws(SQLError) in
            guard isComplete else {
                throw SQLError(
                    "\(name) was read before and cannot be read again", .objectNotReady,
                    hint: "Keep it in a table: CREATE TABLE t AS SELECT * FROM stdin.")
            }
            next = 0
            for piece in held { piece.block.rewind(to: piece.start) }
            self.signal = signal
            start()
        }
    }

    /// What was read by now is all that there is.
    func endHere() {
        lock.withLock {
            hasEnded = true
            changed.broadcast()
        }
        bytes.stop()
    }

    /// From now on, pieces that were taken are gone.
    func stopKeeping() {
        lock.withLock {
            guard isKept else { return }
            isKept = false
            forget()
        }
    }

    /// The next piece, without waiting.
    func take() throws(SQLError) -> Piece {
        try lock.withLock { () throws(SQLError) in try takeHeld() }
    }

    /// The next piece, waiting for it at most so long.
    func take(nanoseconds: Int64) throws(SQLError) -> Piece {
        try lock.withLock { () throws(SQLError) in
            if next == held.count && !hasEnded { _ = lock.wait(changed, nanoseconds: nanoseconds) }
            return try takeHeld()
        }
    }

    private func takeHeld() throws(SQLError) -> Piece {
        guard next < held.count else {
            if let failure { throw failure }
            return hasEnded ? .end : .nothing
        }
        let piece = held[next]
        next += 1
        if isKept && keptBytes > InputFeed.keptBytesMax { isKept = false }
        if !isKept { forget() }
        changed.broadcast()
        return .block(piece.block, piece.place)
    }

    private func forget() {
        guard next > 0 else { return }
        isComplete = false
        held.removeFirst(next)
        next = 0
    }

    private func start() {
        guard !isStarted else { return }
        isStarted = true
        Thread.start { [self] in readAll() }
    }

    /// The reader's thread.
    private func readAll() {
        var pool = InputBlockPool()
        var isFirst = true
        while true {
            let block = pool.take(capacity: InputFeed.pieceBytes)
            do {
                if try bytes.read(into: block) == 0 { return finish(nil) }
            } catch {
                return finish(error)
            }
            let place = bytes.place
            let isFileStart = place?.isFileStart ?? isFirst
            if isFileStart && InflatedBytes.isGzip(block.bytes) { return inflate(block) }
            if isFileStart && block.isUTF16 { return finish(InputFileReader.isUTF16(name)) }
            if isFileStart { block.dropByteOrderMark() }
            isFirst = false
            hand(block, place)
        }
    }

    /// Hands over what a compressed input holds, as it is read.
    private func inflate(_ first: InputBlock) {
        guard bytes.ends else {
            return finish(
                SQLError("\(name) is compressed and cannot be followed", .featureNotSupported))
        }
        let inflated = InflatedBytes(first, name)
        do {
            while true {
                let block = InputBlock(capacity: InputFeed.pieceBytes)
                let isMore = try inflated.fill(block) { (more) throws(SQLError) in
                    try self.bytes.read(into: more) > 0
                }
                guard isMore else {
                    lock.withLock { damaged = inflated.failure }
                    return finish(nil)
                }
                hand(block)
            }
        } catch {
            finish(error)
        }
    }

    private func hand(_ block: InputBlock, _ place: FilePlace? = nil) {
        block.seal()
        lock.lock()
        guard !hasEnded else { return lock.unlock() }
        held.append(Held(block: block, place: place, start: block.start))
        keptBytes += block.count
        if firstPlace == nil, var start = place, start.isFileStart {
            start.offset = 0
            firstPlace = start
        }
        changed.broadcast()
        let waiter = signal
        lock.unlock()
        waiter?.signal()
        lock.withLock {
            // A reader that wants no more takes no more either.
            while held.count - next >= InputFeed.waitingMax, !hasEnded { lock.wait(changed) }
        }
    }

    private func finish(_ error: SQLError?) {
        let waiter = lock.withLock {
            hasEnded = true
            failure = error
            changed.broadcast()
            return signal
        }
        waiter?.signal()
    }
}
