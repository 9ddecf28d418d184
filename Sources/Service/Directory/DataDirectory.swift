import Bytes
import Platform
import Records

/// The directory that holds everything (DESIGN §2, "Where data lives"): where it is, whose it is,
/// in which format, and who has it open.
public struct DataDirectory: Sendable {
    /// Absolute.
    public let path: String

    /// The format that this version writes.
    static let formatVersion = 1

    public init(path: String) {
        self.path = path
    }

    /// `asked` is what `--data` said; else `$RTD_DATA`, `$XDG_DATA_HOME/rtd`, `~/.local/share/rtd`.
    public static func locate(
        _ asked: String?, environment: (String) -> String? = ProcessEnvironment.value
    ) throws(ServiceError) -> DataDirectory {
        func given(_ name: String) -> String? {
            environment(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        if let path = asked ?? given("RTD_DATA") { return DataDirectory(path: absolute(path)) }
        if let data = given("XDG_DATA_HOME"), data.hasPrefix("/") {
            return DataDirectory(path: data + "/rtd")
        }
        guard let home = given("HOME"), home.hasPrefix("/") else {
            throw ServiceError("HOME is not set; RTD_DATA or --data names a directory for the data")
        }
        #if os(macOS)
            return DataDirectory(path: home + "/Library/Application Support/rtd")
        #else
            return DataDirectory(path: home + "/.local/share/rtd")
        #endif
    }

    private static func absolute(_ path: String) -> String {
        var path = path
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        if path.hasPrefix("/") { return path }
        let here = Processes.canonical(".")
        return path == "." ? here : here + "/" + path
    }

    /// The path as people write it, with `~` for the home directory.
    public var displayPath: String {
        guard let home = ProcessEnvironment.value("HOME"), home.count > 1,
            path.hasPrefix(home + "/")
        else { return path }
        return "~" + path.dropFirst(home.count)
    }

    var lockPath: String { path + "/lock" }
    var formatPath: String { path + "/format" }
    public var logPath: String { path + "/server.log" }

    /// Makes the directory if it is missing, and checks that it is this user's.
    public func prepare() throws(ServiceError) {
        let fileSystem = POSIXFileSystem()
        do throws(SystemError) {
            try fileSystem.makeDirectories(path)
            // One that was killed right after it had made the directory has not synced it.
            if !fileSystem.exists(formatPath) {
                try fileSystem.syncDirectory(POSIXFileSystem.parent(of: path))
            }
            // Some file systems, such as /proc, take no files of ours, whoever we are.
            if !fileSystem.exists(lockPath) {
                let probe = path + "/rtd-\(Processes.currentID)"
                try fileSystem.create(probe).close()
                try fileSystem.remove(probe)
            }
        } catch {
            throw ServiceError(
                "\(displayPath) cannot hold data: \(error.description); RTD_DATA or --data names "
                    + "another directory")
        }
        try checkOwner()
    }

    /// Throws unless it is this user's alone.
    func checkOwner() throws(ServiceError) {
        guard let owner = POSIXFileSystem().owner(path) else {
            throw ServiceError("\(displayPath) cannot be looked at; RTD_DATA names another")
        }
        guard owner.user == Processes.userID else {
            throw ServiceError(
                "\(displayPath) belongs to \(Processes.userName(owner.user)); "
                    + "RTD_DATA or --data names another directory")
        }
        if owner.writableByOthers {
            throw ServiceError(
                "\(displayPath) can be written by other users; chmod go-w \(displayPath)")
        }
    }

    /// What `format` says: version, cluster id, node id.
    struct Format: Equatable {
        var version: Int
        var clusterID: UUID
        var nodeID: Int32

        var text: String {
            "version=\(version)\ncluster.id=\(clusterID)\nnode.id=\(nodeID)\n"
        }

        init(version: Int, clusterID: UUID, nodeID: Int32) {
            self.version = version
            self.clusterID = clusterID
            self.nodeID = nodeID
        }

        init?(_ text: String) {
            var values: [Substring: Substring] = [:]
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { values[parts[0]] = parts[1] }
            }
            guard let version = values["version"].flatMap({ Int($0) }),
                let clusterID = values["cluster.id"].flatMap({ UUID(String($0)) }),
                let nodeID = values["node.id"].flatMap({ Int32($0) })
            else { return nil }
            self.init(version: version, clusterID: clusterID, nodeID: nodeID)
        }
    }

    /// Reads `format`, or writes it into a new directory. Under the lock.
    func openFormat(random: any RandomSource) throws(ServiceError) -> Format {
        let fileSystem = POSIXFileSystem()
        let existing: [UInt8]?
        do throws(SystemError) {
            let exists = fileSystem.exists(formatPath)
            existing = exists ? try fileSystem.readAll(formatPath, limit: 4_096) : nil
        } catch {
            throw ServiceError(error)
        }
        if let existing {
            guard let format = Format(String(decoding: existing, as: UTF8.self)) else {
                throw ServiceError(
                    "\(formatPath) is damaged; restore it from a backup of the directory")
            }
            return try check(format)
        }
        let format = Format(
            version: Self.formatVersion,
            clusterID: UUID(high: random.next() | 1, low: random.next()), nodeID: 1)
        do throws(SystemError) {
            try fileSystem.replace(formatPath, with: Array(format.text.utf8))
        } catch {
            throw ServiceError(error)
        }
        return format
    }

    private func check(_ format: Format) throws(ServiceError) -> Format {
        guard format.version <= Self.formatVersion else {
            throw ServiceError(
                "\(displayPath) was written by a newer rtd (format \(format.version), this one "
                    + "reads up to \(Self.formatVersion)); use that version")
        }
        return format
    }
}
