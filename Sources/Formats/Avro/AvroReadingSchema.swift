import Bytes

/// A schema of Avro as a reader needs it: what stands where in a value's bytes, and what it means.
/// Types that contain themselves name each other by position. Nothing of it changes once it is
/// made.
public final class AvroReadingSchema: @unchecked Sendable {
    /// What is read at a place, and how it is shown as JSON.
    enum Operation: UInt8, BitwiseCopyable {
        case null, boolean, integer, float, double, bytes, string, fixed, enumeration
        case array, map, record, union
        /// Integers of days and of units of time.
        case date, timestamp, instant, time, duration
        /// The unscaled value in bytes.
        case decimal, fixedDecimal
        /// A record of a scale and the unscaled value.
        case variableDecimal
        /// Strings: of a form that is never empty, JSON, digits.
        case word, json, digits
        case fixedUUID
        /// Months, days and milliseconds in twelve bytes.
        case months
    }

    struct Node: Sendable {
        var operation: Operation
        var unit = EnvelopeEncoding.Unit.microseconds
        /// The first of `count` slots; of arrays and maps the node of what they hold.
        var first: Int32 = 0
        var count: Int32 = 0
        /// Bytes of a fixed value.
        var size: Int32 = 0
        var scale: Int32 = 0

        init(_ operation: Operation) { self.operation = operation }
    }

    /// A field of a record, a branch of a union, a symbol of an enumeration.
    struct Slot: BitwiseCopyable {
        var node: Int32
        /// Where in `labels` it begins: `"name":` of a field, `"name"` of a symbol.
        var label: Int32
        var labelCount: Int32
    }

    var nodes: [Node] = []
    var slots: [Slot] = []
    /// By slot; of branches empty.
    var names: [String] = []
    var labels: [UInt8] = []
    var root = 0
    /// The nodes of types with names.
    var named: [String: Int] = [:]
    /// Of nodes: the type that it is shown as, where its operation does not tell.
    var texts: [Int: DataType] = [:]
    /// Defaults of fields as JSON, by slot; null is none.
    var defaults: [Int: [UInt8]] = [:]
    /// Of records: members that values lack and a newer schema has a default for, as JSON.
    var additions: [Int: [UInt8]] = [:]

    /// Nodes of a schema; one with more is refused.
    static let nodesMax = 50_000
    static let depthMax = 64

    /// `references`: the schemas whose types this one names, in the order of their need.
    public init(_ text: [UInt8], references: [[UInt8]] = []) throws(FormatError) {
        for reference in references { _ = try add(reference.rawSpan, in: "", depth: 0) }
        root = try add(text.rawSpan, in: "", depth: 0)
    }

    init(copyOf other: AvroReadingSchema) {
        (nodes, slots, names, labels) = (other.nodes, other.slots, other.names, other.labels)
        (root, named, texts) = (other.root, other.named, other.texts)
        (defaults, additions) = (other.defaults, other.additions)
    }
}

// Reading the text.
extension AvroReadingSchema {
    static func refused(_ words: String) -> FormatError { .avro(words, at: nil) }

    func add(
        _ text: RawSpan, in namespace: String, depth: Int
    ) throws(FormatError) -> Int {
        guard depth < Self.depthMax, nodes.count < Self.nodesMax else {
            throw Self.refused("the schema is too large")
        }
        var cursor = JSONCursor(text)
        switch try cursor.kind() {
        case .string:
            let name = try cursor.string().text(in: text)
            return try type(name, AvroMembers(), text, in: namespace, depth)
        case .array: return try union(text, in: namespace, depth)
        case .object:
            let members = try AvroMembers(text)
            guard let place = members["type"] else { throw Self.refused("a type is missing") }
            let type = text.extracting(place)
            guard let name = Self.string(type) else {
                return try add(type, in: namespace, depth: depth + 1)
            }
            return try self.type(name, members, text, in: namespace, depth)
        default: throw Self.refused("a type is neither a name nor an object nor a union")
        }
    }

    /// The value, if it is a string.
    static func string(_ text: RawSpan) -> String? {
        var cursor = JSONCursor(text)
        guard (try? cursor.kind()) == .string else { return nil }
        return (try? cursor.string())?.text(in: text)
    }

    func append(_ node: Node) -> Int {
        nodes.append(node)
        return nodes.count - 1
    }

    private func type(
        _ name: String, _ members: AvroMembers, _ text: RawSpan, in namespace: String, _ depth: Int
    ) throws(FormatError) -> Int {
        let meaning = AvroMeaning(members, text)
        switch name {
        case "null": return append(Node(.null))
        case "boolean": return append(Node(.boolean))
        case "int", "long": return append(meaning.integer)
        case "float": return append(Node(.float))
        case "double": return append(Node(.double))
        case "bytes": return append(meaning.bytes)
        case "string":
            let index = append(meaning.string)
            texts[index] = meaning.textType
            return index
        case "array", "map":
            guard let place = members[name == "array" ? "items" : "values"] else {
                throw Self.refused("an \(name) does not say of what")
            }
            let index = append(Node(name == "array" ? .array : .map))
            let inner = try add(text.extracting(place), in: namespace, depth: depth + 1)
            nodes[index].first = Int32(inner)
            return index
        case "record", "error", "enum", "fixed":
            return try define(name, members, text, meaning, in: namespace, depth)
        default:
            let full = name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
            guard let known = named[full] ?? named[name] else {
                throw Self.refused("there is no type \"\(name)\"")
            }
            return known
        }
    }

