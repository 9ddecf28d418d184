import Platform

/// Why a server cannot run or be reached, in words for the person at the shell: the thing, then the
/// way out.
public struct ServiceError: Error, Equatable, Sendable {
    public let message: String
    /// The exit status of the command that met it.
    public let status: Int32

    /// The directory has another server.
    public let isInUse: Bool

    public init(_ message: String, status: Int32 = 1, isInUse: Bool = false) {
        self.message = message
        self.status = status
        self.isInUse = isInUse
    }

    init(_ error: SystemError) {
        self.init(error.description)
    }
}
