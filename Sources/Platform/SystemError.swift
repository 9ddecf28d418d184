#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A system call that failed: its errno, what was done and to what.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The value of errno.
    public let code: CInt
    /// The verb that people read: "open", "read", "bind".
    public let operation: String
    /// The path or address it was done to; empty if there is none.
    public let subject: String

    /// Why, where the caller knows more than errno says.
    private let words: String?

    public init(code: CInt, operation: String, subject: String = "", words: String? = nil) {
        self.code = code
        self.operation = operation
        self.subject = subject
        self.words = words
    }

    /// The error of the call that has just returned. Not inlined, so that nothing runs in between.
    @inline(never)
    static func last(_ operation: String, _ subject: String = "") -> SystemError {
        SystemError(code: errno, operation: operation, subject: subject)
    }

    /// The system's own words, such as "No such file or directory", or those of the caller.
    public var reason: String {
        unsafe words ?? String(cString: strerror(code))
    }

    public var description: String {
        subject.isEmpty
            ? "cannot \(operation): \(reason)" : "cannot \(operation) \(subject): \(reason)"
    }

    public var isNotFound: Bool { code == ENOENT }
    public var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }
    public var isBrokenPipe: Bool { code == EPIPE || code == ECONNRESET }
    public var isInUse: Bool { code == EADDRINUSE }
    public var isRefused: Bool { code == ECONNREFUSED }
    public var isNotPermitted: Bool { code == EACCES || code == EPERM || code == EROFS }

    /// Codes that simulated twins and callers build errors from.
    public static let ioErrorCode = EIO
    public static let noSpaceCode = ENOSPC
    public static let notFoundCode = ENOENT
    public static let existsCode = EEXIST
    public static let connectionRefusedCode = ECONNREFUSED
    public static let connectionResetCode = ECONNRESET
    public static let addressInUseCode = EADDRINUSE
    public static let timedOutCode = ETIMEDOUT
    public static let invalidCode = EINVAL
}

/// Repeats a system call that a signal interrupted; -1 is left to the caller.
@inline(__always)
func uninterrupted<T: FixedWidthInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result == -1 && errno == EINTR { continue }
        return result
    }
}
