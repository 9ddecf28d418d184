import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Waits for something to happen to the file of a name: more bytes, another file, none any more.
///
/// One thread waits; any thread may stop it. Linux tells of changes by inotify; elsewhere, and
/// where inotify has no watch to give, a timer says when to look again.
public final class FileWatch: @unchecked Sendable {
    private let path: String
    private let stopped: StopSignal
    /// -1: there is a timer only.
    private let events: CInt
    private var watched: CInt = -1

    /// How long a change may go unseen where nothing tells of it.
    private static let timerMilliseconds: CInt = 20
    /// File systems of other machines tell of their own changes only.
    private static let checkMilliseconds: CInt = 250

    public init(_ path: String) throws(SystemError) {
        self.path = path
        stopped = try StopSignal()
        #if os(Linux)
            events = inotify_init1(CInt(IN_NONBLOCK) | CInt(IN_CLOEXEC))
            watchFolder()
            renew()
        #else
            events = -1
        #endif
    }

    deinit { if events >= 0 { closeDescriptor(events) } }

    public var isStopped: Bool { stopped.isSet }

    /// `wait` returns, and does not wait again.
    public func stop() { stopped.set() }

    /// Another file may have the name now: it is the one to watch.
    public func renew() {
        #if os(Linux)
            guard events >= 0 else { return }
            let changes = IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
            let new = unsafe inotify_add_watch(events, path, UInt32(changes))
            if watched >= 0, watched != new { _ = inotify_rm_watch(events, watched) }
            watched = new
        #endif
    }

    /// Returns when something may have happened, or when it was stopped.
    public func wait() {
        if stopped.isSet { return }
        var waited = [
            pollfd(fd: stopped.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: events, events: Int16(POLLIN), revents: 0),
        ]
        let isTold = events >= 0 && watched >= 0
        let timeout = isTold ? Self.checkMilliseconds : Self.timerMilliseconds
        // A negative descriptor is left out.
        let count = unsafe poll(&waited, nfds_t(waited.count), timeout)
        if count > 0, events >= 0 { drain() }
    }

    private func drain() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while unsafe bytes.withUnsafeMutableBytes({
            unsafe readEvents(events, $0.baseAddress, $0.count)
        }) > 0 {}
    }

    #if os(Linux)
        /// A new file of the name is made or moved there.
        private func watchFolder() {
            guard events >= 0 else { return }
            var folder = "."
            if let slash = path.lastIndex(of: "/") {
                folder = slash == path.startIndex ? "/" : String(path[..<slash])
            }
            _ = unsafe inotify_add_watch(events, folder, UInt32(IN_CREATE | IN_MOVED_TO))
        }
    #endif
}

private func readEvents(
    _ descriptor: CInt, _ target: UnsafeMutableRawPointer?, _ count: Int
) -> Int {
    unsafe read(descriptor, target, count)
}
