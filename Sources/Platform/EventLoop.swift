/// One thread that waits for sockets, timers and jobs, and runs what they wake.
///
/// All that belongs to a loop (its streams, timers, handlers) is touched on its thread only; `post`
/// is the one door from outside. As a `TaskExecutor` it also runs tasks: start them with
/// `Task(executorPreference: loop)`. The real one is `Loop`; `SimulatedLoop` replays a seed.
public protocol EventLoop: TaskExecutor {
    var clock: any Clock { get }
    /// Runs `job` on the loop, after what is queued already; from any thread.
    func post(_ job: @escaping @Sendable () -> Void)
    /// Runs `job` on the loop once `nanoseconds` have passed. Called on the loop.
    @discardableResult
    func after(_ nanoseconds: Int64, _ job: @escaping @Sendable () -> Void) -> TimerID
    /// Forgets a timer; one that has fired is no error. Called on the loop.
    func cancel(_ timer: TimerID)
    /// Opens a listening socket; `accepted` gets each new connection, on this loop, not started
    /// yet.
    func listen(_ address: SocketAddress, accepted: @escaping @Sendable (any Stream) -> Void)
        throws(SystemError) -> any Listener
    /// Connects; `done` is called on this loop with a stream that is not started yet.
    func connect(
        _ address: SocketAddress,
        done: @escaping @Sendable (Result<any Stream, SystemError>) -> Void)
    /// True on the loop's own thread.
    var isCurrent: Bool { get }
}

/// A timer that can be cancelled.
public struct TimerID: Hashable, Sendable {
    let value: UInt64
}

/// What an attempt to read or write gave.
public enum StreamResult: Sendable, Equatable {
    /// So many bytes were moved; at least one.
    case moved(Int)
    /// Nothing can be moved now; the handler is told when it can.
    case wouldBlock
    /// The peer has ended its side.
    case end
    case failed(SystemError)
}

/// A connected byte stream (TCP, Unix socket, simulated). Used on its loop only, once started.
public protocol Stream: AnyObject, Sendable {
    /// Where the peer connected to, as this machine names it.
    var localAddress: SocketAddress { get }
    var peerAddress: SocketAddress { get }
    /// The peer is known to send no more. That is told once: who sees it reads on to the end,
    /// though a read that gave less than there was room for says that the socket is empty.
    var peerHasEnded: Bool { get }
    /// Attaches to `loop`, on that loop. The handler is kept until `close`.
    func start(on loop: any EventLoop, handler: any StreamHandler)
    func read(into target: UnsafeMutableRawBufferPointer) -> StreamResult
    func write(_ source: UnsafeRawBufferPointer) -> StreamResult
    /// Sends bytes of a file without copying them through this process where the kernel can.
    func send(_ file: any File, at position: Int64, count: Int) -> StreamResult
    /// Closes at once; the handler is not called again. A second close does nothing.
    func close()
}

/// Told by a loop what a stream can do; readiness is edge-triggered, so read and write until
/// `wouldBlock`.
public protocol StreamHandler: AnyObject, Sendable {
    /// Bytes (or the end) may be there, or room to write.
    func streamReady(readable: Bool, writable: Bool)
}

/// An open listening socket.
public protocol Listener: AnyObject, Sendable {
    /// With the port that the kernel picked for port 0.
    var address: SocketAddress { get }
    func close()
}

extension EventLoop {
    /// Suspends the current task for a time; returns early when the task is cancelled.
    public func sleep(nanoseconds: Int64) async {
        let timer = SleepTimer()
        await withTaskCancellationHandler {
            unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                unsafe timer.begin(continuation)
                post {
                    if Task.isCancelled || timer.isDone { return timer.finish() }
                    self.after(nanoseconds) { timer.finish() }
                }
            }
        } onCancel: {
            timer.finish()
        }
    }
}

/// The continuation of one `sleep`, resumed once, by the timer or by cancellation.
@safe private final class SleepTimer: @unchecked Sendable {
    private let lock = Lock()
    private var continuation: UnsafeContinuation<Void, Never>?
    private var done = false

    var isDone: Bool { lock.withLock { done } }

    func begin(_ continuation: UnsafeContinuation<Void, Never>) {
        let late = lock.withLock {
            if done { return true }
            unsafe self.continuation = continuation
            return false
        }
        if late { unsafe continuation.resume() }
    }

    func finish() {
        let waiting = unsafe lock.withLock { () -> UnsafeContinuation<Void, Never>? in
            done = true
            defer { unsafe continuation = nil }
            return unsafe continuation
        }
        unsafe waiting?.resume()
    }
}
