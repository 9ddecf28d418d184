import Bytes
import ChangeDataCapture
import Formats
import Platform

/// A file that a capture continues: lines, and beside it `FILE.position`, which says how many of
/// its bytes are whole transactions and where in the database's log these end.
///
/// What lies behind the bytes of the position is of a transaction that was cut off: it is removed
/// at the start and comes again. The position is written when the bytes before it are on the disk,
/// and only then is the server told.
final class CaptureFile: LineTarget {
    private static let positionBytesMax = 16 << 20
    private static let intervalNanoseconds: Int64 = 100_000_000
    /// The same while the log goes on without changes for the file.
    private static let idleNanoseconds: Int64 = 2_000_000_000

    private let path: String
    private let slot: String
    private let fileSystem = POSIXFileSystem()
    private let file: any File
    private let clock = SystemClock()
    private var size: Int64
    private var saved: LogSequenceNumber
    private var savedTime: Int64
    /// There is a position: what lies behind it is known to be of this capture.
    private var isMarked: Bool
    private var savedSize: Int64
    /// Held as long as this file is written.
    private let lock: FileLock
    /// Where the capture goes on; nil for a new file.
    let position: CapturePosition?
    var backfills: [BackfillState] = []
    var server: SourceServer?
    var followed: FollowedTables?
    private var savedBackfills: [BackfillState] = []
    private var savedFollowed: FollowedTables?
    let isKept = true
    var continues: Bool { position != nil }

    init(_ path: String, slot: String) throws(CommandFailure) {
        self.path = path
        self.slot = slot
        lock = try Self.lock(path)
        do throws(SystemError) {
            if fileSystem.exists(path) {
                file = try fileSystem.open(path)
            } else {
                file = try fileSystem.create(path)
            }
            size = try file.size()
        } catch {
            throw CommandFailure(error)
        }
        let state = try Self.read(path, slot, fileSystem)
        savedTime = clock.monotonicNanoseconds
        guard let state else {
            // Without a position nothing in it is known to be whole, but it is someone's.
            guard size == 0 else {
                throw CommandFailure(
                    "\(path) holds something else: there is no \(path).position beside it "
                        + "(name a new file)")
            }
            saved = LogSequenceNumber(0)
            position = nil
            isMarked = false
            savedSize = 0
            return
        }
        guard state.size <= size else {
            throw CommandFailure(
                "\(path) is shorter than \(path).position says: \(size) of \(state.size) bytes "
                    + "(remove both to begin anew)")
        }
        do throws(SystemError) {
            if state.size < size { try file.truncate(to: state.size) }
        } catch {
            throw CommandFailure(error)
        }
        size = state.size
        saved = state.position.end
        isMarked = true
        savedSize = state.size
        backfills = state.position.backfills
        savedBackfills = backfills
        server = state.position.server
        followed = state.position.tables
        savedFollowed = followed
        position = saved.value == 0 ? nil : state.position
    }

    deinit { file.close() }

    /// The bytes that it begins with, of those that are whole.
    func start(_ limit: Int) throws(CommandFailure) -> [UInt8] {
        do throws(SystemError) {
            return try file.read(at: 0, count: Int(min(size, Int64(limit))))
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Two that write one file would cut each other's changes off.
    private static func lock(_ path: String) throws(CommandFailure) -> FileLock {
        let lock: FileLock?
        do throws(SystemError) { lock = try FileLock.take(path, followsLinks: true) } catch {
            throw CommandFailure(error)
        }
        guard let lock else {
            throw CommandFailure("\(path) is being written by another rtd cdc")
        }
        return lock
    }

    func write(_ bytes: borrowing OutputBuffer) throws(CaptureOutputError) {
        // Whoever finds the file must know that its first bytes are no whole transactions yet.
        if !isMarked { try mark(LogSequenceNumber(0)) }
        do throws(SystemError) {
            try file.write(at: size, bytes.bytes)
        } catch {
            throw .failed(CommandFailure(error))
        }
        size += Int64(bytes.count)
    }

    func begins(at position: LogSequenceNumber) {
        if position < saved { saved = LogSequenceNumber(0) }
    }

    func reached(
        _ position: LogSequenceNumber, isLast: Bool
    ) throws(CaptureOutputError) -> LogSequenceNumber {
        let now = clock.monotonicNanoseconds
        let hasNews = backfills != savedBackfills || (followed != savedFollowed && isMarked)
        let isIdle = size == savedSize && !hasNews
        let interval = isIdle ? Self.idleNanoseconds : Self.intervalNanoseconds
        guard position > saved || hasNews,
            isLast || now - savedTime >= interval
        else {
            return saved
        }
        saved = max(saved, position)
        try mark(saved)
        savedBackfills = backfills
        savedFollowed = followed
        savedTime = now
        return saved
    }

    /// Writes the position of all bytes so far, which are on the disk then.
    private func mark(_ position: LogSequenceNumber) throws(CaptureOutputError) {
        let rest =
            backfills.isEmpty
            ? ""
            : ",\"backfills\":"
                + String(decoding: BackfillState.json(backfills), as: UTF8.self)
        let tables = followed.map { String(decoding: $0.json, as: UTF8.self) } ?? ""
        let text =
            "{\"lsn\":\"\(position)\",\"bytes\":\(size),\"slot\":\"\(slot)\""
            + (server.map { ",\"server\":\"\($0)\"" } ?? "") + tables + "\(rest)}\n"
        do throws(SystemError) {
            try file.synchronize()
            try fileSystem.replace(path + ".position", with: Array(text.utf8))
        } catch {
            throw .failed(CommandFailure(error))
        }
        isMarked = true
        savedSize = size
    }

    /// What the position beside a file says.
    private struct State {
        let position: CapturePosition
        let size: Int64
    }

    private static func read(
        _ path: String, _ slot: String, _ fileSystem: POSIXFileSystem
    ) throws(CommandFailure) -> State? {
        let name = path + ".position"
        guard fileSystem.exists(name) else { return nil }
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try fileSystem.readAll(name, limit: positionBytesMax)
        } catch {
            throw CommandFailure(error)
        }
        let members = CutRecord.members(bytes)
        guard let lsn = members["lsn"].flatMap({ LogSequenceNumber($0) }),
            let size = members["bytes"].flatMap({ Int64($0) }), size >= 0
        else { throw CommandFailure("\(name) is damaged: it names no position") }
        if let other = members["slot"], other != slot {
            throw CommandFailure(
                "\(path) was written from slot \"\(other)\", not \"\(slot)\" (--slot \(other))")
        }
        return State(
            position: CapturePosition(
                end: lsn, backfills: members["backfills"].map { BackfillState.read($0) } ?? [],
                server: members["server"].flatMap { SourceServer($0) },
                tables: FollowedTables(members)), size: size)
    }
}
