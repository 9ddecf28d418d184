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
        let path = RunDirectory(of: directory).traceSocket
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

    /// Verifies every log of the directory, giving each damage to `found`; true if there is none.
    /// Throws with status 2 while a server has the directory.
    public static func check(_ directory: DataDirectory, found: (String) -> Void)
        throws(ServiceError) -> Bool
    {
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
            lock = try FileLock.take(directory.lockPath)
        } catch {
            throw ServiceError(error)
        }
        guard let lock else {
            let error = Takeover.inUse(directory, by: ServerRecord.holder(of: directory))
            throw ServiceError(error.message, status: 2)
        }
        return try withExtendedLifetime(lock) { () throws(ServiceError) in
            var sound = true
            var partitions: [String] = []
            let topics = directory.path + "/topics"
            guard fileSystem.exists(topics) else { return true }
            do throws(SystemError) {
                for topic in try fileSystem.list(topics) {
                    for partition in try fileSystem.list("\(topics)/\(topic)") {
                        partitions.append("\(topics)/\(topic)/\(partition)")
                    }
                }
            } catch {
                throw ServiceError(error)
            }
            for path in partitions {
                do throws(LogError) {
                    let result = try LogCheck.run(directory: path, fileSystem: fileSystem)
                    for finding in result.findings { found(finding.description) }
                    if !result.findings.isEmpty { sound = false }
                } catch {
                    sound = false
                    found("\(path): \(error)")
                }
            }
            return sound
        }
    }
}
