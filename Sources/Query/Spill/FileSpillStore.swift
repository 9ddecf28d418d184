import Aggregation
import Bytes
import Formats
import Platform

/// Runs of a query in one temporary file, which has no name from the moment it is made, so that it
/// is gone with the process whatever ends it. Used by the query's thread.
///
/// The file is cut into blocks; a run owns some, and gives them back when it is no longer needed.
public final class FileSpillStore: SpillStore {
    private let fileSystem: any FileSystem
    private let directory: String
    private let space = SpillSpace()
    private var file: (any File)?

    /// Nothing is made before the first run.
    public init(_ directory: String, fileSystem: any FileSystem = POSIXFileSystem()) {
        self.directory = directory
        self.fileSystem = fileSystem
    }

    /// Bytes that were written, over all runs.
    public var bytesWritten: Int64 { space.bytesWritten }

    public func makeRun() throws(SQLError) -> any SpillRun {
        if let file { return FileSpillRun(file, space) }
        let path = "\(directory)/rtd-query-\(SystemRandom().next())"
        do throws(SystemError) {
            let made = try fileSystem.create(path)
            try fileSystem.remove(path)
            file = made
            return FileSpillRun(made, space)
        } catch {
            throw SQLError(
                "could not create temporary file \"\(path)\": \(error.reason)", .inputOutputError,
                hint: "--temp names the directory of temporary files.")
        }
    }
}

/// Which blocks of a spill file are in use.
private final class SpillSpace {
    static let blockBytes: Int64 = 256 * 1024
    private var free: [Int64] = []
    private var end: Int64 = 0
    var bytesWritten: Int64 = 0

    func take() -> Int64 {
        if let block = free.popLast() { return block }
        defer { end += Self.blockBytes }
        return end
    }

    func giveBack(_ blocks: [Int64]) { free += blocks }
}

/// One run: its blocks, in order.
private final class FileSpillRun: SpillRun {
    private let file: any File
    private let space: SpillSpace
    private var blocks: [Int64] = []
    private var size: Int64 = 0

    init(_ file: any File, _ space: SpillSpace) {
        self.file = file
        self.space = space
    }

    deinit { space.giveBack(blocks) }

    func append(_ bytes: RawSpan) throws(SQLError) {
        var start = 0
        while start < bytes.byteCount {
            let inBlock = size % SpillSpace.blockBytes
            if inBlock == 0 { blocks.append(space.take()) }
            let room = Int(SpillSpace.blockBytes - inBlock)
            let count = min(room, bytes.byteCount - start)
            do throws(SystemError) {
                try file.write(
                    at: blocks[blocks.count - 1] + inBlock,
                    bytes.extracting(start..<start + count))
            } catch {
                throw failure(error, "write to")
            }
            start += count
            size += Int64(count)
        }
        space.bytesWritten += Int64(bytes.byteCount)
    }

    func read(_ offset: Int, _ count: Int) throws(SQLError) -> [UInt8] {
        var result: [UInt8] = []
        var position = Int64(offset)
        let end = min(size, position + Int64(count))
        while position < end {
            let inBlock = position % SpillSpace.blockBytes
            let part = min(SpillSpace.blockBytes - inBlock, end - position)
            let block = blocks[Int(position / SpillSpace.blockBytes)]
            do throws(SystemError) {
                let bytes = try file.read(at: block + inBlock, count: Int(part))
                guard bytes.count == Int(part) else {
                    throw SystemError(
                        code: SystemError.ioErrorCode, operation: "read", subject: file.path)
                }
                if result.isEmpty, position + part == end { return bytes }
                result += bytes
            } catch {
                throw failure(error, "read from")
            }
            position += part
        }
        return result
    }

    /// As PostgreSQL words it.
    private func failure(_ error: SystemError, _ operation: String) -> SQLError {
        let message = "could not \(operation) file \"\(file.path)\": \(error.reason)"
        guard error.isNoSpace else { return SQLError(message, .inputOutputError) }
        return SQLError(
            message, .diskFull,
            hint: "--temp names another directory, --memory lets more stay in memory.")
    }
}
