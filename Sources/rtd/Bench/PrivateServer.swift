import Platform
import Service

/// A server of the benchmark's own, on a new directory beside the data directory, so on the same
/// file system. `remove` ends both; the main thread calls it, whatever the run has come to. After a
/// kill -9 of this process the server sees to both itself.
struct PrivateServer {
    let directory: DataDirectory
    let address: HostPort
    let processID: Int32

    init(beside data: DataDirectory, id: String) throws(CommandFailure) {
        directory = DataDirectory(path: Self.path(beside: data, id: id))
        do throws(ServiceError) {
            do throws(ServiceError) {
                let arguments = [
                    "--ready-pipe", "--private-to", String(Processes.currentID),
                    "--data", directory.path, "--kafka", "127.0.0.1:0", "-q",
                ]
                try LocalServer.detach(arguments, directory)
                guard let record = ServerJobs.status(directory), let text = record.kafka.first,
                    let address = try? HostPort(text)
                else {
                    throw ServiceError("the benchmark's own server has ended at its start")
                }
                self.address = address
                processID = record.processID
            } catch {
                Self.remove(directory)
                throw error
            }
        } catch {
            throw CommandFailure(error)
        }
    }

    /// A new directory beside the data directory: `~/.local/share/rtd-bench-<id>`.
    static func path(beside data: DataDirectory, id: String) -> String {
        let parent = POSIXFileSystem.parent(of: data.path)
        return (parent == "/" ? "" : parent) + "/" + id
    }

    /// Stops the server and removes its directory.
    func remove() {
        Self.remove(directory)
    }

    private static func remove(_ directory: DataDirectory) {
        do throws(ServiceError) {
            try ServerJobs.stop(directory)
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
        }
        do throws(SystemError) {
            try POSIXFileSystem().removeTree(RunDirectory(of: directory).path)
            try POSIXFileSystem().removeTree(directory.path)
        } catch {
            StandardError.write(line: "rtd: \(directory.path) is left: \(error)")
        }
    }
}
