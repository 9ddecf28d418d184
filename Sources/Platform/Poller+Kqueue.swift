#if !os(Linux)
    import CSystem
    import Darwin

    /// kqueue with EV_CLEAR (edge-triggered) and a user event that wakes it.
    @safe struct Poller {
        private let queue: CInt
        private let events: UnsafeMutablePointer<kevent>
        private static let eventsMax: CInt = 256
        private static let wakeIdentifier: UInt = 0

        init() {
            queue = kqueue()
            precondition(queue >= 0, "no descriptor left for an event loop")
            unsafe events = .allocate(capacity: Int(Self.eventsMax))
            change(Self.wakeIdentifier, EVFILT_USER, UInt16(EV_ADD | EV_CLEAR), 0, 0)
        }

        func close() {
            closeDescriptor(queue)
            unsafe events.deallocate()
        }

        func add(_ descriptor: CInt, token: UInt64) {
            let flags = UInt16(EV_ADD | EV_CLEAR)
            change(UInt(descriptor), EVFILT_READ, flags, 0, token)
            change(UInt(descriptor), EVFILT_WRITE, flags, 0, token)
        }

        func remove(_ descriptor: CInt) {
            change(UInt(descriptor), EVFILT_READ, UInt16(EV_DELETE), 0, 0)
            change(UInt(descriptor), EVFILT_WRITE, UInt16(EV_DELETE), 0, 0)
        }

        private func change(
            _ identifier: UInt, _ filter: Int, _ flags: UInt16, _ detail: UInt32, _ token: UInt64
        ) {
            var event = unsafe kevent(
                ident: identifier, filter: Int16(filter), flags: flags, fflags: detail, data: 0,
                udata: UnsafeMutableRawPointer(bitPattern: UInt(token)))
            unsafe kevent(queue, &event, 1, nil, 0, nil)
        }

        func wake() {
            change(Self.wakeIdentifier, EVFILT_USER, 0, UInt32(NOTE_TRIGGER), 0)
        }

        func wait(
            milliseconds: CInt,
            _ report: (UInt64, _ readable: Bool, _ writable: Bool, _ ended: Bool) -> Void
        ) {
            var limit = timespec(
                tv_sec: Int(milliseconds) / 1_000, tv_nsec: Int(milliseconds) % 1_000 * 1_000_000)
            let count =
                milliseconds < 0
                ? unsafe kevent(queue, nil, 0, events, Self.eventsMax, nil)
                : unsafe kevent(queue, nil, 0, events, Self.eventsMax, &limit)
            guard count > 0 else { return }
            for i in 0..<Int(count) {
                let event = unsafe events[i]
                if unsafe event.filter == Int16(EVFILT_USER) { continue }
                let token = unsafe UInt64(UInt(bitPattern: event.udata))
                let ended = unsafe event.flags & UInt16(EV_EOF | EV_ERROR) != 0
                let readable = unsafe event.filter == Int16(EVFILT_READ)
                report(token, readable || ended, !readable || ended, ended)
            }
        }
    }
#endif
