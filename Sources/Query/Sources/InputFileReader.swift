import Formats
import Platform

/// Reads a file in pieces. A byte order mark at its start is left out.
final class InputFileReader {
    let path: String
    private let file: InputFile
    private var isAtStart = true
    private var bytesRead: Int64 = 0
    /// What a gzip file holds.
    private var inflated: InflatedBytes?

    init(_ path: String) throws(SQLError) {
        self.path = path
        do {
            file = try InputFile.open(path)
        } catch {
            throw InputFileReader.failure(error, path)
        }
    }

    init(_ file: InputFile) {
        path = file.name
        self.file = file
    }

    /// Why a compressed file has no more rows, though it should; nil: it is whole.
    var damage: SQLError? { inflated?.failure }

    /// Bytes of a regular file.
    var size: Int64? { file.size }

    func close() { file.close() }

    static func failure(_ error: SystemError, _ path: String) -> SQLError {
        let failure = SQLError(
            "cannot \(error.operation) \(path): \(error.reason)",
            error.isNotFound ? .undefinedFile : .inputOutputError)
        return error.isNotFound
            ? failure.suggesting(neighbours(path), for: "'\(path)'") : failure
    }

    /// The files of its folder, in quotes as SQL names them.
    private static func neighbours(_ path: String) -> [String] {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { String(path[...$0]) } ?? ""
        let names = (try? POSIXFileSystem().list(folder.isEmpty ? "." : folder)) ?? []
        return names.filter { $0.first != "." }.map { "'\(folder)\($0)'" }
    }

    /// Fills the room of the block; false at the end of the file.
    func fill(_ block: InputBlock) throws(SQLError) -> Bool {
        if let inflated { return try fill(block, inflated) }
        guard try fillAsIs(block) else { return false }
        guard isAtStart else { return true }
        isAtStart = false
        if InflatedBytes.isGzip(block.bytes) {
            let inflated = InflatedBytes(block, path)
            self.inflated = inflated
            return try fill(block, inflated)
        }
        if block.isUTF16 { throw InputFileReader.isUTF16(path) }
        block.dropByteOrderMark()
        return true
    }

    private func fill(_ block: InputBlock, _ inflated: InflatedBytes) throws(SQLError) -> Bool {
        try inflated.fill(block) { (more) throws(SQLError) in try self.fillAsIs(more) }
    }

    /// Fills the room with bytes of the file as they are; false at its end.
    private func fillAsIs(_ block: InputBlock) throws(SQLError) -> Bool {
        let start = block.end
        do {
            while block.room > 0 {
                let count = unsafe try block.fill { (free) throws(SystemError) in
                    unsafe try file.read(into: free)
                }
                bytesRead += Int64(count)
                if count == 0 { break }
                // A pipe's bytes are used as they come.
                if size == nil { break }
            }
        } catch {
            throw InputFileReader.failure(error, path)
        }
        guard block.end > start else {
            if let size, bytesRead < size {
                throw SQLError(
                    "\(path) has become shorter while it was read", .inputOutputError)
            }
            return false
        }
        return true
    }

    static func isUTF16(_ name: String) -> SQLError {
        SQLError(
            "\(name) is UTF-16, and text is read as UTF-8", .characterNotInRepertoire,
            hint: "iconv -f UTF-16 -t UTF-8 \(name) turns it into that.")
    }

    /// Appends more of the file to what a sample has read so far; false at its end.
    func read(into block: inout InputBlock) throws(SQLError) -> Bool {
        if block.room == 0 {
            let larger = InputBlock(capacity: block.count * 2)
            larger.append(block.bytes)
            block = larger
        }
        let isMore = try fill(block)
        block.seal()
        return isMore
    }
}
