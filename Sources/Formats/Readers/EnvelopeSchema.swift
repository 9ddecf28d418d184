import Bytes

/// What the `schema` of a Debezium envelope says of the columns whose JSON does not tell: dates as
/// days, times as integers, decimals as base64 (`io.debezium.time.*`, `io.debezium.data.*`,
/// `org.apache.kafka.connect.data.*`).
public struct EnvelopeSchema: Sendable {
    /// By the name of the column.
    private var columns: [String: Node] = [:]

    /// A schema of Kafka Connect's JSON converter.
    private struct Node: Sendable {
        var type = ""
        /// What the type means.
        var name = ""
        var field = ""
        var scale = 0
        var fields: [Node] = []
    }

    /// Of the first envelope in the bytes; nil: they do not hold a whole one with a schema.
    public init?(firstOf bytes: RawSpan) {
        var cursor = JSONCursor(bytes)
        guard let root = try? EnvelopeSchema.root(&cursor) else { return nil }
        for image in root.fields where image.field == "before" || image.field == "after" {
            for column in image.fields { columns[column.field] = column }
        }
        guard !columns.isEmpty else { return nil }
    }

    private static func root(_ cursor: inout JSONCursor) throws(FormatError) -> Node? {
        var found: Node?
        try cursor.enterObject()
        while let member = try cursor.nextMember() {
            if member.equals("schema", in: cursor.bytes), try cursor.kind() == .object {
                found = try node(&cursor)
            } else {
                _ = try cursor.skip()
            }
        }
        return found
    }

    private static func node(_ cursor: inout JSONCursor) throws(FormatError) -> Node {
        var made = Node()
        try cursor.enterObject()
        while let member = try cursor.nextMember() {
            let kind = try cursor.kind()
            switch (member.text(in: cursor.bytes), kind) {
            case ("type", .string): made.type = try text(&cursor)
            case ("name", .string): made.name = try text(&cursor)
            case ("field", .string): made.field = try text(&cursor)
            case ("parameters", .object): made.scale = try scale(&cursor)
            case ("fields", .array):
                try cursor.enterArray()
                while try cursor.nextElement() { made.fields.append(try node(&cursor)) }
            default: _ = try cursor.skip()
            }
        }
        return made
    }

    private static func text(_ cursor: inout JSONCursor) throws(FormatError) -> String {
        try cursor.string().text(in: cursor.bytes)
    }

    private static func scale(_ cursor: inout JSONCursor) throws(FormatError) -> Int {
        var scale = 0
        try cursor.enterObject()
        while let member = try cursor.nextMember() {
            if member.equals("scale", in: cursor.bytes), try cursor.kind() == .string {
                scale = Int(try text(&cursor)) ?? 0
            } else {
                _ = try cursor.skip()
            }
        }
        return scale
    }

    /// How a column is written that was sampled as `type`; nil: as it seems.
    public func encoding(of column: String, sampled type: DataType) -> EnvelopeEncoding? {
        guard let node = columns[column] else { return nil }
        let connect = "org.apache.kafka.connect.data."
        let isText = type == .text || type == .json
        let isNumber = type.isInteger || type == .json
        switch node.name {
        case "io.debezium.time.Date" where isNumber, connect + "Date" where isNumber:
            return .date
        case "io.debezium.time.Timestamp" where isNumber, connect + "Timestamp" where isNumber:
            return .timestamp(.milliseconds)
        case "io.debezium.time.MicroTimestamp" where isNumber: return .timestamp(.microseconds)
        case "io.debezium.time.NanoTimestamp" where isNumber: return .timestamp(.nanoseconds)
        case "io.debezium.time.Time" where isNumber, connect + "Time" where isNumber:
            return .time(.milliseconds)
        case "io.debezium.time.MicroTime" where isNumber: return .time(.microseconds)
        case "io.debezium.time.NanoTime" where isNumber: return .time(.nanoseconds)
        case "io.debezium.time.MicroDuration" where isNumber: return .duration(.microseconds)
        case "io.debezium.time.NanoDuration" where isNumber: return .duration(.nanoseconds)
        case connect + "Decimal" where isText: return .decimal(scale: node.scale)
        case "io.debezium.data.VariableScaleDecimal":
            guard case .record(let members) = type,
                let scale = members.firstIndex(where: { $0.name == "scale" }),
                let value = members.firstIndex(where: { $0.name == "value" })
            else { return nil }
            return .variableDecimal(scale: scale, value: value)
        case "" where isText && node.type == "bytes": return .bytes
        default: return nil
        }
    }
}

