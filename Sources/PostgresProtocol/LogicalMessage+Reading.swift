import Bytes

extension LogicalRow {
    /// Reads a change of a row, nil for any other message: what nearly all messages are, without
    /// the weight of what the others may be.
    public static func read(_ bytes: RawSpan, inStream: Bool) throws(ProtocolError) -> LogicalRow? {
        var reader = ByteReader(bytes)
        let tag = reader.uint8()
        guard tag == UInt8(ascii: "I") || tag == UInt8(ascii: "U") || tag == UInt8(ascii: "D")
        else { return nil }
        let row = LogicalMessage.row(tag, &reader, inStream: inStream)
        guard !reader.failed, reader.remaining == 0 else {
            throw .malformed("a message of pgoutput that does not end where it should (\(tag))")
        }
        return row
    }
}

extension LogicalMessage {
    /// Reads one message. In a stream (between `streamStart` and `streamStop`) the changes carry
    /// their transaction's number, which nothing in them tells.
    public static func read(_ bytes: RawSpan, inStream: Bool) throws(ProtocolError)
        -> LogicalMessage
    {
        var reader = ByteReader(bytes)
        let tag = reader.uint8()
        let message: LogicalMessage
        switch tag {
        case UInt8(ascii: "I"), UInt8(ascii: "U"), UInt8(ascii: "D"):
            message = .row(row(tag, &reader, inStream: inStream))
        case UInt8(ascii: "B"):
            message = .begin(
                LogicalBegin(
                    final: reader.uint64(), time: time(&reader), xid: reader.uint32()))
        case UInt8(ascii: "C"):
            _ = reader.uint8()
            message = .commit(commit(&reader))
        default: message = try rare(tag, &reader, inStream: inStream)
        }
        guard !reader.failed, reader.remaining == 0 else {
            throw .malformed("a message of pgoutput that does not end where it should (\(tag))")
        }
        return message
    }

    private static func rare(_ tag: UInt8, _ reader: inout ByteReader, inStream: Bool)
        throws(ProtocolError) -> LogicalMessage
    {
        switch tag {
        case UInt8(ascii: "R"): return .relation(relation(&reader, inStream: inStream))
        case UInt8(ascii: "T"): return .truncate(truncate(&reader, inStream: inStream))
        case UInt8(ascii: "M"): return .message(content(&reader, inStream: inStream))
        case UInt8(ascii: "Y"):
            if inStream { _ = reader.uint32() }
            return .type(oid: reader.uint32(), schema: reader.text(), name: reader.text())
        case UInt8(ascii: "O"):
            _ = reader.uint64()
            return .origin(name: reader.text())
        case UInt8(ascii: "S"):
            return .streamStart(xid: reader.uint32(), isFirst: reader.uint8() != 0)
        case UInt8(ascii: "E"): return .streamStop
        case UInt8(ascii: "c"):
            let xid = reader.uint32()
            _ = reader.uint8()
            return .streamCommit(xid: xid, commit(&reader))
        case UInt8(ascii: "A"):
            let (xid, subxid) = (reader.uint32(), reader.uint32())
            // Protocol 4 with parallel streaming adds where and when.
            if reader.remaining == 16 { _ = reader.take(16) }
            return .streamAbort(xid: xid, subxid: subxid)
        default: return try prepared(tag, &reader)
        }
    }

    /// The messages of two-phase commit, from protocol 3 on.
    private static func prepared(_ tag: UInt8, _ reader: inout ByteReader) throws(ProtocolError)
        -> LogicalMessage
    {
        switch tag {
        case UInt8(ascii: "b"): return .beginPrepare(prepare(&reader))
        case UInt8(ascii: "P"):
            _ = reader.uint8()
            return .prepare(prepare(&reader))
        case UInt8(ascii: "p"):
            _ = reader.uint8()
            return .streamPrepare(prepare(&reader))
        case UInt8(ascii: "K"):
            _ = reader.uint8()
            let commit = commit(&reader)
            return .commitPrepared(xid: reader.uint32(), commit, gid: reader.text())
        case UInt8(ascii: "r"):
            _ = reader.uint8()
            let (prepareEnd, end) = (reader.uint64(), reader.uint64())
            _ = reader.take(16)
            return .rollbackPrepared(
                xid: reader.uint32(), prepareEnd: prepareEnd, end: end, gid: reader.text())
        default: throw .malformed("a message of pgoutput that is unknown (\(tag))")
        }
    }

    private static func time(_ reader: inout ByteReader) -> Int64 {
        reader.int64() &+ postgresEpochMicroseconds
    }

    private static func commit(_ reader: inout ByteReader) -> LogicalCommit {
        LogicalCommit(commit: reader.uint64(), end: reader.uint64(), time: time(&reader))
    }

