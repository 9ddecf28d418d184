import Formats

/// Runs a jsonpath over one value. In predicates errors make the answer unknown; elsewhere they are
/// thrown, and what was found before stays in `found`.
final class JSONPathRun {
    private let path: JSONPath
    private let root: JSONTree
    private let variables: JSONTree?
    private var expressions: [String: RegularExpression] = [:]
    /// Of `@`, innermost last.
    private var currents: [JSONTree] = []
    /// Sizes of the arrays whose subscripts are being read.
    private var sizes: [Int] = []
    private(set) var found: [JSONTree] = []

    init(_ path: JSONPath, _ root: JSONTree, variables: JSONTree? = nil) {
        self.path = path
        self.root = root
        self.variables = variables
    }

    func run() throws(SQLError) {
        try evaluate(path.root) { (item) throws(SQLError) in self.found.append(item) }
    }

    typealias Take = (JSONTree) throws(SQLError) -> Void

    static func text(_ value: Numeric) -> String {
        var buffer = OutputBuffer(capacity: 32)
        buffer.append(numeric: value)
        return unsafe buffer.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    private func evaluate(_ expression: JSONPath.Expression, _ take: Take) throws(SQLError) {
        switch expression {
        case .root: try take(root)
        case .current: try take(currents.last ?? .null)
        case .last: try take(.number("\((sizes.last ?? 0) - 1)"))
        case .literal(let value): try take(value)
        case .variable(let name): try take(try variable(name))
        case .access(let base, let step):
            let forgives = path.isLax || base.reachesDeep
            try evaluate(base) { (item) throws(SQLError) in
                try self.apply(step, item, unwraps: self.path.isLax, forgives, take)
            }
        case .signed(let isNegative, let inner):
            for item in try unwrapped(inner) {
                guard let number = number(item) else {
                    throw SQLError(
                        "operand of unary jsonpath operator \(isNegative ? "-" : "+") is not a "
                            + "numeric value", .jsonNumberNotFound)
                }
                try take(.number(JSONPathRun.text(isNegative ? -number : number)))
            }
        case .arithmetic(let operation, let left, let right):
            try take(try arithmetic(operation, left, right))
        case .predicate(let predicate):
            let truth = try test(predicate)
            try take(truth.map { .boolean($0) } ?? .null)
        }
    }

    private func variable(_ name: String) throws(SQLError) -> JSONTree {
        guard case .object(let members)? = variables,
            let member = members.first(where: { $0.name.hasBytes(of: name) })
        else {
            throw SQLError("could not find jsonpath variable \"\(name)\"", .undefinedObject)
        }
        return member.value
    }

    private func list(_ expression: JSONPath.Expression) throws(SQLError) -> [JSONTree] {
        var items: [JSONTree] = []
        try evaluate(expression) { items.append($0) }
        return items
    }

    /// In lax mode arrays are replaced by their elements.
    private func unwrapped(_ expression: JSONPath.Expression) throws(SQLError) -> [JSONTree] {
        let items = try list(expression)
        guard path.isLax else { return items }
        return items.flatMap { item -> [JSONTree] in
            if case .array(let elements) = item { return elements }
            return [item]
        }
    }

    private func number(_ item: JSONTree) -> Numeric? {
        guard case .number(let text) = item else { return nil }
        return try? Numeric.parse(text)
    }

    private func arithmetic(
        _ operation: JSONPath.Arithmetic, _ left: JSONPath.Expression, _ right: JSONPath.Expression
    ) throws(SQLError) -> JSONTree {
        var numbers: [Numeric] = []
        for (side, expression) in [("left", left), ("right", right)] {
            let items = try unwrapped(expression)
            guard items.count == 1, let number = number(items[0]) else {
                throw SQLError(
                    "\(side) operand of jsonpath operator \(operation.rawValue) is not a single "
                        + "numeric value", .singleJSONItemRequired)
            }
            numbers.append(number)
        }
        let (a, b) = (numbers[0], numbers[1])
        let result =
            switch operation {
            case .add: try (a + b).checked()
            case .subtract: try (a - b).checked()
            case .multiply: try (a * b).checked()
            case .divide: try a.divided(by: b)
            case .remainder: try a.remainder(by: b)
            }
        return .number(JSONPathRun.text(result))
    }

    // MARK: steps

    private func apply(
        _ step: JSONPath.Step, _ item: JSONTree, unwraps: Bool, _ forgives: Bool, _ take: Take
    ) throws(SQLError) {
        switch step {
        case .member(let name):
            if case .object(let members) = item {
                if let member = members.first(where: { $0.name.hasBytes(of: name) }) {
                    try take(member.value)
                } else if !forgives {
                    throw SQLError(
                        "JSON object does not contain key \"\(name)\"", .jsonMemberNotFound)
                }
            } else if try !unwrap(step, item, unwraps, forgives, take), !forgives {
                throw SQLError(
                    "jsonpath member accessor can only be applied to an object",
                    .jsonMemberNotFound)
            }
        case .anyMember:
            if case .object(let members) = item {
                for member in members { try take(member.value) }
            } else if try !unwrap(step, item, unwraps, forgives, take), !forgives {
                throw SQLError(
                    "jsonpath wildcard member accessor can only be applied to an object",
                    .jsonObjectNotFound)
            }
        case .anyElement:
            if case .array(let elements) = item {
                for element in elements { try take(element) }
            } else if path.isLax {
                try take(item)
            } else if !forgives {
                throw SQLError(
                    "jsonpath wildcard array accessor can only be applied to an array",
                    .jsonArrayNotFound)
            }
        case .subscripts(let list): try elements(item, list, forgives, take)
        case .descendants(let from, let to):
            if from == 0 { try take(item) }
            if to != 0 { try descend(item, level: 1, from: from, to: to, take) }
        case .filter(let predicate):
            if try unwrap(step, item, unwraps, forgives, take) { return }
            currents.append(item)
            let truth = try test(predicate)
            currents.removeLast()
            if truth == true { try take(item) }
        case .method(let method):
            if method != .type, method != .size, try unwrap(step, item, unwraps, forgives, take) {
                return
            }
            try apply(method, item, take)
        }
    }

    /// Goes over the elements of an array in lax mode; false: it is none.
    private func unwrap(
        _ step: JSONPath.Step, _ item: JSONTree, _ unwraps: Bool, _ forgives: Bool, _ take: Take
    ) throws(SQLError) -> Bool {
        guard unwraps, case .array(let elements) = item else { return false }
        for element in elements { try apply(step, element, unwraps: false, forgives, take) }
        return true
    }

    private func elements(
        _ item: JSONTree, _ list: [(from: JSONPath.Expression, to: JSONPath.Expression?)],
        _ forgives: Bool, _ take: Take
    ) throws(SQLError) {
        var elements = [item]
        if case .array(let own) = item {
            elements = own
        } else if !path.isLax {
            if forgives { return }
            throw SQLError(
                "jsonpath array accessor can only be applied to an array", .jsonArrayNotFound)
        }
        for (from, to) in list {
            sizes.append(elements.count)
            let first = try index(from)
            let last = try to.map { (to) throws(SQLError) in try index(to) } ?? first
            sizes.removeLast()
            if !forgives, first < 0 || first > last || last >= elements.count {
                throw SQLError(
                    "jsonpath array subscript is out of bounds", .invalidJSONSubscript)
            }
            let (low, high) = (max(first, 0), min(last, elements.count - 1))
            guard low <= high else { continue }
            for index in low...high { try take(elements[index]) }
        }
    }

    private func index(_ expression: JSONPath.Expression) throws(SQLError) -> Int {
        let items = try list(expression)
        guard items.count == 1, let number = number(items[0]) else {
            throw SQLError(
                "jsonpath array subscript is not a single numeric value", .invalidJSONSubscript)
        }
        guard let index = try? number.truncated().integer(as: .integer) else {
            throw SQLError(
                "jsonpath array subscript is out of integer range", .invalidJSONSubscript)
        }
        return Int(index)
    }

    private func descend(
        _ item: JSONTree, level: Int, from: Int?, to: Int?, _ take: Take
    ) throws(SQLError) {
        let children: [JSONTree]
        switch item {
        case .array(let elements): children = elements
        case .object(let members): children = members.map(\.value)
        default: return
        }
        for child in children {
            if let from {
                if level >= from { try take(child) }
            } else if child.isScalar {
                try take(child)
            }
            if level < to ?? Int.max {
                try descend(child, level: level + 1, from: from, to: to, take)
            }
        }
    }

    private func apply(
        _ method: JSONPath.Method, _ item: JSONTree, _ take: Take
    ) throws(SQLError) {
        switch method {
        case .type: try take(.string(item.typeName))
        case .size:
            if case .array(let elements) = item {
                try take(.number("\(elements.count)"))
            } else if path.isLax {
                try take(.number("1"))
            } else {
                throw SQLError(
                    "jsonpath item method .size() can only be applied to an array",
                    .jsonArrayNotFound)
            }
        case .abs, .floor, .ceiling:
            guard let number = number(item) else {
                throw SQLError(
                    "jsonpath item method .\(method.rawValue)() can only be applied to a numeric "
                        + "value", .nonNumericJSONItem)
            }
            let whole = number.truncated()
            let one = Numeric(1)
            let result =
                switch method {
                case .abs: number < Numeric(0) ? -number : number
                case .floor: whole.compare(number) > 0 ? whole - one : whole
                default: whole.compare(number) < 0 ? whole + one : whole
                }
            try take(.number(JSONPathRun.text(result)))
        case .double: try take(try double(item))
        case .keyvalue:
            guard case .object(let members) = item else {
                throw SQLError(
                    "jsonpath item method .keyvalue() can only be applied to an object",
                    .jsonObjectNotFound)
            }
            for member in members {
                try take(
                    .object([
                        ("id", .number("0")), ("key", .string(member.name)),
                        ("value", member.value),
                    ]))
            }
        case .datetime: break
        }
    }

    private func double(_ item: JSONTree) throws(SQLError) -> JSONTree {
        let text: String
        switch item {
        case .number(let number): text = number
        case .string(let string): text = string
        default:
            throw SQLError(
                "jsonpath item method .double() can only be applied to a string or numeric value",
                .nonNumericJSONItem)
        }
        guard case .double(let value)? = try? TypeText.parse(text, as: .double), value.isFinite
        else {
            throw SQLError(
                "string argument of jsonpath item method .double() is not a valid representation "
                    + "of a double precision number", .nonNumericJSONItem)
        }
        return .number(JSONPathRun.text(Numeric(value)))
    }

    // MARK: predicates

    /// nil: unknown.
    func test(_ predicate: JSONPath.Predicate) throws(SQLError) -> Bool? {
        switch predicate {
        case .and(let a, let b):
            let left = try test(a)
            if left == false { return false }
            let right = try test(b)
            return right == false ? false : left == nil ? nil : right
        case .or(let a, let b):
            let left = try test(a)
            if left == true { return true }
            let right = try test(b)
            return right == true ? true : left == nil ? nil : right
        case .not(let inner): return try test(inner).map { !$0 }
        case .isUnknown(let inner): return try test(inner) == nil
        case .exists(let expression):
            guard let items = try quiet({ () throws(SQLError) in try self.list(expression) })
            else { return nil }
            return !items.isEmpty
        case .comparison(let comparison, let left, let right):
            return try pairs(left, right) { self.compare(comparison, $0, $1) }
        case .startsWith(let subject, let initial):
            return try pairs(subject, initial) { a, b in
                guard case .string(let text) = a, case .string(let start) = b else { return nil }
                return text.utf8.starts(with: start.utf8)
            }
        case .matches(let subject, let pattern, let options):
            let expression = try compiled(pattern, options)
            return try pairs(subject, .literal(.null)) { a, _ in
                guard case .string(var text) = a else { return nil }
                return text.withUTF8 { unsafe expression.matches(UnsafeRawBufferPointer($0)) }
            }
        }
    }

    private func compiled(
        _ pattern: String, _ options: RegexOptions
    ) throws(SQLError) -> RegularExpression {
        if let known = expressions[pattern] { return known }
        let expression = try RegularExpression(pattern, options)
        expressions[pattern] = expression
        return expression
    }

    /// nil: it failed, in a way that a predicate takes for unknown.
    private func quiet<Result>(
        _ body: () throws(SQLError) -> Result
    ) throws(SQLError) -> Result? {
        let depth = (currents.count, sizes.count)
        do throws(SQLError) {
            return try body()
        } catch {
            guard
                error.state.isOfJSONPath || error.state == .divisionByZero
                    || error.state == .numericValueOutOfRange
            else { throw error }
            currents.removeSubrange(depth.0...)
            sizes.removeSubrange(depth.1...)
            return nil
        }
    }

    private func pairs(
        _ left: JSONPath.Expression, _ right: JSONPath.Expression,
        _ compare: (JSONTree, JSONTree) -> Bool?
    ) throws(SQLError) -> Bool? {
        guard let first = try quiet({ () throws(SQLError) in try self.unwrapped(left) }),
            let second = try quiet({ () throws(SQLError) in try self.unwrapped(right) })
        else { return nil }
        var isFound = false
        var isUnknown = false
        for a in first {
            for b in second {
                switch compare(a, b) {
                case nil:
                    if !path.isLax { return nil }
                    isUnknown = true
                case true?:
                    if path.isLax { return true }
                    isFound = true
                case false?: break
                }
            }
        }
        return isFound ? true : isUnknown ? nil : false
    }

    private func compare(
        _ comparison: JSONPath.Comparison, _ a: JSONTree, _ b: JSONTree
    ) -> Bool? {
        let order: Int
        switch (a, b) {
        case (.null, .null): order = 0
        case (.null, _), (_, .null): return comparison == .notEqual
        case (.boolean(let x), .boolean(let y)): order = x == y ? 0 : x ? 1 : -1
        case (.number, .number):
            guard let x = number(a), let y = number(b) else { return nil }
            order = x.compare(y)
        case (.string(let x), .string(let y)):
            order =
                x.utf8.elementsEqual(y.utf8)
                ? 0 : x.utf8.lexicographicallyPrecedes(y.utf8) ? -1 : 1
        default: return nil
        }
        return switch comparison {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }
}

extension JSONTree {
    var typeName: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension SQLState {
    /// What goes wrong in a path, as against in its text.
    var isOfJSONPath: Bool {
        switch self {
        case .jsonMemberNotFound, .jsonObjectNotFound, .jsonArrayNotFound, .jsonNumberNotFound,
            .singleJSONItemRequired, .nonNumericJSONItem, .invalidJSONSubscript:
            true
        default: false
        }
    }
}
