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
                try fileSystem.makeDirectories(directory)
            } catch {
                throw ServiceError(error)
            }
            guard let owner = fileSystem.owner(directory), owner.user == Processes.userID,
                !owner.writableByOthers, fileSystem.isDirectory(directory)
            else {
                throw ServiceError(
                    "\(directory) is not this user's alone; XDG_RUNTIME_DIR names another place")
            }
        }
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
