import Aggregation
import Bytes
import Formats
import Platform

/// The steps that were saved behind a snapshot, a record each: what was done since the last one, or
/// the whole state where that is shorter. Owned by `StateDirectory`.
///
/// A record is its length, its checksum and its body, which names the step before. So what was not
/// written whole when a process ended is not taken for a record, nor is what another run wrote.
struct StateJournal {
    enum Kind: UInt8 {
        /// The state of the operators.
        case whole = 1
        /// What a `StepRecorder` was told.
        case calls
        /// The step before is known to be committed; it has no body.
        case committed
    }

    struct Record {
        var kind: Kind
        var saved: SavedStep
        var payload: [UInt8]
        var isCommitted = false
    }

    /// What a journal holds, as far as it is whole.
    struct Content {
        var records: [Record] = []
        /// The snapshot's own step is known to be committed.
        var isFirstCommitted = false
        /// At the end, of what is not whole.
        var unreadBytes = 0
    }

    private static let magic: [UInt8] = Array("rtdjournal-1".utf8)
    private static let headBytes = 12

    private let file: any File
    private(set) var bytes: Int64

    /// Makes the file, which is durable with the first record.
    init(_ path: String, _ fileSystem: any FileSystem) throws(SystemError) {
        if fileSystem.exists(path) { try fileSystem.remove(path) }
        file = try fileSystem.create(path)
        bytes = 0
    }

    func close() { file.close() }

    /// Durable when it returns, if the directory is.
    mutating func append(
        _ kind: Kind, _ saved: SavedStep?, after last: CommittedStep, _ payload: RawSpan
    ) throws(SystemError) {
        var body = OutputBuffer(capacity: 1024)
        body.append(kind.rawValue)
        last.write(&body)
        if let saved {
            saved.write(&body)
            body.append(bigEndian: Int64(payload.byteCount))
        }
        var record = OutputBuffer(capacity: body.count + 32)
        if bytes == 0 { record.append(StateJournal.magic) }
        record.append(bigEndian: UInt64(body.count + payload.byteCount))
        record.append(
            bigEndian: CRC32C.checksum(payload, continuing: CRC32C.checksum(body.bytes)))
        record.append(body.bytes)
        try file.write(at: bytes, record.bytes)
        bytes += Int64(record.count)
        try file.write(at: bytes, payload)
        bytes += Int64(payload.byteCount)
        try file.synchronize()
    }

    /// A journal behind a step.
    static func read(
        _ bytes: [UInt8], after first: CommittedStep
    ) throws(SQLError) -> Content {
        var content = Content(unreadBytes: bytes.count)
        guard bytes.count >= headBytes, Array(bytes[..<headBytes]) == magic else { return content }
        var last = first
        var reader = StateReader(Array(bytes[headBytes...]))
        content.unreadBytes = reader.remaining
        while let body = StateJournal.body(&reader) {
            var part = StateReader(body)
            let kind = Kind(rawValue: try part.integer(UInt8.self))
            guard let kind, try CommittedStep(&part) == last else { return content }
            content.unreadBytes = reader.remaining
            if kind != .committed {
                let saved = try SavedStep(&part)
                content.records.append(Record(kind: kind, saved: saved, payload: try part.blob()))
                last = saved.step
            } else if content.records.isEmpty {
                content.isFirstCommitted = true
            } else {
                content.records[content.records.count - 1].isCommitted = true
            }
        }
        return content
    }

    /// The body of the next record, nil if none is whole.
    private static func body(_ reader: inout StateReader) -> [UInt8]? {
        var ahead = reader
        guard ahead.remaining >= headBytes, let length = try? ahead.integer(UInt64.self),
            let checksum = try? ahead.integer(UInt32.self), length > 16,
            length <= UInt64(ahead.remaining),
            let body = unsafe try? ahead.withBytes(Int(length), { unsafe Array($0) }),
            CRC32C.checksum(body) == checksum
        else { return nil }
        reader = ahead
        return body
    }
}