/// How a column is written in an envelope, where its JSON does not tell what it is.
public enum EnvelopeEncoding: Sendable, Equatable {
    public enum Unit: Sendable {
        case milliseconds, microseconds, nanoseconds

        func microseconds(_ count: Int64) -> Int64? {
            switch self {
            case .milliseconds:
                let (product, isOver) = count.multipliedReportingOverflow(by: 1_000)
                return isOver ? nil : product
            case .microseconds: return count
            case .nanoseconds: return (count - (count < 0 ? 999 : 0)) / 1_000
            }
        }
    }

    /// Days since 1970.
    case date
    /// Since 1970, of no zone.
    case timestamp(Unit)
    /// Since midnight.
    case time(Unit)
    case duration(Unit)
    /// Base64 of the unscaled value, two's complement, most significant byte first.
    case decimal(scale: Int)
    /// The same beside its scale; positions of the members.
    case variableDecimal(scale: Int, value: Int)
    /// Base64.
    case bytes

    public var type: DataType {
        switch self {
        case .date: .date
        case .timestamp: .timestamp
        case .time: .time
        case .duration: .interval
        case .decimal, .variableDecimal: .anyNumeric
        case .bytes: .bytea
        }
    }

    /// nil: the value is not written so.
    public func decoded(_ value: Value) -> Value? {
        if value.isNull { return .null }
        switch self {
        case .date: return integer(value).map { .integer($0) }
        case .timestamp(let unit), .time(let unit):
            return integer(value).flatMap { unit.microseconds($0) }.map { .integer($0) }
        case .duration(let unit):
            return integer(value).flatMap { unit.microseconds($0) }.map {
                .interval(Interval(months: 0, days: 0, microseconds: $0))
            }
        case .decimal(let scale):
            return bytes(value).flatMap { EnvelopeEncoding.decimal($0, scale: scale) }
        case .variableDecimal(let scale, let place):
            guard case .record(let members) = value, members.count > max(scale, place),
                let digits = integer(members[scale])
            else { return nil }
            return bytes(members[place]).flatMap {
                EnvelopeEncoding.decimal($0, scale: Int(digits))
            }
        case .bytes: return bytes(value).map { .bytes($0) }
        }
    }

    /// Of a column that had only nulls at first the JSON comes as it is.
    private func integer(_ value: Value) -> Int64? {
        switch value {
        case .integer(let number): number
        case .text(let text): Int64(text)
        default: nil
        }
    }

    private func bytes(_ value: Value) -> [UInt8]? {
        guard case .text(let text) = value else { return nil }
        var bare = Array(text.utf8)
        if bare.first == UInt8(ascii: "\""), bare.last == UInt8(ascii: "\""), bare.count > 1 {
            bare = Array(bare.dropFirst().dropLast())
        }
        var target = OutputBuffer(capacity: bare.count)
        do throws(FormatError) {
            try Base64.decode(bare.rawSpan, into: &target)
        } catch {
            return nil
        }
        return (0..<target.count).map { target.bytes.byte(at: $0) }
    }

    static func decimal(_ bytes: [UInt8], scale: Int) -> Value? {
        guard let first = bytes.first, bytes.count <= 4_096, abs(scale) <= 16_383 else {
            return nil
        }
        let isNegative = first >= 0x80
        // The magnitude in base 10^9, least significant first.
        var limbs: [UInt32] = []
        for byte in bytes {
            var carry = UInt64(isNegative ? ~byte : byte)
            for index in limbs.indices {
                carry += UInt64(limbs[index]) << 8
                limbs[index] = UInt32(carry % 1_000_000_000)
                carry /= 1_000_000_000
            }
            if carry > 0 { limbs.append(UInt32(carry)) }
        }
        if isNegative { increment(&limbs) }
        for _ in 0..<max(0, -scale) { multiplyByTen(&limbs) }
        let value = BigDecimal(isNegative: isNegative, limbs: limbs, scale: max(0, scale))
        return .numeric(Numeric(value))
    }

    private static func increment(_ limbs: inout [UInt32]) {
        for index in limbs.indices {
            if limbs[index] < 999_999_999 {
                limbs[index] += 1
                return
            }
            limbs[index] = 0
        }
        limbs.append(1)
    }

    private static func multiplyByTen(_ limbs: inout [UInt32]) {
        var carry: UInt64 = 0
        for index in limbs.indices {
            carry += UInt64(limbs[index]) * 10
            limbs[index] = UInt32(carry % 1_000_000_000)
            carry /= 1_000_000_000
        }
        if carry > 0 { limbs.append(UInt32(carry)) }
    }
}
