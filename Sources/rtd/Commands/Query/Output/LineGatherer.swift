import Formats
import Platform

/// Gathers lines and writes them when 64 KiB have come together or when they shall leave.
final class LineGatherer {
    var buffer = OutputBuffer()
    let target: any ByteTarget
    /// The reader has left.
    private(set) var isClosed = false

    private static let gatheredMax = 64 * 1024

    init(_ target: any ByteTarget) { self.target = target }

    func lineEnded() throws(SQLError) {
        if buffer.count > Self.gatheredMax { try flush() }
    }

    func flush() throws(SQLError) {
        guard buffer.count > 0, !isClosed else { return }
        defer { buffer.removeAll() }
        do throws(SystemError) {
            try target.write(buffer.bytes)
        } catch {
            guard error.isBrokenPipe else { throw SQLError(error.description, .inputOutputError) }
            isClosed = true
        }
    }

    func end() throws(SQLError) {
        try flush()
        try target.close()
    }
}
