import Bytes
import Formats

/// What `--verify` takes from one of Debezium's envelopes: for each column of its row 64 bits of a
/// hash of the value's JSON, 0 for null. Both sides come from the same encoder, so equal values are
/// equal bytes.
struct EnvelopeDigest {
    private(set) var operation = ""
    /// Where the commit record of its transaction begins; nil: a row of a snapshot.
    private(set) var commit: UInt64?
    private(set) var after: [UInt64] = []
    private(set) var before: [UInt64] = []
    /// Columns that `after` leaves out, as they did not change.
    private(set) var unavailable: [Int] = []
    private let columns: [String: Int]

    /// `columns`: their numbers by name.
    init(columns: [String: Int]) { self.columns = columns }

    /// False: the bytes are no envelope.
    mutating func read(_ bytes: RawSpan) -> Bool {
        operation = ""
        commit = nil
        after = []
        before = []
        unavailable = []
        var cursor = JSONCursor(bytes)
        do throws(FormatError) {
            try envelope(&cursor)
            return !operation.isEmpty
        } catch {
            return false
        }
    }

    private mutating func envelope(_ cursor: inout JSONCursor) throws(FormatError) {
        try cursor.enterObject()
        while let member = try cursor.nextMember() {
            let kind = try cursor.kind()
            switch (member.text(in: cursor.bytes), kind) {
            case ("payload", .object): try envelope(&cursor)
            case ("after", .object): after = try row(&cursor)
            case ("before", .object): before = try row(&cursor)
            case ("op", .string): operation = try cursor.string().text(in: cursor.bytes)
            case ("transaction", .object): commit = try transaction(&cursor)
            case ("unavailable", .array):
                try cursor.enterArray()
                while try cursor.nextElement() {
                    let name = try cursor.string().text(in: cursor.bytes)
                    if let column = columns[name] { unavailable.append(column) }
                }
            default: _ = try cursor.skip()
            }
        }
    }

    private func row(_ cursor: inout JSONCursor) throws(FormatError) -> [UInt64] {
        var hashes = [UInt64](repeating: 0, count: columns.count)
        try cursor.enterObject()
        while let member = try cursor.nextMember() {
            let isNull = try cursor.kind() == .null
            let range = try cursor.skip()
            // Columns that the table has no more are no part of its rows.
            guard !isNull, let column = columns[member.text(in: cursor.bytes)] else { continue }
            hashes[column] = Self.hash(
                cursor.bytes.extracting(range), seed: UInt64(column + 1))
        }
        return hashes
    }

    /// `"id":"xid:position"`.
    private func transaction(_ cursor: inout JSONCursor) throws(FormatError) -> UInt64? {
        var commit: UInt64?
        try cursor.enterObject()
        while let member = try cursor.nextMember() {
            if member.equals("id", in: cursor.bytes), try cursor.kind() == .string {
                let id = try cursor.string().text(in: cursor.bytes)
                commit = id.split(separator: ":").last.flatMap { UInt64($0) }
            } else {
                _ = try cursor.skip()
            }
        }
        return commit
    }

    /// A key with a schema is the payload beside it.
    static func hash(ofKey key: RawSpan) -> UInt64 {
        var cursor = JSONCursor(key)
        do throws(FormatError) {
            try cursor.enterObject()
            while let member = try cursor.nextMember() {
                guard member.equals("schema", in: key) || member.equals("payload", in: key) else {
                    break
                }
                let kind = try cursor.kind()
                let range = try cursor.skip()
                if kind == .object, member.equals("payload", in: key) {
                    return hash(key.extracting(range), seed: 0)
                }
            }
        } catch {
            return hash(key, seed: 0)
        }
        return hash(key, seed: 0)
    }

    /// FNV-1a with a last mix, the same in every run.
    static func hash(_ bytes: RawSpan, seed: UInt64) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ (seed &* 0x9E37_79B9_7F4A_7C15)
        for index in 0..<bytes.byteCount {
            hash = (hash ^ UInt64(bytes.byte(at: index))) &* 0x0000_0100_0000_01B3
        }
        return mix(hash)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var hash = value
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return hash ^ (hash >> 33)
    }
}
