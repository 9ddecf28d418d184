import Formats
import Platform

/// What COPY reads, decompressed, piece by piece.
final class CopyBytes {
    private let reader: InputFileReader
    private let name: String
    /// Bytes that a statement may hold: the rows of all are kept.
    private let most: Int
    private var count = 0

    /// nil: standard input.
    init(_ path: String?, most: Int) throws(SQLError) {
        name = path ?? "standard input"
        self.most = most
        reader =
            if let path { try InputFileReader(path) } else {
                InputFileReader(InputFile.standardInput())
            }
    }

    /// nil at the end.
    func next() throws(SQLError) -> [UInt8]? {
        let block = InputBlock(capacity: 256 * 1024, headroom: 0)
        guard try reader.fill(block) else {
            if let damage = reader.damage { throw damage }
            return nil
        }
        count += block.count
        guard count <= most else {
            throw SQLError("\(name) does not fit into --memory", .outOfMemory)
        }
        return unsafe block.bytes.withUnsafeBytes { unsafe Array($0) }
    }
}
