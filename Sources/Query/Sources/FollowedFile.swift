import Bytes
import Formats
import Platform

/// A file that grows, followed by its name as `tail -F` does: what is appended is read as it comes.
///
/// When another file takes the name, the rest of the old one is read and then the new one from its
/// start; when the file is cut, it is read from its start. A line that the old file leaves without
/// its end is ended there. A file that is not there, at first or later, is waited for.
final class FollowedFile: FeedBytes, @unchecked Sendable {
    let name: String
    private let watch: FileWatch
    private let note: @Sendable (String) -> Void
    private var file: InputFile?
    private var position: Int64 = 0
    private var endsLine = true
    /// The name belongs to no file, which was said.
    private var isGone = false

    var size: Int64? { nil }
    var ends: Bool { false }

    init(_ path: String, _ note: @escaping @Sendable (String) -> Void) throws(SQLError) {
        name = path
        self.note = note
        do {
            watch = try FileWatch(path)
        } catch {
            throw InputFileReader.failure(error, path)
        }
    }

    func stop() { watch.stop() }

    func read(into block: InputBlock) throws(SQLError) -> Int {
        while !watch.isStopped {
            let count = try readNow(block)
            if count > 0 { return count }
            guard let change = lookAtName() else {
                watch.wait()
                continue
            }
            // What was appended since, before the name was given away.
            let rest = try readNow(block)
            if rest > 0 { return rest }
            if !change.isEmpty { note(change) }
            guard try openNext(), !endsLine else { continue }
            endsLine = true
            block.append([0x0a].rawSpan)
            return 1
        }
        return 0
    }

    private func readNow(_ block: InputBlock) throws(SQLError) -> Int {
        guard let file else { return 0 }
        do {
            let count = unsafe try block.fill { (free) throws(SystemError) in
                unsafe try file.read(into: free)
            }
            guard count > 0 else { return 0 }
            position += Int64(count)
            endsLine = block.bytes.byte(at: block.count - 1) == 0x0a
            return count
        } catch {
            throw InputFileReader.failure(error, name)
        }
    }

    /// What has happened to the name, if there is something to be opened; empty: nothing to tell.
    private func lookAtName() -> String? {
        guard let now = InputFile.status(of: name) else {
            // A pipe's writer has left; or it is opened for the first time.
            if POSIXFileSystem().exists(name), file?.identity == nil { return "" }
            if !isGone { note(file == nil ? "\(name) is not there yet; waiting for it" : gone) }
            isGone = true
            return nil
        }
        isGone = false
        guard let file else { return "" }
        if file.identity != now.identity {
            return "\(name) is another file now, which is read from its start"
        }
        guard now.size < position else { return nil }
        return "\(name) was cut to \(now.size) bytes; it is read from its start"
    }

    private var gone: String { "\(name) is gone; waiting for another" }

    /// False if the file has gone again.
    private func openNext() throws(SQLError) -> Bool {
        do {
            let next = try InputFile.open(name)
            file?.close()
            file = next
        } catch {
            guard !error.isNotFound else { return false }
            throw InputFileReader.failure(error, name)
        }
        position = 0
        watch.renew()
        return true
    }
}
