/// What a sample of an input says of its columns.
public struct SampledSchema: Sendable {
    public var fields: [Field] = []
    /// The field `_value`: rows that are no objects.
    public var wholeValue: Int?
    /// Rows looked at.
    public var rows = 0
    /// Rows that are not well formed.
    public var brokenRows = 0
    /// Fields of which only null was seen; their type is json.
    public var unknown: [Int] = []
    /// There are more columns than the fields.
    public var isCut = false
    /// Of fields whose values are of several kinds: the type of what most of them are.
    public var majorities: [Int: DataType] = [:]

    public init() {}

    /// Columns, and members of them, that the query speaks of and that have not come; their type is
    /// json. Gives the names that were added.
    public mutating func add(
        expected names: Set<String>, _ paths: Set<[String]> = []
    ) -> [String] {
        let known = Set(fields.map { $0.name.lowercased() })
        let missing = names.filter { !known.contains($0.lowercased()) }.sorted()
        for name in missing {
            unknown.append(fields.count)
            fields.append(Field(name, .json))
        }
        let members = paths.sorted { $0.lexicographicallyPrecedes($1) }.filter { path in
            SampledSchema.add(path[...], to: &fields, isMember: false)
        }
        return missing + members.map { $0.joined(separator: ".") }
    }

    /// False if it is there already, or the object that it would lie in is not.
    private static func add(
        _ path: ArraySlice<String>, to fields: inout [Field], isMember: Bool
    ) -> Bool {
        guard let name = path.first else { return false }
        let known =
            fields.firstIndex { $0.name == name }
            ?? fields.firstIndex { $0.name.lowercased() == name.lowercased() }
        guard let known else {
            if isMember { fields.append(Field(name, .json)) }
            return isMember
        }
        guard case .record(var members) = fields[known].type,
            add(path.dropFirst(), to: &members, isMember: true)
        else { return false }
        fields[known].type = .record(members)
        return true
    }
}

/// Looks at the first rows of a JSON input to learn its columns.
///
/// It is done when every wanted name has had a value that is not null and `rowsMin` rows were seen,
/// after `rowsMax` rows, or at the end of the input. Rows that are not well formed are left to the
/// reader to report.
public final class JSONSampler: InputSampler {
    public static let rowsMax = 10_000

    private let framing: JSONFraming
    /// In lower case; nil: whatever names come.
    private let wanted: Set<String>?
    private let rowsMin: Int
    /// The rows are Debezium's envelopes, whose images have the wanted names.
    private let readsEnvelopes: Bool
    private let root = TypeEvidence()
    private let whole = TypeEvidence()
    private var rows = 0
    private var brokenRows = 0
    /// Bytes of the input that were looked at.
    public private(set) var position = 0
    private var hasEnded = false

    public init(
        framing: JSONFraming, wanted: Set<String>?, rowsMin: Int, readsEnvelopes: Bool = false
    ) {
        self.framing = framing
        self.readsEnvelopes = readsEnvelopes
        self.wanted = wanted.map { Set($0.map { $0.lowercased() }) }
        self.rowsMin = max(1, rowsMin)
        root.namesMax = FormatLimits.sampledColumnsMax - 1
        root.keptNames = self.wanted ?? []
    }

    public var isDone: Bool {
        if hasEnded || rows >= JSONSampler.rowsMax { return true }
        return rows >= rowsMin && isSufficient
    }

    public var isSufficient: Bool {
        guard rows > 0 else { return false }
        let holders = holders
        func isKnown(_ name: [UInt8]) -> Bool {
            holders.contains { $0.knownMember(name)?.isKnown == true }
        }
        guard let wanted else {
            return !holders.isEmpty && holders.allSatisfy { $0.names.allSatisfy(isKnown) }
        }
        var left = wanted
        for name in holders.flatMap(\.names) where isKnown(name) {
            left.remove(String(decoding: name, as: UTF8.self).lowercased())
        }
        if whole.isKnown { left.remove("_value") }
        for hidden in ["_file", "_line"] { left.remove(hidden) }
        return left.isEmpty
    }

    /// What has the columns as members: the rows; of envelopes the images inside them.
    private var holders: [TypeEvidence] {
        guard readsEnvelopes else { return [root] }
        let inner = root.knownMember(Array("payload".utf8)) ?? root
        return ["after", "before"].compactMap { inner.knownMember(Array($0.utf8)) }
    }

    public func observe(_ block: InputBlock, isLast: Bool) {
        observe(block.bytes, isLast: isLast)
    }

