import Formats
import Platform

/// What a feed reads: stdin, or a file that is followed.
protocol FeedBytes: AnyObject, Sendable {
    var name: String { get }
    /// Known where it is a file that ends.
    var size: Int64? { get }
    /// False: more may always come.
    var ends: Bool { get }
    /// Reads what is there, at least one byte, waiting for it; 0 at the end. Called by one thread.
    func read(into block: InputBlock) throws(SQLError) -> Int
    /// Where the bytes of the last `read` end; nil: they cannot be read again. By the same thread.
    var place: FilePlace? { get }
    /// From any thread: `read` returns soon, with 0.
    func stop()
}

/// Stdin, or a pipe that has a name.
final class PipeBytes: FeedBytes {
    private let file: InputFile

    init(_ file: InputFile) { self.file = file }

    var name: String { file.name }
    var size: Int64? { file.size }
    var ends: Bool { true }
    var place: FilePlace? { nil }

    func read(into block: InputBlock) throws(SQLError) -> Int {
        do {
            return try unsafe block.fill { (free) throws(SystemError) in
                try unsafe file.read(into: free)
            }
        } catch {
            throw SQLError("cannot read \(file.name): \(error.reason)", .inputOutputError)
        }
    }

    /// The thread ends with the process.
    func stop() {}
}
