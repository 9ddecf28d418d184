import Formats

/// A jsonb value taken apart, for functions that change it. Members are in the order of jsonb: by
/// length of their names, then by bytes.
indirect enum JSONTree {
    case null
    case boolean(Bool)
    /// As jsonb writes it.
    case number(String)
    case string(String)
    case array([JSONTree])
    case object([(name: String, value: JSONTree)])

    /// The value of a text in jsonb's form.
    init(_ text: StringView) throws(SQLError) {
        self = try unsafe text.withBytes { (bytes: UnsafeRawBufferPointer) throws(SQLError) in
            let span = unsafe RawSpan(_unsafeBytes: bytes)
            var cursor = JSONCursor(span)
            do throws(FormatError) {
                return try JSONTree.read(&cursor)
            } catch {
                throw SQLError("invalid input syntax for type json", .invalidTextRepresentation)
            }
        }
    }

    @_lifetime(cursor: copy cursor)
    private static func read(_ cursor: inout JSONCursor) throws(FormatError) -> JSONTree {
        switch try cursor.kind() {
        case .null:
            try cursor.null()
            return .null
        case .boolean: return .boolean(try cursor.boolean())
        case .number: return .number(cursor.bytes.text(try cursor.number()))
        case .string: return .string(try cursor.string().text(in: cursor.bytes))
        case .array:
            var elements: [JSONTree] = []
            try cursor.enterArray()
            while try cursor.nextElement() { elements.append(try read(&cursor)) }
            return .array(elements)
        case .object:
            var members: [(name: String, value: JSONTree)] = []
            try cursor.enterObject()
            while let name = try cursor.nextMember() {
                members.append((name.text(in: cursor.bytes), try read(&cursor)))
            }
            return .object(members)
        }
    }

    /// As jsonb writes it.
    func append(to target: inout OutputBuffer) {
        switch self {
        case .null: target.append("null")
        case .boolean(let value): target.append(value ? "true" : "false")
        case .number(let text): target.append(utf8: text)
        case .string(let text): target.append(jsonString: text)
        case .array(let elements):
            target.append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { target.append(", ") }
                element.append(to: &target)
            }
            target.append("]")
        case .object(let members):
            target.append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { target.append(", ") }
                target.append(jsonString: member.name)
                target.append(": ")
                member.value.append(to: &target)
            }
            target.append("}")
        }
    }

    /// With a line for each member and element.
    func appendPretty(to target: inout OutputBuffer, depth: Int = 0) {
        func line(_ depth: Int) {
            target.append("\n")
            for _ in 0..<depth { target.append("    ") }
        }
        switch self {
        case .array(let elements):
            target.append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { target.append(",") }
                line(depth + 1)
                element.appendPretty(to: &target, depth: depth + 1)
            }
            line(depth)
            target.append("]")
        case .object(let members):
            target.append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { target.append(",") }
                line(depth + 1)
                target.append(jsonString: member.name)
                target.append(": ")
                member.value.appendPretty(to: &target, depth: depth + 1)
            }
            line(depth)
            target.append("}")
        default: append(to: &target)
        }
    }

    /// Whether a name stands before another in an object.
    static func precedes(_ a: String, _ b: String) -> Bool {
        let (x, y) = (a.utf8, b.utf8)
        return x.count != y.count ? x.count < y.count : x.lexicographicallyPrecedes(y)
    }

    /// Sets a member, in its place.
    static func set(
        _ members: inout [(name: String, value: JSONTree)], _ name: String, _ value: JSONTree
    ) {
        if let index = members.firstIndex(where: { $0.name.hasBytes(of: name) }) {
            members[index].value = value
        } else {
            let index = members.firstIndex { precedes(name, $0.name) } ?? members.count
            members.insert((name, value), at: index)
        }
    }

    var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }

    func equals(_ other: JSONTree) -> Bool {
        switch (self, other) {
        case (.null, .null): return true
        case (.boolean(let a), .boolean(let b)): return a == b
        case (.string(let a), .string(let b)): return a.hasBytes(of: b)
        case (.number(let a), .number(let b)):
            if a == b { return true }
            guard let x = try? Numeric.parse(a), let y = try? Numeric.parse(b) else {
                return false
            }
            return x == y
        case (.array(let a), .array(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
        case (.object(let a), .object(let b)):
            return a.count == b.count
                && zip(a, b).allSatisfy {
                    $0.name.hasBytes(of: $1.name) && $0.value.equals($1.value)
                }
        default: return false
        }
    }

    /// `self @> other`
    func contains(_ other: JSONTree, isTop: Bool = true) -> Bool {
        switch (self, other) {
        case (.object(let members), .object(let wanted)):
            return wanted.allSatisfy { part in
                guard let own = members.first(where: { $0.name.hasBytes(of: part.name) }) else {
                    return false
                }
                return own.value.contains(part.value, isTop: false)
            }
        case (.array(let elements), .array(let wanted)):
            return wanted.allSatisfy { part in
                elements.contains { element in
                    part.isScalar
                        ? element.equals(part) : element.contains(part, isTop: false)
                }
            }
        // At the top an array contains a scalar.
        case (.array(let elements), _) where isTop && other.isScalar:
            return elements.contains { $0.equals(other) }
        default: return equals(other)
        }
    }
}
