/// Why a command line was refused: one sentence without a full stop, naming the argument and the
/// way out. The program prints it after `rtd: ` on stderr and ends with `exitStatus`.
public struct UsageError: Error, Equatable, Sendable {
    public static let exitStatus: Int32 = 2

    public let message: String

    public init(_ message: String) {
        self.message = message
    }
}
