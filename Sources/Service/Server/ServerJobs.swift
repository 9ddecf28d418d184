import LogStorage
import Platform

/// What `rtd serve` can do instead of serving.
public enum ServerJobs {
    /// The directory's server, if one runs.
    public static func status(_ directory: DataDirectory) -> ServerRecord? {
        ServerRecord.holder(of: directory)
    }

    /// All servers of this user that have a run directory here.
    public static func allStatus() -> [ServerRecord] {
        RunDirectory.dataDirectories().compactMap { ServerRecord.holder(of: $0) }
    }

    /// Gives each line that the server's trace tells, until it ends or `line` says to stop.
    public static func trace(_ directory: DataDirectory, line: (String) -> Bool)
        throws(ServiceError) -> Int32
    {
        let path = try RunDirectory.ofServer(directory).traceSocket
        do throws(SystemError) {
            try SocketLines.read(.unix(path: path), line)
        } catch {
            throw ServiceError(error)
        }
        return 0
    }

    /// Stops the server and returns when it is gone; one that does not run is fine.
    public static func stop(_ directory: DataDirectory) throws(ServiceError) {
        _ = try Takeover.stop(directory)
    }

    /// What `check` has read, of one log or of all.
    public struct Checked: Sendable {
        public var logs = 0
        public var batches: Int64 = 0
        public var bytes: Int64 = 0
        /// Of tails that the next start will cut: torn, never acknowledged, no damage.
        public var tornBytes: Int64 = 0
        public var damages = 0

        mutating func add(_ other: Checked) {
            logs += other.logs
            batches += other.batches
            bytes += other.bytes
            tornBytes += other.tornBytes
            damages += other.damages
        }
    }

    /// Verifies every log of the directory, giving each damage to `found` and each log that was
    /// read, with its path, to `read`. Throws with status 2 while a server has the directory.
    public static func check(
        _ directory: DataDirectory, found: (String) -> Void, read: (String, Checked) -> Void
    ) throws(ServiceError) -> Checked {
        let fileSystem = POSIXFileSystem()
        guard fileSystem.exists(directory.path) else {
            throw ServiceError("\(directory.displayPath) does not exist; --data names another")
        }
        guard fileSystem.exists(directory.formatPath) else {
            throw ServiceError(
                "\(directory.displayPath) is no data directory of rtd; --data names another")
        }
        let lock: FileLock?
        do throws(SystemError) {
            lock = try Takeover.take(directory)
        } catch {
            throw ServiceError(error)
        }
        guard let lock else {
            let error = Takeover.inUse(directory, by: ServerRecord.holder(of: directory))
            throw ServiceError(error.message, status: 2)
        }
        return try withExtendedLifetime(lock) { () throws(ServiceError) in
            var all = Checked()
            for path in try partitions(directory, fileSystem) {
                let checked = check(log: path, fileSystem, found: found)
                read(path, checked)
                all.add(checked)
            }
            return all
        }
    }

    private static func partitions(
        _ directory: DataDirectory, _ fileSystem: POSIXFileSystem
    ) throws(ServiceError) -> [String] {
        let topics = directory.path + "/topics"
        guard fileSystem.exists(topics) else { return [] }
        do throws(SystemError) {
            var partitions: [String] = []
            for topic in try fileSystem.list(topics).sorted() {
                for partition in try fileSystem.list("\(topics)/\(topic)").sorted() {
                    partitions.append("\(topics)/\(topic)/\(partition)")
                }
            }
            return partitions
        } catch {
            throw ServiceError(error)
        }
    }

    private static func check(
        log path: String, _ fileSystem: POSIXFileSystem, found: (String) -> Void
    ) -> Checked {
        do throws(LogError) {
            let result = try LogCheck.run(directory: path, fileSystem: fileSystem)
            for finding in result.findings { found(finding.description) }
            return Checked(
                logs: 1, batches: result.batches, bytes: result.bytes,
                tornBytes: result.tornBytes, damages: result.findings.count)
        } catch {
            found("\(path): \(error)")
            return Checked(logs: 1, damages: 1)
        }
    }
}
