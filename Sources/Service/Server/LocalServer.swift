import Platform

/// The way of every command to the server of a local directory: its socket, started on demand
/// (DESIGN law 2).
public enum LocalServer {
    /// The hidden switch by which a command starts a server for itself.
    public static let onDemandSwitch = "--on-demand"
    private static let patienceMilliseconds = 20_000

    /// The socket of the directory's server; starts one if none runs, and in the place of an older
    /// one on demand that nobody uses. `version` is this program's. Blocks until it is ready.
    public static func socket(of directory: DataDirectory, version: String) throws(ServiceError)
        -> SocketAddress
    {
        if FileLock.isHeld(directory.lockPath) {
            Takeover.dismissOlder(directory, than: version)
            if let address = try answering(directory) { return address }
        }
        if ProcessEnvironment.value("RTD_AUTOSTART") == "0" {
            throw ServiceError(
                "no server runs for \(directory.displayPath) and RTD_AUTOSTART=0 forbids to start "
                    + "one; rtd serve --data \(directory.displayPath) does")
        }
        try directory.prepare()
        for _ in 0..<patienceMilliseconds / 10 {
            switch try start(directory) {
            case .ready: return .unix(path: RunDirectory(of: directory).kafkaSocket)
            case .busy:
                // Someone else is starting one, or one is just leaving.
                if let address = try answering(directory) { return address }
                Processes.pause(milliseconds: 10)
            }
        }
        throw Takeover.inUse(directory, by: ServerRecord.holder(of: directory))
    }

    /// The socket of the server that holds the directory; nil while none answers.
    private static func answering(_ directory: DataDirectory) throws(ServiceError)
        -> SocketAddress?
    {
        guard FileLock.isHeld(directory.lockPath) else { return nil }
        let run = try RunDirectory.ofServer(directory)
        let address = SocketAddress.unix(path: run.kafkaSocket)
        return run.isThisUsersAlone && SocketProbe.accepts(address) ? address : nil
    }

    private enum Outcome { case ready, busy }

    private static func start(_ directory: DataDirectory) throws(ServiceError) -> Outcome {
        if FileLock.isHeld(directory.lockPath) { return .busy }
        let message: String
        do throws(SystemError) {
            message = try DetachedProcess.start(
                Processes.executablePath,
                ["serve", onDemandSwitch, "--data", directory.path], log: directory.logPath
            ).waitForMessage()
        } catch {
            throw ServiceError(error)
        }
        return try outcome(message, directory)
    }

    /// What a started server has said: "ready", "busy", or "error" with a status and its words.
    private static func outcome(_ message: String, _ directory: DataDirectory)
        throws(ServiceError) -> Outcome
    {
        let words = message.split(separator: " ", maxSplits: 2)
        switch words.first {
        case "ready": return .ready
        case "busy": return .busy
        case "error" where words.count == 3:
            throw ServiceError(String(words[2]), status: Int32(words[1]) ?? 1)
        default:
            throw ServiceError(
                "the server of \(directory.displayPath) ended at its start; "
                    + "\(directory.logPath) says why")
        }
    }

    /// Starts `rtd serve` with `arguments` in the background and returns when it is ready.
    public static func detach(_ arguments: [String], _ directory: DataDirectory)
        throws(ServiceError)
    {
        try directory.prepare()
        let message: String
        do throws(SystemError) {
            message = try DetachedProcess.start(
                Processes.executablePath, ["serve"] + arguments, log: directory.logPath
            ).waitForMessage()
        } catch {
            throw ServiceError(error)
        }
        if try outcome(message, directory) == .busy {
            throw Takeover.inUse(directory, by: ServerRecord.holder(of: directory))
        }
    }
}
