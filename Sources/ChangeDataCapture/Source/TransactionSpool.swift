import Bytes
import Formats
import Platform

/// What the server streams of transactions that are not committed yet: kept in memory up to a
/// limit, beyond it in files without a name, which go away with the process.
///
/// Belongs to the thread of the capture.
final class TransactionSpool {
    private final class Pending {
        var memory = OutputBuffer(capacity: 4 << 10)
        var file: (any File)?
        var fileBytes: Int64 = 0
        var aborted: Set<UInt32> = []
    }

    private let files: any FileSystem
    private let directory: String
    private let memoryBytesMax: Int
    private var pending: [UInt32: Pending] = [:]
    private var memoryBytes = 0
    /// The one that the open stream belongs to.
    private var current: Pending?

    /// Bytes read back at a time.
    private static let readBytes = 1 << 20
    /// Before each message: its length and its position in the log.
    private static let headerBytes = 12

    init(files: any FileSystem = POSIXFileSystem(), directory: String, memoryBytesMax: Int) {
        self.files = files
        self.directory = directory
        self.memoryBytesMax = memoryBytesMax
    }

    func start(_ xid: UInt32) {
        current = pending[xid]
        if current == nil {
            let made = Pending()
            pending[xid] = made
            current = made
        }
    }

    func stop() { current = nil }

    /// A message of the open stream.
    func append(_ message: RawSpan, at position: UInt64) throws(CaptureError) {
        guard let current else { return }
        current.memory.append(bigEndian: UInt32(truncatingIfNeeded: message.byteCount))
        current.memory.append(bigEndian: position)
        current.memory.append(message)
        memoryBytes += message.byteCount + Self.headerBytes
        if memoryBytes > memoryBytesMax { try spill() }
    }

    /// Forgets a transaction, or one that is part of it.
    func abort(_ xid: UInt32, _ subxid: UInt32) {
        if xid == subxid { return drop(xid) }
        pending[xid]?.aborted.insert(subxid)
    }

    func drop(_ xid: UInt32) {
        guard let gone = pending.removeValue(forKey: xid) else { return }
        memoryBytes -= gone.memory.count
        gone.file?.close()
    }

    func dropAll() {
        for xid in Array(pending.keys) { drop(xid) }
        current = nil
    }

    /// Gives the messages of a transaction in their order, with the subtransactions that were
    /// rolled back, and forgets it.
    func replay(_ xid: UInt32, _ body: (RawSpan, UInt64, Set<UInt32>) throws -> Void) throws {
        guard let kept = pending[xid] else { return }
        defer { drop(xid) }
        if let file = kept.file {
            var rest: [UInt8] = []
            var position: Int64 = 0
            while position < kept.fileBytes {
                let count = min(Self.readBytes, Int(kept.fileBytes - position))
                rest += try read(file, position, count)
                position += Int64(count)
                let used = try give(rest.rawSpan, kept.aborted, body)
                rest.removeFirst(used)
            }
        }
        _ = try give(kept.memory.bytes, kept.aborted, body)
    }

    /// Gives the whole messages at the front of `bytes`, and how many bytes they are.
    private func give(
        _ bytes: RawSpan, _ aborted: Set<UInt32>,
        _ body: (RawSpan, UInt64, Set<UInt32>) throws -> Void
    ) throws -> Int {
        var used = 0
        while bytes.byteCount - used >= Self.headerBytes {
            var reader = ByteReader(bytes.extracting(used..<used + Self.headerBytes))
            let (length, position) = (Int(reader.uint32()), reader.uint64())
            let start = used + Self.headerBytes
            guard bytes.byteCount - start >= length else { break }
            try body(bytes.extracting(start..<start + length), position, aborted)
            used = start + length
        }
        return used
    }

    /// Moves the largest part in memory to its file.
    private func spill() throws(CaptureError) {
        guard let largest = pending.values.max(by: { $0.memory.count < $1.memory.count }) else {
            return
        }
        do throws(SystemError) {
            let file: any File
            if let made = largest.file { file = made } else { file = try makeFile() }
            largest.file = file
            try file.write(at: largest.fileBytes, largest.memory.bytes)
        } catch {
            throw .file(
                CaptureReport(
                    "cannot spool a large transaction in \(directory): \(error.reason)",
                    hint: "TMPDIR names another directory"))
        }
        largest.fileBytes += Int64(largest.memory.count)
        memoryBytes -= largest.memory.count
        largest.memory = OutputBuffer(capacity: 4 << 10)
    }

    private func read(_ file: any File, _ position: Int64, _ count: Int) throws(CaptureError)
        -> [UInt8]
    {
        do throws(SystemError) {
            let bytes = try file.read(at: position, count: count)
            guard bytes.count == count else {
                throw SystemError(code: SystemError.ioErrorCode, operation: "read")
            }
            return bytes
        } catch {
            throw .file(
                CaptureReport("cannot read a spooled transaction in \(directory): \(error.reason)"))
        }
    }

    private func makeFile() throws(SystemError) -> any File {
        let path =
            "\(directory)/rtd-cdc-\(Processes.currentID)-"
            + String(UInt32.random(in: .min ... .max), radix: 36)
        let file = try files.create(path)
        try files.remove(path)
        return file
    }
}
