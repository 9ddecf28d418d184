import Bytes
import Formats
import Platform

/// A compressed file that COPY writes: members of gzip one behind another, which every reader takes
/// as one. Rows that are waited for are a member each time they are written.
final class GzipTarget: ByteTarget {
    private let file: FileTarget
    private var gathered: [UInt8] = []
    private var isShownEarly = false
    private var isEmpty = true

    /// What one member holds: enough that the window of DEFLATE counts, little enough to wait.
    private static let memberBytes = 1 << 20

    init(_ file: FileTarget) { self.file = file }

    static func isWanted(for path: String) -> Bool { path.lowercased().hasSuffix(".gz") }

    func discard() { file.discard() }

    func prepare(isShownEarly: Bool) throws(SQLError) {
        self.isShownEarly = isShownEarly
        try file.prepare(isShownEarly: isShownEarly)
    }

    func write(_ bytes: RawSpan) throws(SystemError) {
        unsafe bytes.withUnsafeBytes { unsafe gathered.append(contentsOf: $0) }
        guard isShownEarly || gathered.count >= Self.memberBytes else { return }
        try writeMember()
    }

    func close() throws(SQLError) {
        do throws(SystemError) {
            // A file without rows is compressed too.
            if isEmpty || !gathered.isEmpty { try writeMember() }
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
        try file.close()
    }

    private func writeMember() throws(SystemError) {
        let member = unsafe gathered.withUnsafeBytes { unsafe CompressionCodec.gzip.compress($0) }
        gathered.removeAll(keepingCapacity: true)
        isEmpty = false
        try file.write(member.rawSpan)
    }
}
