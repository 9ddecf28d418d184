import Formats
import Platform

/// Reads a file in pieces. A byte order mark at its start is left out.
final class InputFileReader {
    let path: String
    private let file: InputFile
    private var isAtStart = true

    init(_ path: String) throws(SQLError) {
        self.path = path
        do {
            file = try InputFile.open(path)
        } catch {
            throw InputFileReader.failure(error, path)
        }
    }

    /// Bytes of a regular file.
    var size: Int64? { file.size }

    func close() { file.close() }

    static func failure(_ error: SystemError, _ path: String) -> SQLError {
        SQLError(
            "cannot \(error.operation) \(path): \(error.reason)",
            error.isNotFound ? .undefinedFile : .inputOutputError)
    }

    /// Fills the room of the block; false at the end of the file.
    func fill(_ block: InputBlock) throws(SQLError) -> Bool {
        let start = block.end
        do {
            while block.room > 0 {
                let count = unsafe try block.fill { (free) throws(SystemError) in
                    unsafe try file.read(into: free)
                }
                if count == 0 { break }
                // A pipe's bytes are used as they come.
                if size == nil { break }
            }
        } catch {
            throw InputFileReader.failure(error, path)
        }
        guard block.end > start else { return false }
        if isAtStart {
            isAtStart = false
            block.dropByteOrderMark()
        }
        return true
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
