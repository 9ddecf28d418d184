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
    /// The first bytes of the file.
    private var head: [UInt8] = []
    private(set) var place: FilePlace?
    /// Files that have had the name while nobody read, oldest first.
    private var missed: [InputFile] = []

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

    /// Goes on behind a place where an earlier run has stopped, and with the files that have had
    /// the name since. `skips`: where the file is gone, what was not read of it is left out.
    convenience init(
        _ path: String, _ note: @escaping @Sendable (String) -> Void, from place: FilePlace,
        skips: Bool
    ) throws(SQLError) {
        try self.init(path, note)
        let search = try FollowedFileSearch(place, path)
        if let found = search.file {
            (file, head, position) = (found, search.head, place.offset)
            missed = search.missed
            watch.renew()
            return
        }
        if search.wasCut {
            note("\(path) was cut since; it is read from its start")
            return
        }
        let gone =
            "the file that \(path) was when the state was saved is gone; "
            + "\(place.offset) bytes of it were read"
        guard skips else {
            throw SQLError(
                gone, .undefinedFile,
                hint: "Put it back beside the new one, under any name; --on-error skip goes on "
                    + "with the file that has the name now.")
        }
        note(gone)
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
            let old = file?.identity
            let end = position
            let oldHead = head
            guard try openNext(), !endsLine else { continue }
            endsLine = true
            block.append([0x0a].rawSpan)
            place = old.map { FilePlace($0, offset: end, head: oldHead) }
            place?.isAdded = true
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
            let isFileStart = position == 0
            position += Int64(count)
            let wanted = min(count, FilePlace.headBytes - head.count)
            if Int64(head.count) == position - Int64(count), wanted > 0 {
                let start = block.count - count
                head += (start..<start + wanted).map { block.bytes.byte(at: $0) }
            }
            endsLine = block.bytes.byte(at: block.count - 1) == 0x0a
            place = file.identity.map { FilePlace($0, offset: position, head: head) }
            place?.isFileStart = isFileStart
            return count
        } catch {
            throw InputFileReader.failure(error, name)
        }
    }

    /// What has happened to the name, if there is something to be opened; empty: nothing to tell.
    private func lookAtName() -> String? {
        guard missed.isEmpty else { return "" }
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
        if missed.isEmpty {
            do {
                let next = try InputFile.open(name)
                file?.close()
                file = next
            } catch {
                guard !error.isNotFound else { return false }
                throw InputFileReader.failure(error, name)
            }
        } else {
            file?.close()
            file = missed.removeFirst()
        }
        position = 0
        head = []
        watch.renew()
        return true
    }
}

/// Looks for a file that was followed, under its name and, as rotation renames, beside it.
private struct FollowedFileSearch {
    /// At the place.
    private(set) var file: InputFile?
    private(set) var head: [UInt8] = []
    /// The name is still that file's, which holds something else now.
    private(set) var wasCut = false
    /// Files beside it whose names begin with its own and that were written later.
    private(set) var missed: [InputFile] = []

    init(_ place: FilePlace, _ path: String) throws(SQLError) {
        do throws(SystemError) {
            if InputFile.status(of: path)?.identity == place.identity {
                try take(path, place)
                wasCut = file == nil
                return
            }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            let base = parts.last.map(String.init) ?? path
            let folder = parts.dropLast().joined(separator: "/")
            let prefix = parts.count > 1 ? folder + "/" : ""
            let system = POSIXFileSystem()
            let names = try system.list(parts.count > 1 ? prefix : ".")
            for name in names where InputFile.status(of: prefix + name)?.identity == place.identity
            {
                try take(prefix + name, place)
            }
            guard let file else { return }
            for name in names where name != base && name.hasPrefix(base) {
                guard let status = InputFile.status(of: prefix + name),
                    status.identity != place.identity
                else { continue }
                let other = try InputFile.open(prefix + name)
                if other.modified > file.modified {
                    missed.append(other)
                } else {
                    other.close()
                }
            }
            missed.sort { $0.modified < $1.modified }
        } catch {
            throw InputFileReader.failure(error, path)
        }
    }

    /// Takes the file if it begins as it did and is as long at least.
    private mutating func take(_ path: String, _ place: FilePlace) throws(SystemError) {
        let found = try InputFile.open(path)
        let block = InputBlock(capacity: FilePlace.headBytes, headroom: 0)
        while block.count < place.head.length {
            let count = unsafe try block.fill { (free) throws(SystemError) in
                unsafe try found.read(into: free)
            }
            if count == 0 { break }
        }
        let length = min(place.head.length, block.count)
        let bytes = (0..<length).map { block.bytes.byte(at: $0) }
        guard (found.size ?? 0) >= place.offset, length == place.head.length,
            CRC32C.checksum(bytes) == place.head.checksum
        else { return found.close() }
        try found.seek(to: place.offset)
        (file, head) = (found, bytes)
    }
}
