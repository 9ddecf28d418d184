import Platform

/// The signals that end a command. The first one asks it to finish what it has begun; the second
/// ends the process at once. When all is cleaned up the first one is raised again, so that the
/// shell sees what ended the command and stops its loop.
///
/// Signals come on a thread of their own; the rest may be called on any.
final class Interruption: @unchecked Sendable {
    private let lock = Lock()
    private var first: CInt?
    private var handler: (@Sendable () -> Void)?
    private var repeated: (@Sendable () -> Void)?
    private var questioned: (@Sendable () -> Void)?

    /// Takes the signals over; SIGUSR1 only for a command that answers it. Called once, before any
    /// other thread starts.
    static func watch(answers: Bool = false) -> Interruption {
        let interruption = Interruption()
        // Under nohup the end of the terminal is none of the command. An interrupt is taken even
        // where a shell has its background jobs ignore it: whoever sends one by name means it.
        let hangUp = Signals.isIgnored(Signals.hangUp) ? [] : [Signals.hangUp]
        let questions = answers ? [Signals.user1] : []
        Signals.watch([Signals.interrupt, Signals.terminate] + hangUp + questions) {
            interruption.received($0)
        }
        return interruption
    }

    /// True once a signal has asked the command to end.
    var isSignalled: Bool { lock.withLock { first != nil } }

    /// Sets what the first signal starts, on the signals' thread; at once here if it has come
    /// already. As long as there is no handler, the first signal ends the process.
    func handle(_ handler: @escaping @Sendable () -> Void) {
        let isLate = lock.withLock {
            self.handler = handler
            return first != nil
        }
        if isLate { handler() }
    }

    /// At a prompt: what another Ctrl-C does, which does not end the process then.
    func handleAgain(_ handler: @escaping @Sendable () -> Void) {
        lock.withLock { repeated = handler }
    }

    /// What SIGUSR1 does, which ends nothing; nothing before this was called.
    func handleQuestion(_ handler: @escaping @Sendable () -> Void) {
        lock.withLock { questioned = handler }
    }

    /// At a prompt: what the signal was to end has ended, and the next one is a first one again.
    func forget() { lock.withLock { first = nil } }

    /// Ends the process by the signal that has come; returns if none has.
    func raiseAgain() {
        if let number = lock.withLock({ first }) { Signals.raiseAgain(number) }
    }

    private func received(_ number: CInt) {
        if number == Signals.user1 {
            lock.withLock { questioned }?()
            return
        }
        let job = lock.withLock { () -> (@Sendable () -> Void)? in
            guard first == nil else { return number == Signals.interrupt ? repeated : nil }
            first = number
            return handler
        }
        guard let job else { Signals.raiseAgain(number) }
        job()
    }
}
