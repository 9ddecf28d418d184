import Aggregation
import Bytes
import Formats
import Platform

/// A place in a file that is followed, and what tells the file from another of its number.
struct FilePlace: Sendable, Equatable {
    var identity: InputFile.Identity
    var offset: Int64
    /// The checksum of the first bytes, and how many these are.
    var head: (length: Int, checksum: UInt32)
    /// The bytes that end here are the first of the file.
    var isFileStart = false
    /// The bytes that end here are not in the file.
    var isAdded = false

    /// Bytes at the start of a file that tell it from others.
    static let headBytes = 256

    static func == (a: FilePlace, b: FilePlace) -> Bool {
        a.identity == b.identity && a.offset == b.offset && a.head == b.head
    }

    func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: identity.device)
        state.append(bigEndian: identity.number)
        state.append(bigEndian: offset)
        state.append(bigEndian: Int64(head.length))
        state.append(bigEndian: head.checksum)
    }

    init(
        _ identity: InputFile.Identity, offset: Int64, head: [UInt8]
    ) {
        self.identity = identity
        self.offset = offset
        self.head = (head.count, CRC32C.checksum(head))
    }

    init(_ state: inout StateReader) throws(SQLError) {
        identity = InputFile.Identity(
            device: try state.integer(UInt64.self), number: try state.integer(UInt64.self))
        offset = try state.integer(Int64.self)
        let length = try state.integer(Int64.self)
        guard (0...Int64(FilePlace.headBytes)).contains(length), offset >= 0 else {
            throw SQLError("the saved place in a file is damaged", .internalError)
        }
        head = (Int(length), try state.integer(UInt32.self))
    }
}

/// The places of the pieces that a reader was given, to tell where it is.
struct FilePlaces {
    private var pieces: [(end: Int64, place: FilePlace)] = []
    /// Bytes of all pieces.
    private var supplied: Int64 = 0

    mutating func add(_ bytes: Int, _ place: FilePlace) {
        supplied += Int64(bytes)
        pieces.append((supplied, place))
    }

    /// Where the reader is if it has not read the last so many bytes.
    mutating func place(unread: Int) -> FilePlace? {
        let read = supplied - Int64(unread)
        while pieces.count > 1, pieces[0].end <= read { pieces.removeFirst() }
        guard let first = pieces.first else { return nil }
        var place = first.place
        if !place.isAdded { place.offset -= max(0, first.end - read) }
        return place
    }
}
