import Aggregation
import Bytes
import Formats
import Platform

/// The directory of `--state`: what one query knew at some steps, the two newest kept. It belongs
/// to one process at a time, by a lock that is gone with it. Used by the query's thread.
///
/// A snapshot is written beside, synced and renamed, so whatever ends the process leaves the last
/// one whole.
final class StateDirectory {
    let path: String
    private let fileSystem: any FileSystem
    private let lock: FileLock
    private var newest: UInt64 = 0

    private static let kept = 2
    private static let ending = ".snapshot"

    /// Makes the directory, and takes the lock.
    init(_ path: String, fileSystem: any FileSystem = POSIXFileSystem()) throws(SQLError) {
        self.path = path
        self.fileSystem = fileSystem
        let taken: FileLock?
        do throws(SystemError) {
            try fileSystem.makeDirectories(path)
            taken = try FileLock.take(path + "/lock")
            newest = try StateDirectory.numbers(path, fileSystem).last ?? 0
        } catch {
            throw StateDirectory.failure(error)
        }
        guard let taken else {
            throw SQLError(
                "the state in \(path) is in use by another rtd query", .objectInUse,
                hint: "End that one, or name another directory.")
        }
        lock = taken
    }

    private static func failure(_ error: SystemError) -> SQLError {
        SQLError(
            "cannot \(error.operation) state \(error.subject): \(error.reason)",
            error.isNoSpace ? .diskFull : .inputOutputError)
    }

    /// In ascending order.
    private static func numbers(
        _ path: String, _ fileSystem: any FileSystem
    ) throws(SystemError) -> [UInt64] {
        try fileSystem.list(path).compactMap { name in
            name.hasSuffix(ending) ? UInt64(name.dropLast(ending.count)) : nil
        }.sorted()
    }

    private func file(_ number: UInt64) -> String {
        let digits = String(number)
        return path + "/" + String(repeating: "0", count: max(0, 20 - digits.count)) + digits
            + StateDirectory.ending
    }

    struct SnapshotFile {
        var number: UInt64
        var name: String
        var bytes: [UInt8]
    }

    /// The snapshots that are there, the newest first.
    func snapshots() throws(SQLError) -> [SnapshotFile] {
        do throws(SystemError) {
            return try StateDirectory.numbers(path, fileSystem).reversed().map {
                number throws(SystemError) in
                let name = file(number)
                return SnapshotFile(
                    number: number, name: name,
                    bytes: try fileSystem.readAll(name, limit: Int.max))
            }
        } catch {
            throw StateDirectory.failure(error)
        }
    }

    /// Snapshots that are newer than one do not count any more; nil: none does.
    func remove(after number: UInt64?) throws(SQLError) {
        do throws(SystemError) {
            for other in try StateDirectory.numbers(path, fileSystem) where other > number ?? 0 {
                try fileSystem.remove(file(other))
            }
            newest = number ?? 0
        } catch {
            throw StateDirectory.failure(error)
        }
    }

    /// Durable when it returns; older ones than the last two are removed.
    func save(_ bytes: [UInt8]) throws(SQLError) {
        do throws(SystemError) {
            newest += 1
            try fileSystem.replace(file(newest), with: bytes)
            for number in try StateDirectory.numbers(path, fileSystem).dropLast(Self.kept) {
                try fileSystem.remove(file(number))
            }
        } catch {
            throw StateDirectory.failure(error)
        }
    }
}
