import Platform

/// Where the Unix sockets of a data directory are: `$XDG_RUNTIME_DIR/rtd/<hash>`, else
/// `/tmp/rtd-<uid>/<hash>`; for this user only, and short enough for a socket's path.
public struct RunDirectory: Sendable {
    public let path: String
    private let parent: String

    public init(of data: DataDirectory, environment: (String) -> String? = ProcessEnvironment.value)
    {
        let hash = Self.hash(Processes.canonical(data.path))
        let runtime = environment("XDG_RUNTIME_DIR") ?? ""
        // The longest name in here, with the hash, takes 40 bytes.
        let fits = runtime.utf8.count + 60 <= SocketAddress.unixPathBytesMax
        parent =
            runtime.hasPrefix("/") && fits ? runtime + "/rtd" : "/tmp/rtd-\(Processes.userID)"
        path = parent + "/" + hash
    }

    /// The one that a server has named.
    private init(path: String) {
        self.path = path
        parent = POSIXFileSystem.parent(of: path)
    }

    /// Where the server of `data` listens: what it says of itself counts, for it may have another
    /// environment than this process. Throws if that place cannot be reached or trusted from here.
    static func ofServer(_ data: DataDirectory) throws(ServiceError) -> RunDirectory {
        guard let holder = ServerRecord.holder(of: data), let path = holder.runDirectory else {
            return RunDirectory(of: data)
        }
        let run = RunDirectory(path: path)
        if run.isThisUsersAlone { return run }
        // One that has just ended may have left its word to the next for a moment.
        Processes.pause(milliseconds: 20)
        guard ServerRecord.holder(of: data) == holder else { return RunDirectory(of: data) }
        try data.checkOwner()
        let isThere = POSIXFileSystem().exists(path)
        let place = isThere ? "which is not this user's alone" : "which does not exist here"
        let host = holder.isHere ? "" : " on \(holder.host)"
        throw ServiceError(
            "\(data.displayPath) is in use by \(holder.sentence)\(host) with its sockets in "
                + "\(path), \(place)"
                + (holder.kafka.first.map { "; --broker \($0) may reach it" } ?? ""))
    }

    /// The socket on which the server speaks Kafka.
    public var kafkaSocket: String { path + "/kafka.sock" }
    /// The socket on which it tells each request to whoever connects.
    public var traceSocket: String { path + "/trace.sock" }

    /// FNV-1a over the path, in hex: stable, and without anything of the path in it.
    private static func hash(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Makes it if it is missing, and refuses one that others have made or can reach.
    func prepare() throws(ServiceError) {
        let fileSystem = POSIXFileSystem()
        for directory in [parent, path] {
            do throws(SystemError) {
                try fileSystem.makeDirectories(directory, isDurable: false)
            } catch {
                throw ServiceError(error)
            }
            guard Self.isThisUsersAlone(directory) else {
                throw ServiceError(
                    "\(directory) is not this user's alone; XDG_RUNTIME_DIR names another place")
            }
        }
    }

    var isThisUsersAlone: Bool { Self.isThisUsersAlone(path) }

    private static func isThisUsersAlone(_ directory: String) -> Bool {
        let fileSystem = POSIXFileSystem()
        guard let owner = fileSystem.owner(directory) else { return false }
        return owner.user == Processes.userID && !owner.writableByOthers
            && fileSystem.isDirectory(directory)
    }

    /// The data directories whose run directories lie beside each other here.
    static func dataDirectories() -> [DataDirectory] {
        let parent = RunDirectory(of: DataDirectory(path: "/")).parent
        let fileSystem = POSIXFileSystem()
        guard let names = try? fileSystem.list(parent) else { return [] }
        return names.compactMap { name in
            guard let bytes = try? fileSystem.readAll("\(parent)/\(name)/data", limit: 4_096) else {
                return nil
            }
            return DataDirectory(path: String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Notes which data directory this one belongs to.
    func note(_ data: DataDirectory) throws(ServiceError) {
        do throws(SystemError) {
            try POSIXFileSystem().replace(
                path + "/data", with: Array(data.path.utf8), isDurable: false)
        } catch {
            throw ServiceError(error)
        }
    }

    /// Removes a socket that a dead server has left.
    func removeSocket(_ path: String) {
        // It may not exist, which is as well.
        try? POSIXFileSystem().remove(path)
    }
}
