import Formats

/// `UPDATE ... SET document['a'][0] = value`: puts a value at a path and makes what is missing on
/// the way, as PostgreSQL's subscripts of jsonb do.
enum JSONAssignment {
    /// Arguments: the document, the path as text[], whether a document that is null begins as an
    /// array, the value.
    static func set(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try JSONKernels.build(arguments, context) { row throws(SQLError) in
            var tree = JSONTree.object([])
            if !arguments[0].isNull(row) {
                tree = try JSONTree(JSONKernels.view(arguments[0], row))
            } else if arguments[2].value(row) == .boolean(true) {
                tree = .array([])
            }
            let value =
                arguments[3].isNull(row)
                ? JSONTree.null : try JSONTree(JSONKernels.view(arguments[3], row))
            guard case .array(let steps) = arguments[1].value(row) else { return tree }
            var path: [String] = []
            for step in steps {
                guard case .text(let text) = step else {
                    throw SQLError(
                        "jsonb subscript in assignment must not be null", .nullValueNotAllowed)
                }
                path.append(text)
            }
            return try replaced(tree, path[...], value, 1)
        }
    }

    private static func replaced(
        _ tree: JSONTree, _ path: ArraySlice<String>, _ value: JSONTree, _ level: Int
    ) throws(SQLError) -> JSONTree {
        guard let step = path.first else { return value }
        switch tree {
        case .object(var members):
            let rest = path.dropFirst()
            if let old = members.first(where: { $0.name.hasBytes(of: step) }) {
                JSONTree.set(&members, step, try replaced(old.value, rest, value, level + 1))
            } else {
                JSONTree.set(&members, step, try made(rest, value))
            }
            return .object(members)
        case .array(var elements):
            let index = try position(step, elements.count, level)
            if index < elements.count {
                elements[index] = try replaced(
                    elements[index], path.dropFirst(), value, level + 1)
            } else {
                elements = try filled(elements, to: index)
                elements.append(try made(path.dropFirst(), value))
            }
            return .array(elements)
        default:
            throw SQLError(
                "cannot replace existing key", .invalidParameterValue,
                detail: "The path assumes key is a composite object, but it is a scalar value.")
        }
    }

    private static func position(
        _ step: String, _ count: Int, _ level: Int
    ) throws(SQLError) -> Int {
        guard let index = Int32(step) else {
            throw SQLError(
                "path element at position \(level) is not an integer: \"\(step)\"",
                .invalidTextRepresentation)
        }
        guard index >= 0 || Int(index) + count >= 0 else {
            throw SQLError(
                "path element at position \(level) is out of range: \(index)",
                .invalidParameterValue)
        }
        return index < 0 ? Int(index) + count : Int(index)
    }

    /// What the rest of a path leads to where nothing is yet: a number makes an array.
    private static func made(
        _ path: ArraySlice<String>, _ value: JSONTree
    ) throws(SQLError) -> JSONTree {
        guard let step = path.first else { return value }
        let inner = try made(path.dropFirst(), value)
        guard let index = Int32(step) else { return .object([(step, inner)]) }
        return .array(try filled([], to: Int(max(index, 0))) + [inner])
    }

    private static func filled(
        _ elements: [JSONTree], to count: Int
    ) throws(SQLError) -> [JSONTree] {
        guard count <= Limits.arrayElementsMax else {
            throw SQLError(
                "array size exceeds the maximum allowed (\(Limits.arrayElementsMax))",
                .programLimitExceeded)
        }
        return elements + Array(repeating: .null, count: max(0, count - elements.count))
    }
}
