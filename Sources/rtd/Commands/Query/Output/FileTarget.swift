import Formats
import Platform

/// A file that COPY writes; it is there in full or, after an error, as far as it was written.
final class FileTarget: ByteTarget {
    private let file: OutputFile

    init(_ path: String) throws(SQLError) {
        do throws(SystemError) {
            file = try OutputFile.create(path)
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
    }

    func write(_ bytes: RawSpan) throws(SystemError) { try file.write(bytes) }

    func close() throws(SQLError) {
        do throws(SystemError) {
            try file.close()
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
    }
}
