import Bytes
import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// This process and others: who they are, how to start and to signal them.
public enum Processes {
    public static var currentID: Int32 { getpid() }
    /// The process that started this one; another one once that has ended.
    public static var parentID: Int32 { getppid() }
    public static var userID: UInt32 { UInt32(geteuid()) }

    /// The name of this machine.
    public static var hostName: String {
        var text = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&text, text.count - 1) == 0 else { return "localhost" }
        return SocketAddress.string(text)
    }

    /// CPUs that this process may use.
    /// Bytes of memory that this process may use: the machine's, or less where its control group
    /// says so.
    public static var memoryBytes: Int {
        let pages = sysconf(CInt(_SC_PHYS_PAGES))
        var bytes = max(1, Int(pages)) * max(1, Int(sysconf(CInt(_SC_PAGESIZE))))
        for path in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
            guard let file = try? POSIXFileSystem().openReadOnly(path) else { continue }
            defer { file.close() }
            let text = (try? file.read(at: 0, count: 64)) ?? []
            let digits = text.prefix { $0 >= 0x30 && $0 <= 0x39 }
            if let limit = Int(String(decoding: digits, as: UTF8.self)) {
                bytes = min(bytes, limit)
            }
        }
        return bytes
    }

    public static var processorCount: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }

    /// The name of a user, or the number if it has none.
    public static func userName(_ id: UInt32) -> String {
        guard let entry = unsafe getpwuid(uid_t(id)), let name = unsafe entry.pointee.pw_name else {
            return String(id)
        }
        return unsafe String(cString: name)
    }

    /// The file that this process runs.
    public static var executablePath: String {
        #if os(Linux)
            return "/proc/self/exe"
        #else
            var size = UInt32(4_096)
            var text = [CChar](repeating: 0, count: Int(size))
            return unsafe _NSGetExecutablePath(&text, &size) == 0
                ? SocketAddress.string(text) : CommandLine.arguments[0]
        #endif
    }

    /// An absolute path without links, "." and ".."; the path as it is if it does not exist.
    public static func canonical(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// Sends a signal; false if there is no such process or it belongs to someone else.
    @discardableResult
    public static func signal(_ id: Int32, _ number: CInt) -> Bool {
        kill(id, number) == 0
    }

    /// Makes everything that this process creates accessible to its user only.
    public static func restrictFileModes() {
        _ = umask(0o077)
    }

    /// Memory that holds secrets is not written to a file when the process crashes.
    public static func forbidCoreDumps() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        #if canImport(Glibc)
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        #else
            _ = unsafe setrlimit(RLIMIT_CORE, &limit)
        #endif
    }

    /// Raises the number of files this process may open as far as it is allowed to.
    public static func raiseFileLimit() {
        var limit = rlimit()
        #if canImport(Glibc)
            let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let kind = RLIMIT_NOFILE
        #endif
        guard unsafe getrlimit(kind, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(kind, &limit)
    }

    /// Blocks for a while; for waits at the rim of a command only.
    public static func pause(milliseconds: Int) {
        usleep(UInt32(milliseconds) * 1_000)
    }
}

private func makePipe(_ ends: UnsafeMutablePointer<CInt>) -> CInt {
    unsafe pipe(ends)
}

/// A process of its own session that outlives this one, and the pipe on which it says it is ready.
public struct DetachedProcess: Sendable {
    public let id: Int32
    private let readingEnd: CInt

    /// The descriptor under which the new process finds the writing end of the pipe.
    public static let readyDescriptor: CInt = 3

    /// Starts `executable` with "/" as working directory, its errors in `log` (appended), and
    /// nothing else that is open here.
    public static func start(
        _ executable: String, _ arguments: [String], log: String
    ) throws(SystemError) -> DetachedProcess {
        var ends: [CInt] = [-1, -1]
        guard unsafe makePipe(&ends) == 0 else { throw SystemError.last("make a pipe") }
        // Above the descriptor it becomes in the child, so that the copy is one, and closed by
        // exec.
        let writing = fcntl(ends[1], F_DUPFD_CLOEXEC, readyDescriptor + 1)
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        closeDescriptor(ends[1])
        defer { closeDescriptor(writing) }
        var pointers = unsafe ([executable] + arguments).map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        var id: CInt = 0
        let status = unsafe rtd_spawn_detached(
            executable, pointers, log, writing, readyDescriptor, &id)
        guard status == 0 else {
            closeDescriptor(ends[0])
            throw SystemError(code: status, operation: "start", subject: executable)
        }
        return DetachedProcess(id: id, readingEnd: ends[0])
    }

    /// Waits for what the process says until it says no more; empty if it ended without a word.
    public func waitForMessage() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1_024)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { target in
                uninterrupted { unsafe read(readingEnd, target.baseAddress, target.count) }
            }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        closeDescriptor(readingEnd)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Says something to the process that started this one, and closes the pipe.
    public static func tellStarter(_ message: String) {
        let pipe = PipeEnd(descriptor: readyDescriptor)
        // A starter that has left wants to know nothing.
        try? pipe.write(Array(message.utf8).rawSpan)
        pipe.close()
    }
}