    /// A type with a name.
    private func define(
        _ kind: String, _ members: AvroMembers, _ text: RawSpan, _ meaning: AvroMeaning,
        in namespace: String, _ depth: Int
    ) throws(FormatError) -> Int {
        guard let given = members.string("name", text) else {
            throw Self.refused("a type of \(kind) has no name")
        }
        var space = members.string("namespace", text) ?? namespace
        let full = given.contains(".") || space.isEmpty ? given : "\(space).\(given)"
        if let dot = given.lastIndex(of: ".") { space = String(given[..<dot]) }
        switch kind {
        case "fixed":
            guard let place = members["size"],
                let size = text.integer(place), (0...Int64(FormatLimits.rowBytesMax)).contains(size)
            else { throw Self.refused("\"\(full)\" has no size") }
            let index = append(meaning.fixed(Int(size)))
            named[full] = index
            return index
        case "enum":
            let index = append(Node(.enumeration))
            named[full] = index
            try addSymbols(members, text, of: index)
            return index
        default:
            let index = append(Node(.record))
            named[full] = index
            try addFields(members, text, of: index, in: space, depth)
            if meaning.isVariableDecimal, names(of: index) == ["scale", "value"] {
                nodes[index].operation = .variableDecimal
            }
            return index
        }
    }

    /// Of the slots of a node.
    func names(of node: Int) -> [String] {
        let first = Int(nodes[node].first)
        return Array(names[first..<first + Int(nodes[node].count)])
    }

    private func addSlot(_ node: Int, _ name: String, _ end: StaticString) {
        var label = OutputBuffer(capacity: 64)
        label.append(jsonString: name)
        label.append(end)
        slots.append(
            Slot(
                node: Int32(node), label: Int32(labels.count), labelCount: Int32(label.count)))
        names.append(name)
        labels += label.array
    }

    private func addSymbols(
        _ members: AvroMembers, _ text: RawSpan, of index: Int
    ) throws(FormatError) {
        guard let place = members["symbols"] else { throw Self.refused("an enum has no symbols") }
        let list = text.extracting(place)
        var cursor = JSONCursor(list)
        try cursor.enterArray()
        nodes[index].first = Int32(slots.count)
        while try cursor.nextElement() {
            addSlot(0, try cursor.string().text(in: list), "")
            nodes[index].count += 1
        }
    }

    private func addFields(
        _ members: AvroMembers, _ text: RawSpan, of index: Int, in namespace: String, _ depth: Int
    ) throws(FormatError) {
        guard let place = members["fields"] else { throw Self.refused("a record has no fields") }
        let list = text.extracting(place)
        var cursor = JSONCursor(list)
        var fields: [(name: String, node: Int, value: [UInt8]?)] = []
        try cursor.enterArray()
        while try cursor.nextElement() {
            let field = list.extracting(try cursor.skip())
            let members = try AvroMembers(field)
            guard let name = members.string("name", field), let type = members["type"] else {
                throw Self.refused("a field has no name or no type")
            }
            let node = try add(field.extracting(type), in: namespace, depth: depth + 1)
            var value: [UInt8]?
            if let place = members["default"] {
                var compact = OutputBuffer(capacity: 64)
                if compact.append(compactJSON: field.extracting(place)) { value = compact.array }
            }
            fields.append((name, node, value == Array("null".utf8) ? nil : value))
        }
        nodes[index].first = Int32(slots.count)
        nodes[index].count = Int32(fields.count)
        for field in fields {
            if let value = field.value { defaults[slots.count] = value }
            addSlot(field.node, field.name, ":")
        }
    }

    private func union(
        _ text: RawSpan, in namespace: String, _ depth: Int
    ) throws(FormatError) -> Int {
        var cursor = JSONCursor(text)
        var branches: [Int] = []
        try cursor.enterArray()
        while try cursor.nextElement() {
            let branch = text.extracting(try cursor.skip())
            branches.append(try add(branch, in: namespace, depth: depth + 1))
        }
        let index = append(Node(.union))
        nodes[index].first = Int32(slots.count)
        nodes[index].count = Int32(branches.count)
        for branch in branches {
            slots.append(Slot(node: Int32(branch), label: 0, labelCount: 0))
            names.append("")
        }
        return index
    }
}

/// Where the members of an object stand; the last of equal names.
struct AvroMembers {
    private var places: [String: Range<Int>] = [:]

    init() {}

    init(_ text: RawSpan) throws(FormatError) {
        var cursor = JSONCursor(text)
        try cursor.enterObject()
        while let name = try cursor.nextMember() {
            places[name.text(in: text)] = try cursor.skip()
        }
    }

    subscript(name: String) -> Range<Int>? { places[name] }

    func string(_ name: String, _ text: RawSpan) -> String? {
        places[name].flatMap { AvroReadingSchema.string(text.extracting($0)) }
    }
}
