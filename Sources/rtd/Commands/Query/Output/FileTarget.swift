import Formats
import Platform

/// A file that COPY writes. What stood there before stays until the query has ended, and for good
/// if it fails; a query whose rows may be long in coming writes the file itself, from its first row
/// on.
final class FileTarget: ByteTarget {
    private let path: String
    private var file: OutputFile
    private var isOpen = true

    init(_ path: String) throws(SQLError) {
        self.path = path
        file = try FileTarget.attempt { () throws(SystemError) in try OutputFile.replacing(path) }
    }

    deinit { discard() }

    func discard() {
        if isOpen { file.discard() }
        isOpen = false
    }

    func prepare(isShownEarly: Bool) throws(SQLError) {
        guard isShownEarly else { return }
        let path = path
        let shown = try FileTarget.attempt { () throws(SystemError) in
            try OutputFile.create(path)
        }
        file.discard()
        file = shown
    }

    func write(_ bytes: RawSpan) throws(SystemError) { try file.write(bytes) }

    func close() throws(SQLError) {
        isOpen = false
        let file = file
        try FileTarget.attempt { () throws(SystemError) in try file.close() }
    }

    private static func attempt<T>(
        _ action: () throws(SystemError) -> T
    ) throws(SQLError) -> T {
        do throws(SystemError) {
            return try action()
        } catch {
            throw SQLError(error.description, .inputOutputError)
        }
    }
}
