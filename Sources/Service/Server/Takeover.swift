import Platform

/// How the lock of a data directory passes from one server to another.
enum Takeover {
    /// How long a server that was asked to leave may take: it drains and syncs first.
    private static let patienceMilliseconds = 15_000
    /// How often the lock is tried while nobody holds it for good.
    private static let lookersMax = 100

    /// Takes the lock. `rtd serve` takes over from a server on demand; another `rtd serve` is left
    /// alone and named.
    static func lock(_ directory: DataDirectory, for kind: ServerRecord.Kind)
        throws(ServiceError) -> FileLock
    {
        do throws(SystemError) {
            for _ in 0..<lookersMax {
                if let lock = try take(directory) { return lock }
                if kind != .onDemand, let holder = patientHolder(of: directory),
                    holder.kind == .onDemand, holder.isHere
                {
                    Processes.signal(holder.processID, Signals.terminate)
                    if let lock = try wait(directory) { return lock }
                }
                // Somebody may only have looked whether it is held.
                if FileLock.isHeld(directory.lockPath) { break }
            }
        } catch {
            throw ServiceError(error)
        }
        throw inUse(directory, by: ServerRecord.holder(of: directory))
    }

    /// Takes the lock. What the server before has said of itself goes: nobody must take it for this
    /// one's word, and signal a process that is none of ours.
    static func take(_ directory: DataDirectory) throws(SystemError) -> FileLock? {
        let lock = try FileLock.take(directory.lockPath)
        try lock?.write("")
        return lock
    }

    /// The holder, given a moment to say who it is if it has only just taken the lock.
    private static func patientHolder(of directory: DataDirectory) -> ServerRecord? {
        for _ in 0..<100 {
            if let holder = ServerRecord.holder(of: directory) { return holder }
            if !FileLock.isHeld(directory.lockPath) { return nil }
            Processes.pause(milliseconds: 10)
        }
        return nil
    }

    /// Asks an older server on demand to leave; it does if nobody uses it, else it is as good.
    static func dismissOlder(_ directory: DataDirectory, than version: String) {
        guard let holder = ServerRecord.holder(of: directory), holder.kind == .onDemand,
            holder.isHere, isOlder(holder.version, than: version)
        else { return }
        Processes.signal(holder.processID, Signals.hangUp)
        for _ in 0..<400 where FileLock.isHeld(directory.lockPath) {
            Processes.pause(milliseconds: 5)
        }
    }

    /// Compares versions part by part: 0.9.1 is older than 0.10.0.
    static func isOlder(_ version: String, than other: String) -> Bool {
        let parts = version.split(separator: ".").map { Int($0) ?? 0 }
        return parts.lexicographicallyPrecedes(other.split(separator: ".").map { Int($0) ?? 0 })
    }

    private static func wait(_ directory: DataDirectory) throws(SystemError) -> FileLock? {
        for _ in 0..<patienceMilliseconds / 5 {
            if let lock = try take(directory) { return lock }
            Processes.pause(milliseconds: 5)
        }
        return nil
    }

    static func inUse(_ directory: DataDirectory, by holder: ServerRecord?) -> ServiceError {
        let who = holder?.sentence ?? "another process"
        return ServiceError(
            "\(directory.displayPath) is in use by \(who); rtd serve --stop ends it",
            isInUse: true)
    }

    /// Stops the directory's server and returns when it is gone. False if none ran.
    static func stop(_ directory: DataDirectory) throws(ServiceError) -> Bool {
        guard FileLock.isHeld(directory.lockPath) else { return false }
        guard let holder = patientHolder(of: directory) else {
            if !FileLock.isHeld(directory.lockPath) { return false }
            throw ServiceError(
                "\(directory.displayPath) is in use by a process that does not answer")
        }
        guard holder.isHere else {
            throw ServiceError(
                "the server of \(directory.displayPath) runs on \(holder.host); stop it there")
        }
        guard Processes.signal(holder.processID, Signals.terminate) else {
            throw ServiceError("\(holder.sentence) cannot be stopped by this user")
        }
        for _ in 0..<patienceMilliseconds / 5 {
            if !FileLock.isHeld(directory.lockPath) { return true }
            Processes.pause(milliseconds: 5)
        }
        throw ServiceError(
            "\(holder.sentence) has not stopped; kill -9 \(holder.processID) ends it")
    }
}
