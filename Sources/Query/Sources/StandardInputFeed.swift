import Formats
import Platform

/// Stdin in pieces, read by a thread of its own as they come. One a process.
///
/// What was read is kept until rows have left the query that reads it, as far as it is not too
/// much: the sample is read again by the query, and so is all of it when a type has to be widened.
public final class StandardInputFeed: @unchecked Sendable {
    enum Piece {
        case block(InputBlock)
        /// Nothing has come yet.
        case nothing
        case end
    }

    private struct Held {
        var block: InputBlock
        var start: Int
    }

    private let file: InputFile
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
    private var failure: SystemError?
    private var isStarted = false
    private var signal: SourceSignal?

    /// Bytes that are kept for another reading.
    private static let keptBytesMax = 64 << 20
    /// Pieces that wait to be taken.
    private static let waitingMax = 8
    private static let pieceBytes = 256 * 1024

    public init(_ file: InputFile = .standardInput()) { self.file = file }

    var name: String { file.name }
    /// Known where stdin is a file.
    var size: Int64? { file.size }

    /// Begins at the first byte again. `signal` is raised when a piece comes.
    func rewind(_ signal: SourceSignal?) throws(SQLError) {
        try lock.withLock { () throws(SQLError) in
            guard isComplete else {
                throw SQLError(
                    "\(file.name) was read before and cannot be read again", .objectNotReady,
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
            if let failure {
                throw SQLError(
                    "cannot read \(file.name): \(failure.reason)", .inputOutputError)
            }
            return hasEnded ? .end : .nothing
        }
        let piece = held[next]
        next += 1
        if isKept && keptBytes > StandardInputFeed.keptBytesMax { isKept = false }
        if !isKept { forget() }
        changed.broadcast()
        return .block(piece.block)
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
            let block = pool.take(capacity: StandardInputFeed.pieceBytes)
            var isEnd = false
            var error: SystemError?
            do {
                isEnd =
                    unsafe try block.fill { (free) throws(SystemError) in
                        unsafe try file.read(into: free)
                    } == 0
            } catch let problem {
                error = problem
            }
            if isFirst { block.dropByteOrderMark() }
            isFirst = false
            block.seal()
            lock.lock()
            if isEnd || error != nil {
                hasEnded = true
                failure = error
            } else {
                held.append(Held(block: block, start: block.start))
                keptBytes += block.count
            }
            changed.broadcast()
            let waiter = signal
            lock.unlock()
            waiter?.signal()
            if isEnd || error != nil { return }
            lock.withLock {
                while held.count - next >= StandardInputFeed.waitingMax { lock.wait(changed) }
            }
        }
    }
}
