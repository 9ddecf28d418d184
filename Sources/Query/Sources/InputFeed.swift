import Formats
import Platform

/// Stdin or a followed file in pieces, read as they come.
///
/// A thread of its own reads what has to be waited for. While bytes flow, the query's thread reads
/// them itself and the other rests: so they are still in its cache when they are decoded, and
/// nobody has to be woken for each piece (half the CPU time of a simple query on a pipe).
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
    private var isStarted = false
    private var signal: SourceSignal?
    private var firstPlace: FilePlace?

    // Who reads.
    /// The query's thread, whenever there is something; the other when it is called.
    private var isDirect = false
    private var mayBeDirect: Bool
    /// The reader's thread waits to be called.
    private var isResting = false
    private var isCalled = false
    /// The last piece was large: more will come at once.
    private var isBulk = false
    private var pool = InputBlockPool()

    /// Bytes that are kept for another reading.
    private static let keptBytesMax = 64 << 20
    /// Pieces that wait to be taken.
    private static let waitingMax = 8
    private static let pieceBytes = 256 * 1024
    /// Pieces of so many bytes come from a program that writes as fast as it can.
    private static let bulkBytes = 32 * 1024

    /// One a process.
    public static func standardInput() -> InputFeed {
        InputFeed(PipeBytes(InputFile.standardInput()))
    }

    init(_ bytes: any FeedBytes) {
        self.bytes = bytes
        mayBeDirect = bytes.canTell
    }

    var name: String { bytes.name }
    /// Known where it is a file that ends.
    var size: Int64? { bytes.size }

    /// The start of the file that is followed, once something of it was read.
    var startPlace: FilePlace? { lock.withLock { firstPlace } }

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
        try lock.withLock { () throws(SQLError) in
            readDirectly()
            return try takeHeld()
        }
    }

    /// The next piece, waiting for it at most so long.
    func take(nanoseconds: Int64) throws(SQLError) -> Piece {
        try lock.withLock { () throws(SQLError) in
            readDirectly()
            if next == held.count && !hasEnded { _ = lock.wait(changed, nanoseconds: nanoseconds) }
            return try takeHeld()
        }
    }

    /// Reads the next piece on the thread that wants it, if none is held and there is something.
    private func readDirectly() {
        guard next == held.count, !hasEnded, mayBeDirect else { return }
        isDirect = true
        guard isResting else { return }
        // A program that writes in bulk goes on before a step would have ended.
        guard bytes.isReadable(withinMilliseconds: isBulk ? 1 : 0) else {
            isBulk = false
            isCalled = true
            return changed.broadcast()
        }
        let block = pool.take(capacity: InputFeed.pieceBytes)
        do {
            guard try bytes.read(into: block) > 0 else { return end(nil) }
        } catch {
            return end(error)
        }
        isBulk = block.count >= InputFeed.bulkBytes
        block.seal()
        add(block, bytes.place)
    }

    private func add(_ block: InputBlock, _ place: FilePlace?) {
        held.append(Held(block: block, place: place, start: block.start))
        keptBytes += block.count
    }

    private func end(_ error: SQLError?) {
        hasEnded = true
        failure = error
        changed.broadcast()
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
        if !isResting { changed.broadcast() }
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
            if isFileStart { block.dropByteOrderMark() }
            isFirst = false
            guard hand(block, place) else { return }
        }
    }

    /// Reads a compressed input to its end and hands over what it holds.
    private func inflate(_ first: InputBlock) {
        lock.withLock {
            mayBeDirect = false
            isDirect = false
        }
        guard bytes.ends else {
            return finish(
                SQLError("\(name) is compressed and cannot be followed", .featureNotSupported))
        }
        do {
            let inflated = try InflatedBytes(first, name) { (bytes) throws(SQLError) in
                let block = InputBlock(capacity: 1 << 20, headroom: 0)
                guard try self.bytes.read(into: block) > 0 else { return false }
                unsafe block.bytes.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
                return true
            }
            while true {
                let block = InputBlock(capacity: InputFeed.pieceBytes)
                guard inflated.fill(block) else { return finish(nil) }
                guard hand(block) else { return }
            }
        } catch {
            finish(error)
        }
    }

    /// False once the input has ended.
    private func hand(_ block: InputBlock, _ place: FilePlace? = nil) -> Bool {
        block.seal()
        lock.lock()
        add(block, place)
        if firstPlace == nil, var start = place, start.isFileStart {
            start.offset = 0
            firstPlace = start
        }
        changed.broadcast()
        let waiter = signal
        lock.unlock()
        waiter?.signal()
        return lock.withLock {
            isCalled = false
            // A reader that wants no more takes no more either.
            while !hasEnded, held.count - next >= InputFeed.waitingMax || isDirect && !isCalled {
                isResting = isDirect
                lock.wait(changed)
            }
            isResting = false
            return !hasEnded
        }
    }

    private func finish(_ error: SQLError?) {
        let waiter = lock.withLock {
            end(error)
            return signal
        }
        waiter?.signal()
    }
}
