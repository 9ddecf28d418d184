#if os(Linux)
    import CSystem
    import Glibc

    /// epoll, edge-triggered, with an eventfd that wakes it. Used by its loop's thread; `wake` by
    /// any.
    @safe struct Poller {
        private let epoll: CInt
        private let wakeup: CInt
        private let events: UnsafeMutablePointer<epoll_event>
        private static let eventsMax: CInt = 256
        private static let wakeToken = UInt64.max

        init() {
            epoll = epoll_create1(CInt(EPOLL_CLOEXEC))
            wakeup = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
            // Nothing can be done, and nobody be told, without a loop.
            guard epoll >= 0 && wakeup >= 0 else {
                StandardError.write(line: "rtd: \(SystemError.last("open an event loop"))")
                exit(1)
            }
            unsafe events = .allocate(capacity: Int(Self.eventsMax))
            control(EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue, Self.wakeToken)
        }

        func close() {
            closeDescriptor(epoll)
            closeDescriptor(wakeup)
            unsafe events.deallocate()
        }

        /// Watches a descriptor for reading and writing; events carry `token`.
        func add(_ descriptor: CInt, token: UInt64) {
            let mask =
                EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
            control(EPOLL_CTL_ADD, descriptor, mask, token)
        }

        /// Stops watching; the descriptor is still open.
        func remove(_ descriptor: CInt) {
            control(EPOLL_CTL_DEL, descriptor, 0, 0)
        }

        private func control(_ what: CInt, _ descriptor: CInt, _ mask: UInt32, _ token: UInt64) {
            var event = unsafe epoll_event()
            unsafe event.events = mask
            unsafe event.data.u64 = token
            unsafe epoll_ctl(epoll, what, descriptor, &event)
        }

        /// Makes a waiting or the next `wait` return.
        func wake() {
            var one: UInt64 = 1
            _ = uninterrupted { unsafe Glibc.write(wakeup, &one, 8) }
        }

        /// Waits at most `milliseconds` (-1: for ever) and reports what is ready.
        func wait(
            milliseconds: CInt,
            _ report: (UInt64, _ readable: Bool, _ writable: Bool, _ ended: Bool) -> Void
        ) {
            let count = unsafe epoll_wait(epoll, events, Self.eventsMax, milliseconds)
            guard count > 0 else { return }
            for i in 0..<Int(count) {
                let token = unsafe events[i].data.u64
                if token == Self.wakeToken {
                    var value: UInt64 = 0
                    _ = uninterrupted { unsafe Glibc.read(wakeup, &value, 8) }
                    continue
                }
                let mask = unsafe events[i].events
                let failed = mask & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
                let ended = failed || mask & EPOLLRDHUP.rawValue != 0
                report(
                    token, ended || mask & EPOLLIN.rawValue != 0,
                    failed || mask & EPOLLOUT.rawValue != 0, ended)
            }
        }
    }
#endif
