import Formats

extension JSONTree {
    /// jsonb's order: objects are greater than arrays, these than booleans, numbers, strings and
    /// null; longer containers than shorter ones.
    static func compare(_ a: StringView, _ b: StringView) throws(SQLError) -> Int {
        if a == b { return 0 }
        let (left, right) = (try JSONTree(a), try JSONTree(b))
        // An empty array stands before all else, but only at the top.
        if left.isEmptyArray || right.isEmptyArray {
            return (left.isEmptyArray ? 0 : 1) - (right.isEmptyArray ? 0 : 1)
        }
        return order(left, right)
    }

    private static func order(_ a: JSONTree, _ b: JSONTree) -> Int {
        switch (a, b) {
        case (.null, .null): return 0
        case (.string(let x), .string(let y)): return text(x, y)
        case (.number(let x), .number(let y)): return number(x, y)
        case (.boolean(let x), .boolean(let y)): return x == y ? 0 : x ? 1 : -1
        case (.array(let x), .array(let y)):
            if x.count != y.count { return x.count - y.count }
            return zip(x, y).lazy.map { order($0, $1) }.first { $0 != 0 } ?? 0
        case (.object(let x), .object(let y)):
            if x.count != y.count { return x.count - y.count }
            for (left, right) in zip(x, y) {
                let name = text(left.name, right.name)
                if name != 0 { return name }
                let value = order(left.value, right.value)
                if value != 0 { return value }
            }
            return 0
        default: return a.rank - b.rank
        }
    }

    private var isEmptyArray: Bool {
        if case .array(let elements) = self { elements.isEmpty } else { false }
    }

    var rank: Int {
        switch self {
        case .null: 0
        case .string: 1
        case .number: 2
        case .boolean: 3
        case .array: 4
        case .object: 5
        }
    }

    private static func text(_ a: String, _ b: String) -> Int {
        if a.utf8.elementsEqual(b.utf8) { return 0 }
        return a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
    }

    private static func number(_ a: String, _ b: String) -> Int {
        guard case .numeric(let x)? = try? TypeText.parse(a, as: .anyNumeric),
            case .numeric(let y)? = try? TypeText.parse(b, as: .anyNumeric)
        else { return text(a, b) }
        return x.compare(y)
    }
}
