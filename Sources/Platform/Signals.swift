import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Signals as events: blocked in every thread, taken by one that waits for them.
public enum Signals {
    public static let interrupt = SIGINT
    public static let terminate = SIGTERM
    public static let hangUp = SIGHUP
    public static let user1 = SIGUSR1

    /// Blocks `signals` in this and all later threads and calls `received` for each, on a thread of
    /// its own. Called once, before other threads start.
    public static func watch(_ signals: [CInt], received: @escaping @Sendable (CInt) -> Void) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in signals { unsafe sigaddset(&set, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        Thread.start {
            var waited = sigset_t()
            unsafe sigemptyset(&waited)
            for number in signals { unsafe sigaddset(&waited, number) }
            while true {
                var number: CInt = 0
                if unsafe sigwait(&waited, &number) == 0 { received(number) }
            }
        }
    }

    /// Whether whoever started the process wants it to take no notice of `number`, as nohup does.
    public static func isIgnored(_ number: CInt) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        #if os(Linux)
            let handler = unsafe action.__sigaction_handler.sa_handler
        #else
            let handler = unsafe action.__sigaction_u.__sa_handler
        #endif
        return unsafe unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// Ends the process by `number`, so that the parent sees the signal; as process 1, which no
    /// signal ends by default, exits with 128 + number.
    public static func raiseAgain(_ number: CInt) -> Never {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, number)
        _ = signal(number, SIG_DFL)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        if getpid() != 1 { kill(getpid(), number) }
        _exit(128 + number)
    }
}
