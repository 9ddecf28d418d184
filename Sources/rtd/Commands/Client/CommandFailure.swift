import Platform
import Service

/// Why a command ends without having done all that was asked: what stderr says after `rtd: `, and
/// the exit status.
struct CommandFailure: Error, Equatable, Sendable {
    var message: String
    var status: Int32 = 1

    init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }

    init(_ error: ServiceError) {
        self.init(error.message, status: error.status)
    }

    init(_ error: SystemError) {
        self.init(error.description)
    }
}
