import Bytes
import Formats

/// What `--backfill` asks for: the rows of a table, or those that a condition selects.
public struct BackfillRequest: Sendable, Hashable {
    /// `schema.table`.
    public var table: String
    /// SQL; nil takes all rows. An object of JSON stands for the row whose key that is.
    public var condition: String?

    public init(table: String, condition: String? = nil) {
        self.table = table
        self.condition = condition
    }

    /// `TABLE` or `TABLE:CONDITION`; a table without a schema is in `public`. A name with a colon
    /// stands in double quotes, with the schema: `"sales.a:b":total > 5`.
    public init?(_ text: String) {
        guard let end = Self.endOfName(text) else { return nil }
        var name = String(text[..<end])
        if name.hasPrefix("\"") { name = Self.unquoted(name) }
        guard !name.isEmpty else { return nil }
        table = name.contains(".") ? name : "public.\(name)"
        let rest = text[end...].dropFirst()
        condition = rest.isEmpty ? nil : String(rest)
    }

    private static func unquoted(_ name: String) -> String {
        var text = ""
        var wasQuote = false
        for one in name.dropFirst().dropLast() {
            // Of two that stand together the second counts.
            wasQuote = one == "\"" && !wasQuote
            if !wasQuote { text.append(one) }
        }
        return text
    }

    /// Where the colon or the end stands; nil: its quotes do not end.
    private static func endOfName(_ text: String) -> String.Index? {
        guard text.hasPrefix("\"") else { return text.firstIndex(of: ":") ?? text.endIndex }
        var isInside = false
        for index in text.indices {
            if text[index] == "\"" {
                isInside.toggle()
            } else if !isInside {
                return text[index] == ":" ? index : nil
            }
        }
        return isInside ? nil : text.endIndex
    }

    public var text: String {
        let isPlain = !table.utf8.contains(UInt8(ascii: ":")) && !table.hasPrefix("\"")
        let name = isPlain ? table : quotedName(table)
        return condition.map { "\(name):\($0)" } ?? name
    }

    /// The row of a key, which the capture reads again by itself.
    init(table: CapturedTable, key: [Int], values: [String]) {
        var object = OutputBuffer(capacity: 64)
        for (index, value) in zip(key, values) {
            object.append(UInt8(ascii: object.isEmpty ? "{" : ","))
            object.append(jsonString: table.columns[index].name)
            object.append(UInt8(ascii: ":"))
            object.append(jsonString: value)
        }
        object.append(UInt8(ascii: "}"))
        self.init(
            table: "\(table.schema).\(table.name)",
            condition: String(decoding: object.bytes.copied(), as: UTF8.self))
    }

    /// The key of the one row that is meant, by the names of its columns.
    var row: [String: String]? {
        guard let condition, condition.hasPrefix("{") else { return nil }
        return JSONMembers.read(Array(condition.utf8))
    }

    /// The rows that a partition of the table has.
    init(table: String, partition: String) {
        self.init(table: table, condition: "\(Self.ofPartition)\(partition)")
    }

    /// Its OID.
    var partition: String? {
        guard let condition, condition.hasPrefix(Self.ofPartition) else { return nil }
        let oid = condition.dropFirst(Self.ofPartition.count)
        return UInt32(oid) == nil ? nil : String(oid)
    }

    private static let ofPartition = "tableoid = "

    var isSingle: Bool { condition?.hasPrefix("{") ?? false }

    /// As people see it.
    public var label: String {
        if let condition, ReadParts.isRest(condition) { return "the rest of \(table)" }
        return text
    }
}

/// How far the rows of a request are: kept by outputs together with their position, so that what
/// was read is not read again.
public struct BackfillState: Sendable, Equatable {
    public var request: BackfillRequest
    /// The key of the last row, column by column; nil before the first.
    public var after: [String]?
    /// The key's columns and their types: `after` says nothing of the order of others. Empty: not
    /// kept.
    public var key: [String] = []
    public var rows: Int64
    /// The transaction that has put the table into the publication: changes of those that were open
    /// then are not in the stream, so the first rows are read when all of them have ended.
    public var behind: UInt32?

    public init(
        _ request: BackfillRequest, after: [String]? = nil, rows: Int64 = 0, behind: UInt32? = nil
    ) {
        self.request = request
        self.after = after
        self.rows = rows
        self.behind = behind
    }

    /// `{"public.orders:total > 5":{"rows":1000,"after":{"0":"17"}}}`.
    public static func json(_ states: [BackfillState]) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 256)
        buffer.append(UInt8(ascii: "{"))
        for (index, state) in states.enumerated() {
            if index > 0 { buffer.append(UInt8(ascii: ",")) }
            buffer.append(jsonString: state.request.text)
            buffer.append(":{\"rows\":")
            buffer.append(decimal: state.rows)
            if let behind = state.behind {
                buffer.append(",\"behind\":")
                buffer.append(decimal: Int64(behind))
            }
            if let after = state.after {
                buffer.append(",\"after\":{")
                append(after, to: &buffer)
                buffer.append(UInt8(ascii: "}"))
                if !state.key.isEmpty {
                    buffer.append(",\"key\":{")
                    append(state.key, to: &buffer)
                    buffer.append(UInt8(ascii: "}"))
                }
            }
            buffer.append(UInt8(ascii: "}"))
        }
        buffer.append(UInt8(ascii: "}"))
        return buffer.bytes.copied()
    }

    private static func append(_ values: [String], to buffer: inout OutputBuffer) {
        for (place, value) in values.enumerated() {
            if place > 0 { buffer.append(UInt8(ascii: ",")) }
            buffer.append(utf8: "\"\(place)\":")
            buffer.append(jsonString: value)
        }
    }

    /// Reads what `json` writes; nothing of what is none.
    public static func read(_ text: String) -> [BackfillState] {
        JSONMembers.read(Array(text.utf8)).sorted { $0.key < $1.key }.compactMap { name, value in
            guard let request = BackfillRequest(name) else { return nil }
            let members = JSONMembers.read(Array(value.utf8))
            let after = members["after"].map { JSONMembers.read(Array($0.utf8)) }
            var state = BackfillState(
                request, after: after.map { parts in parts.indices(in: parts.count) },
                rows: members["rows"].flatMap { Int64($0) } ?? 0,
                behind: members["behind"].flatMap { UInt32($0) })
            let key = members["key"].map { JSONMembers.read(Array($0.utf8)) } ?? [:]
            state.key = key.indices(in: key.count)
            return state
        }
    }
}

extension [String: String] {
    /// The values of the names "0", "1", ...
    fileprivate func indices(in count: Int) -> [String] {
        (0..<count).compactMap { self["\($0)"] }
    }
}

/// The members of small JSON objects of our own.
public enum JSONMembers {
    /// Strings by their value, the others by their text. Empty for what is no object.
    public static func read(_ text: [UInt8]) -> [String: String] {
        var cursor = JSONCursor(text.rawSpan)
        var members: [String: String] = [:]
        do throws(FormatError) {
            try cursor.enterObject()
            while let name = try cursor.nextMember() {
                let key = string(name, text)
                if try cursor.kind() == .string {
                    members[key] = string(try cursor.string(), text)
                } else {
                    let range = try cursor.skip()
                    members[key] = String(decoding: text[range], as: UTF8.self)
                }
            }
        } catch {
            return [:]
        }
        return members
    }

    private static func string(_ string: JSONString, _ text: [UInt8]) -> String {
        var buffer = OutputBuffer(capacity: 64)
        string.decode(from: text.rawSpan, into: &buffer)
        return String(decoding: buffer.bytes.copied(), as: UTF8.self)
    }
}
