import Aggregation
import Bytes
import Formats

/// What was learnt of an input from its first rows: how it is written, and its columns.
public struct KnownColumns: Sendable, Equatable {
    /// nil: of a topic.
    var form: InputForm?
    public var fields: [Field]
    /// The field `_value`: rows that are no objects.
    public var wholeValue: Int?
    /// The values of a topic are text, not JSON.
    public var isText: Bool
    /// Members of the keys of a topic.
    public var keyNames: [String]

    public init(
        fields: [Field], wholeValue: Int?, isText: Bool = false, keyNames: [String] = []
    ) {
        self.fields = fields
        self.wholeValue = wholeValue
        self.isText = isText
        self.keyNames = keyNames
    }

    init(form: InputForm, fields: [Field], wholeValue: Int?) {
        self.init(fields: fields, wholeValue: wholeValue)
        self.form = form
    }
}

/// A relation whose columns were learnt from its rows.
public protocol KnownColumnsRelation: AnyObject {
    var known: KnownColumns { get }
}

/// The columns that the inputs of a kept query had when its state was begun. A start takes them
/// from there: looked at anew, the same rows may give other types, as later ones have widened them,
/// or rows that were removed since are missing. Used by the session's thread.
final class KeptColumns {
    private var saved: [String: KnownColumns] = [:]
    /// By the running statement.
    private var used: [String: any KnownColumnsRelation] = [:]

    private static let magic: [UInt8] = Array("rtdcolumns-1".utf8)
    /// Of the file that they are kept in.
    static let bytesMax = 64 << 20

    /// Those of a directory of --state; none where it holds no state.
    convenience init(of directory: String) {
        self.init(StateDirectory.columns(of: directory) ?? [])
    }

    /// `bytes`: of an earlier run; if they are damaged it is as if there were none.
    init(_ bytes: [UInt8]) { saved = (try? KeptColumns.read(bytes)) ?? [:] }

    func columns(of input: String) -> KnownColumns? { saved[input] }

    func use(_ relation: any KnownColumnsRelation, as input: String) { used[input] = relation }

    /// A statement begins.
    func forgetUse() { used = [:] }

    /// Of the inputs that the statement reads, as they are now.
    var bytes: [UInt8] {
        var buffer = OutputBuffer(capacity: 4096)
        buffer.append(KeptColumns.magic)
        buffer.append(bigEndian: Int64(used.count))
        for (input, relation) in used.sorted(by: { $0.key < $1.key }) {
            buffer.append(blob: Array(input.utf8))
            buffer.append(known: relation.known)
        }
        buffer.append(bigEndian: CRC32C.checksum(buffer.bytes))
        return buffer.array
    }

    private static func read(_ bytes: [UInt8]) throws(SQLError) -> [String: KnownColumns] {
        guard bytes.count >= magic.count + 4, Array(bytes[..<magic.count]) == magic else {
            return [:]
        }
        var end = StateReader(Array(bytes.suffix(4)))
        guard try end.integer(UInt32.self) == CRC32C.checksum(Array(bytes.dropLast(4))) else {
            return [:]
        }
        var found: [String: KnownColumns] = [:]
        var reader = StateReader(Array(bytes[magic.count...]))
        for _ in 0..<(try reader.integer(Int64.self)) {
            let input = String(decoding: try reader.blob(), as: UTF8.self)
            found[input] = try reader.knownColumns()
        }
        return found
    }
}

extension OutputBuffer {
    fileprivate mutating func append(known columns: KnownColumns) {
        switch columns.form {
        case nil: append(0 as UInt8)
        case .json(.lines): append(1 as UInt8)
        case .json(.documents): append(2 as UInt8)
        case .json(.array): append(3 as UInt8)
        case .csv(let separator, let hasHeader):
            append(4 as UInt8)
            append(separator)
            append(hasHeader ? 1 : 0 as UInt8)
        case .lines: append(5 as UInt8)
        case .logfmt: append(6 as UInt8)
        }
        append(fields: columns.fields)
        append(bigEndian: Int64(columns.wholeValue ?? -1))
        append(columns.isText ? 1 : 0 as UInt8)
        append(bigEndian: Int64(columns.keyNames.count))
        for name in columns.keyNames { append(blob: Array(name.utf8)) }
    }