    /// Looks at more: `bytes` begin where the input begins and hold all that came so far. Returns
    /// early once done.
    public func observe(_ bytes: RawSpan, isLast: Bool) {
        while !isDone {
            skipBetween(bytes)
            guard position < bytes.byteCount else { break }
            guard let end = rowEnd(bytes, isLast) else { break }
            observeRow(bytes.extracting(position..<end))
            position = end
        }
        if isLast && !isDone { hasEnded = true }
    }

    public func fileBegan() {
        position = 0
        hasEnded = false
    }

    private func skipBetween(_ bytes: RawSpan) {
        while position < bytes.byteCount {
            let byte = bytes.byte(at: position)
            let isSpace = byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
            let isBetween =
                framing == .array
                && (byte == UInt8(ascii: ",") || byte == UInt8(ascii: "[")
                    || byte == UInt8(ascii: "]"))
            guard isSpace || isBetween else { return }
            position += 1
        }
    }

    /// Where the row at `position` ends; nil if that is not there yet or cannot be told.
    private func rowEnd(_ bytes: RawSpan, _ isLast: Bool) -> Int? {
        if framing == .lines {
            if let end = ByteScan.firstIndex(of: 0x0a, in: bytes, from: position) { return end }
            return isLast ? bytes.byteCount : nil
        }
        var cursor = JSONCursor(bytes.extracting(droppingFirst: position))
        guard let range = try? cursor.skip() else {
            if isLast {
                hasEnded = true
                brokenRows += 1
            }
            return nil
        }
        return position + range.upperBound
    }

    private func observeRow(_ text: RawSpan) {
        var cursor = JSONCursor(text)
        do {
            var checker = cursor
            _ = try checker.skip()
            rows += 1
            if try cursor.kind() == .object {
                try root.observe(&cursor)
            } else {
                try whole.observe(&cursor)
            }
        } catch {
            // The reader says what is wrong with it.
            brokenRows += 1
        }
    }

    public var schema: SampledSchema {
        var schema = SampledSchema()
        schema.rows = rows
        schema.brokenRows = brokenRows
        schema.fields = root.fields
        schema.isCut = root.isCut
        schema.unknown = root.names.indices.filter {
            root.knownMember(root.names[$0])?.isKnown != true
        }
        for (index, field) in root.majorityFields.enumerated()
        where field.type != schema.fields[index].type {
            schema.majorities[index] = field.type
        }
        if let type = whole.type {
            schema.wholeValue = schema.fields.count
            schema.fields.append(Field("_value", type))
        }
        return schema
    }
}

extension JSONFraming {
    /// How the values at the start of an input follow each other; nil if more has to be seen.
    public static func detect(_ bytes: RawSpan, isLast: Bool) -> JSONFraming? {
        var start = 0
        func isSpace(_ index: Int) -> Bool {
            let byte = bytes.byte(at: index)
            return byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
        }
        while start < bytes.byteCount, isSpace(start) { start += 1 }
        guard start < bytes.byteCount else { return isLast ? .lines : nil }
        if bytes.byte(at: start) == UInt8(ascii: "[") {
            var next = start + 1
            while next < bytes.byteCount, isSpace(next) { next += 1 }
            guard next < bytes.byteCount else { return isLast ? .lines : nil }
            let byte = bytes.byte(at: next)
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "]") { return .array }
        }
        guard let lineEnd = ByteScan.firstIndex(of: 0x0a, in: bytes, from: start) else {
            return isLast ? .lines : nil
        }
        // A first line that is cut off, and no row of its own behind it, begins a longer document.
        guard isCut(bytes.extracting(start..<lineEnd)) else { return .lines }
        let next = lineEnd + 1
        guard let nextEnd = ByteScan.firstIndex(of: 0x0a, in: bytes, from: next) else {
            guard isLast else { return nil }
            return isWhole(bytes.extracting(next..<bytes.byteCount)) ? .lines : .documents
        }
        return isWhole(bytes.extracting(next..<nextEnd)) ? .lines : .documents
    }

    private static func isCut(_ line: RawSpan) -> Bool {
        var cursor = JSONCursor(line)
        do {
            _ = try cursor.skip()
            return false
        } catch {
            guard case .json(.unexpectedEnd, _) = error else { return false }
            return true
        }
    }

    private static func isWhole(_ line: RawSpan) -> Bool {
        var cursor = JSONCursor(line)
        guard let kind = try? cursor.kind(), kind == .object else { return false }
        do {
            _ = try cursor.skip()
            try cursor.finish()
            return true
        } catch {
            return false
        }
    }
}