    private static func prepare(_ reader: inout ByteReader) -> LogicalPrepare {
        LogicalPrepare(
            prepare: reader.uint64(), end: reader.uint64(), time: time(&reader),
            xid: reader.uint32(), gid: reader.text())
    }

    fileprivate static func row(_ tag: UInt8, _ reader: inout ByteReader, inStream: Bool)
        -> LogicalRow
    {
        let xid = inStream ? reader.uint32() : nil
        let relation = reader.uint32()
        var before: Range<Int>?
        var after: Range<Int>?
        var isKey = false
        var columns = -1
        var part = reader.uint8()
        if tag != UInt8(ascii: "I"), part == UInt8(ascii: "K") || part == UInt8(ascii: "O") {
            isKey = part == UInt8(ascii: "K")
            before = tuple(&reader, &columns)
            if tag == UInt8(ascii: "U") { part = reader.uint8() }
        } else if tag == UInt8(ascii: "D") {
            reader.fail()
        }
        if tag != UInt8(ascii: "D") {
            if part != UInt8(ascii: "N") { reader.fail() }
            after = tuple(&reader, &columns)
        }
        return LogicalRow(
            kind: tag == UInt8(ascii: "I")
                ? .insert : tag == UInt8(ascii: "U") ? .update : .delete,
            xid: xid, relation: relation, before: before, beforeIsKey: isKey, after: after,
            columns: max(0, columns))
    }

    /// Walks a tuple and gives its range. `columns` is what an earlier one of the message has.
    @inline(__always)
    private static func tuple(_ reader: inout ByteReader, _ columns: inout Int) -> Range<Int> {
        let start = reader.position
        let count = reader.count(Int(reader.uint16()), elementSize: 1)
        if count > Limits.columnsMax || (columns >= 0 && columns != count) { reader.fail() }
        columns = count
        var left = count
        var next = reader.position
        while left > 0 {
            left &-= 1
            // A letter, and where a text follows its length. Behind the end there are zeros.
            let word = reader.word(at: next)
            switch UInt8(truncatingIfNeeded: word &>> 56) {
            case UInt8(ascii: "t"): next &+= 5 &+ Int(UInt32(truncatingIfNeeded: word &>> 24))
            case UInt8(ascii: "n"), UInt8(ascii: "u"): next &+= 1
            default:
                reader.fail()
                return start..<start
            }
        }
        _ = reader.take(next &- reader.position)
        return start..<max(start, reader.position)
    }

    private static func relation(_ reader: inout ByteReader, inStream: Bool) -> LogicalRelation {
        let xid = inStream ? reader.uint32() : nil
        let oid = reader.uint32()
        let (schema, name) = (reader.text(), reader.text())
        let identity = reader.uint8()
        let count = reader.count(Int(reader.uint16()), elementSize: 10)
        if count > Limits.columnsMax { reader.fail() }
        var columns: [LogicalRelation.Column] = []
        columns.reserveCapacity(min(count, Limits.columnsMax))
        while columns.count < count, !reader.failed {
            columns.append(
                LogicalRelation.Column(
                    isIdentity: reader.uint8() & 1 != 0, name: reader.text(),
                    type: reader.uint32(), modifier: reader.int32()))
        }
        // An empty schema stands for pg_catalog.
        return LogicalRelation(
            xid: xid, oid: oid, schema: schema.isEmpty ? "pg_catalog" : schema, name: name,
            identity: identity, columns: columns)
    }

    private static func truncate(_ reader: inout ByteReader, inStream: Bool) -> LogicalTruncate {
        let xid = inStream ? reader.uint32() : nil
        let declared = Int(reader.uint32())
        let options = reader.uint8()
        let count = reader.count(declared, elementSize: 4)
        if count > Limits.truncatedMax { reader.fail() }
        return LogicalTruncate(
            xid: xid, cascades: options & 1 != 0, restartsIdentity: options & 2 != 0,
            relations: reader.failed ? [] : (0..<count).map { _ in reader.uint32() })
    }

    private static func content(_ reader: inout ByteReader, inStream: Bool) -> LogicalContent {
        let xid = inStream ? reader.uint32() : nil
        let flags = reader.uint8()
        let position = reader.uint64()
        let start = reader.position
        while reader.uint8() != 0, !reader.failed {}
        let prefix = start..<max(start, reader.position - 1)
        let length = Int(reader.uint32())
        let content = reader.take(length) ?? 0
        return LogicalContent(
            xid: xid, isTransactional: flags & 1 != 0, position: position, prefix: prefix,
            content: content..<content + (reader.failed ? 0 : length))
    }
}