    private mutating func append(fields: [Field]) {
        append(bigEndian: Int64(fields.count))
        for field in fields {
            append(blob: Array(field.name.utf8))
            append(type: field.type)
        }
    }

    private mutating func append(type: DataType) {
        switch type {
        case .numeric(let precision, let scale):
            append(20 as UInt8)
            append(bigEndian: precision ?? -1)
            append(bigEndian: scale)
        case .varchar(let length):
            append(21 as UInt8)
            append(bigEndian: length ?? -1)
        case .char(let length):
            append(22 as UInt8)
            append(bigEndian: length ?? -1)
        case .array(let element):
            append(23 as UInt8)
            append(type: element)
        case .record(let fields):
            append(24 as UInt8)
            append(fields: fields)
        default: append(UInt8(PlainTypes.list.firstIndex(of: type) ?? 0))
        }
    }
}

/// Types without parameters, by their number in a file; only ever added to.
private enum PlainTypes {
    static let list: [DataType] = [
        .unknown, .boolean, .smallint, .integer, .bigint, .real, .double, .text, .bytea, .date,
        .time, .timestamp, .timestamptz, .interval, .uuid, .json, .jsonb,
    ]
}

extension StateReader {
    fileprivate mutating func knownColumns() throws(SQLError) -> KnownColumns {
        let form: InputForm?
        switch try integer(UInt8.self) {
        case 0: form = nil
        case 1: form = .json(.lines)
        case 2: form = .json(.documents)
        case 3: form = .json(.array)
        case 4:
            let separator = try integer(UInt8.self)
            form = .csv(separator: separator, hasHeader: try integer(UInt8.self) != 0)
        case 5: form = .lines
        case 6: form = .logfmt
        default: throw Self.damagedColumns
        }
        let fields = try fields(depth: 0)
        let whole = Int(try integer(Int64.self))
        var known = KnownColumns(
            fields: fields, wholeValue: fields.indices.contains(whole) ? whole : nil,
            isText: try integer(UInt8.self) != 0)
        known.form = form
        for _ in 0..<(try length()) {
            known.keyNames.append(String(decoding: try blob(), as: UTF8.self))
        }
        return known
    }

    private static let damagedColumns = SQLError(
        "the saved columns are damaged", .internalError)

    private mutating func length() throws(SQLError) -> Int {
        let count = Int(try integer(Int64.self))
        guard (0...remaining).contains(count) else { throw Self.damagedColumns }
        return count
    }

    private mutating func fields(depth: Int) throws(SQLError) -> [Field] {
        var fields: [Field] = []
        for _ in 0..<(try length()) {
            let name = String(decoding: try blob(), as: UTF8.self)
            fields.append(Field(name, try type(depth: depth + 1)))
        }
        return fields
    }

    private mutating func type(depth: Int) throws(SQLError) -> DataType {
        guard depth < 128 else { throw Self.damagedColumns }
        switch try integer(UInt8.self) {
        case 20:
            let precision = try integer(Int16.self)
            return .numeric(
                precision: precision < 0 ? nil : precision, scale: try integer(Int16.self))
        case 21:
            let length = try integer(Int32.self)
            return .varchar(length < 0 ? nil : length)
        case 22:
            let length = try integer(Int32.self)
            return .char(length < 0 ? nil : length)
        case 23: return .array(try type(depth: depth + 1))
        case 24: return .record(try fields(depth: depth + 1))
        case let plain where Int(plain) < PlainTypes.list.count:
            return PlainTypes.list[Int(plain)]
        default: throw Self.damagedColumns
        }
    }
}
