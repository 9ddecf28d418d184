import Formats

/// Finds JSON records one after another in input that arrives in pieces.
///
/// Objects usually stand one a line, but may be spread over lines or share one; a byte order mark
/// at the start is passed over. An object is looked at when its line is complete, so a slow pipe is
/// not parsed again and again. A bad record costs its first line; parsing goes on with the next
/// line.
struct JSONStreamReader {
    private(set) var position = 0
    private var line = 1
    /// Bytes behind `position` that hold no line end beyond those already tried.
    private var searched = 0
    /// True once an object was seen to go on beyond its first line: it is looked at again only when
    /// a closing brace has come, or a long one that comes in small pieces would cost its square.
    private var needsBrace = false
    private var discards = false
    private var started = false
    private let recordBytesMax: Int
    private var reader: JSONRecordReader

    init(_ options: RecordParser.Options) {
        recordBytesMax = options.recordBytesMax
        reader = JSONRecordReader(
            takesJSONValues: options.takesJSONValues, keepsPartition: options.keepsPartition)
    }

    mutating func begin() { position = 0 }

    /// The next record, its key and value put into `scratch`; nil if the input holds no whole one.
    mutating func next(
        _ bytes: RawSpan, atEnd: Bool, into scratch: inout OutputBuffer
    ) throws(RecordTextError) -> ParsedRecord? {
        guard discardLine(bytes, atEnd), passMark(bytes, atEnd) else { return nil }
        skipBlanks(bytes)
        guard position < bytes.byteCount else {
            searched = 0
            return nil
        }
        guard atEnd || hasWholeLine(bytes) else {
            if bytes.byteCount - position > recordBytesMax { throw refuse(bytes, atEnd) }
            return nil
        }
        return try read(bytes, atEnd, &scratch)
    }

    /// True if enough has come to look at the record; else remembers how far it searched.
    private mutating func hasWholeLine(_ bytes: RawSpan) -> Bool {
        var start = position + searched
        if needsBrace {
            guard let brace = ByteScan.firstIndex(of: 0x7d, in: bytes, from: start) else {
                searched = bytes.byteCount - position
                return false
            }
            start = brace
            searched = brace - position
        }
        if ByteScan.firstIndex(of: 0x0a, in: bytes, from: start) != nil { return true }
        if !needsBrace { searched = bytes.byteCount - position }
        return false
    }

    private mutating func read(
        _ bytes: RawSpan, _ atEnd: Bool, _ scratch: inout OutputBuffer
    ) throws(RecordTextError) -> ParsedRecord? {
        scratch.removeAll()
        var cursor = JSONCursor(bytes.extracting(position..<bytes.byteCount))
        do throws(JSONRecordFault) {
            let record = try reader.read(&cursor, .line(line), into: &scratch)
            guard cursor.position <= recordBytesMax else { throw .content("") }
            advance(by: cursor.position, bytes)
            return record
        } catch {
            if case .syntax(.json(.unexpectedEnd, _)) = error, !atEnd,
                bytes.byteCount - position <= recordBytesMax
            {
                searched = bytes.byteCount - position
                needsBrace = true
                return nil
            }
            throw fail(error, cursor.position, bytes, atEnd)
        }
    }

    /// Moves behind the first line of the bad record and gives what to throw.
    private mutating func fail(
        _ fault: JSONRecordFault, _ read: Int, _ bytes: RawSpan, _ atEnd: Bool
    ) -> RecordTextError {
        if read > recordBytesMax { return refuse(bytes, atEnd) }
        let end = ByteScan.firstIndex(of: 0x0a, in: bytes, from: position) ?? bytes.byteCount
        var shown = position..<end
        if !shown.isEmpty, bytes.byte(at: end - 1) == 0x0d { shown = position..<end - 1 }
        let place = RecordPlace.line(line)
        let error: RecordTextError =
            switch fault {
            case .syntax(let cause): .invalidJSON(place, cause, bytes, shown)
            case .content(let reason): .invalid(place, reason: reason)
            }
        advance(by: min(end + 1, bytes.byteCount) - position, bytes)
        return error
    }

    /// Refuses a record that is too long and discards the rest of its line.
    private mutating func refuse(_ bytes: RawSpan, _ atEnd: Bool) -> RecordTextError {
        let error = RecordTextError.tooLong(.line(line), limit: recordBytesMax)
        discards = true
        _ = discardLine(bytes, atEnd)
        return error
    }

    /// Passes over the rest of a line that was refused; false if it goes on beyond the input.
    private mutating func discardLine(_ bytes: RawSpan, _ atEnd: Bool) -> Bool {
        guard discards else { return true }
        searched = 0
        needsBrace = false
        guard let end = ByteScan.firstIndex(of: 0x0a, in: bytes, from: position) else {
            position = bytes.byteCount
            return false
        }
        discards = false
        line += 1
        position = end + 1
        return true
    }

    /// Moves past `count` bytes and counts the lines that end in them.
    private mutating func advance(by count: Int, _ bytes: RawSpan) {
        let passed = bytes.extracting(position..<position + count)
        var index = 0
        while let end = ByteScan.firstIndex(of: 0x0a, in: passed, from: index) {
            line += 1
            index = end + 1
        }
        position += count
        searched = 0
        needsBrace = false
    }

    private mutating func skipBlanks(_ bytes: RawSpan) {
        while position < bytes.byteCount {
            let byte = bytes.byte(at: position)
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
            if byte == 0x0a { line += 1 }
            position += 1
            searched = max(0, searched - 1)
        }
    }

    /// Passes over a byte order mark at the very start; false if there are too few bytes to tell.
    private mutating func passMark(_ bytes: RawSpan, _ atEnd: Bool) -> Bool {
        guard !started else { return true }
        switch ByteOrderMark.check(bytes, atEnd) {
        case .unknown: return false
        case .absent: break
        case .present: position = ByteOrderMark.bytes.count
        }
        started = true
        return true
    }
}

/// UTF-8's byte order mark, which some programs put before their text.
enum ByteOrderMark {
    static let bytes: [UInt8] = [0xef, 0xbb, 0xbf]

    enum Presence { case present, absent, unknown }

    static func check(_ input: RawSpan, _ atEnd: Bool) -> Presence {
        if ByteScan.starts(with: bytes, input, at: 0) { return .present }
        let start = Array(bytes.prefix(input.byteCount))
        return start.count < bytes.count && !atEnd && ByteScan.starts(with: start, input, at: 0)
            ? .unknown : .absent
    }
}
