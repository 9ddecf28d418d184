import Formats

/// Functions that give a changed jsonb.
enum JSONChangeKernels {
    /// `jsonb || jsonb`
    static func concatenate(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try JSONKernels.build(arguments, context) { row throws(SQLError) in
            let left = try JSONTree(JSONKernels.view(arguments[0], row))
            let right = try JSONTree(JSONKernels.view(arguments[1], row))
            if case .object(var members) = left, case .object(let more) = right {
                for member in more { JSONTree.set(&members, member.name, member.value) }
                return .object(members)
            }
            return .array(elements(left) + elements(right))
        }
    }

    private static func elements(_ tree: JSONTree) -> [JSONTree] {
        if case .array(let elements) = tree { return elements }
        return [tree]
    }

    /// `jsonb - text`, `jsonb - text[]`
    static func removeKeys(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try JSONKernels.build(arguments, context) { row throws(SQLError) in
            var keys: Set<Value> = []
            switch arguments[1].value(row) {
            case .text: keys = [arguments[1].value(row)]
            case .array(let list):
                keys = Set(list.filter { !$0.isNull })
            default: break
            }
            switch try JSONTree(JSONKernels.view(arguments[0], row)) {
            case .object(let members):
                return .object(members.filter { !keys.contains(.text($0.name)) })
            case .array(let elements):
                return .array(
                    elements.filter { element in
                        if case .string(let text) = element { return !keys.contains(.text(text)) }
                        return true
                    })
            default: throw scalarError("delete from")
            }
        }
    }

    /// `jsonb - integer`
    static func removeIndex(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try JSONKernels.build(arguments, context) { row throws(SQLError) in
            let index = unsafe arguments[1].integers[row & arguments[1].indexMask]
            switch try JSONTree(JSONKernels.view(arguments[0], row)) {
            case .object:
                throw SQLError(
                    "cannot delete from object using integer index", .invalidParameterValue)
            case .array(var elements):
                let place = index < 0 ? Int64(elements.count) + index : index
                if place >= 0, place < Int64(elements.count) { elements.remove(at: Int(place)) }
                return .array(elements)
            default: throw scalarError("delete from")
            }
        }
    }

    private static func scalarError(_ verb: String) -> SQLError {
        SQLError("cannot \(verb) scalar", .invalidParameterValue)
    }

    /// `jsonb #- path`
    static func removePath(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try JSONKernels.build(arguments, context) { row throws(SQLError) in
            let tree = try JSONTree(JSONKernels.view(arguments[0], row))
            if tree.isScalar { throw scalarError("delete path in") }
            let path = try path(arguments[1].value(row))
            return path.isEmpty ? tree : try changed(tree, path[...], .remove, 1)
        }
    }

    /// jsonb_set(target, path, value[, creates])
    static func set(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try JSONKernels.build(arguments, context) { row throws(SQLError) in
            let tree = try JSONTree(JSONKernels.view(arguments[0], row))
            let value = try JSONTree(JSONKernels.view(arguments[2], row))
            let creates = arguments.count < 4 || flag(arguments[3], row)
            if tree.isScalar { throw scalarError("set path in") }
            let path = try path(arguments[1].value(row))
            if path.isEmpty { return tree }
            return try changed(tree, path[...], .set(value, creates: creates), 1)
        }
    }

    /// jsonb_set_lax(target, path, value[, creates[, treatment of a null value]])
    static func setLax(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let null = JSONTree.null
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
            guard !arguments[0].isNull(row), !arguments[1].isNull(row),
                arguments.count < 4 || !arguments[3].isNull(row)
            else { return target.appendNull() }
            let isNull = arguments[2].isNull(row)
            let treatment = try treatment(arguments, row)
            if isNull, treatment == "raise_exception" {
                throw SQLError(
                    "JSON value must not be null", .nullValueNotAllowed,
                    hint: "To avoid, either change the null_value_treatment argument or ensure "
                        + "that an SQL NULL is not passed.",
                    detail: "Exception was raised because null_value_treatment is "
                        + "\"raise_exception\".")
            }
            var tree = try JSONTree(JSONKernels.view(arguments[0], row))
            let path = try path(arguments[1].value(row))
            if !isNull || treatment != "return_target" {
                let deletes = isNull && treatment == "delete_key"
                if tree.isScalar { throw scalarError(deletes ? "delete path in" : "set path in") }
                let creates = arguments.count < 4 || flag(arguments[3], row)
                let value = isNull ? null : try JSONTree(JSONKernels.view(arguments[2], row))
                if !path.isEmpty {
                    tree = try changed(
                        tree, path[...], deletes ? .remove : .set(value, creates: creates), 1)
                }
            }
            buffer.removeAll()
            tree.append(to: &buffer)
            JSONKernels.append(buffer, target)
        }
    }

    private static func treatment(_ arguments: [Column], _ row: Int) throws(SQLError) -> String {
        guard arguments.count > 4 else { return "use_json_null" }
        let known = ["raise_exception", "use_json_null", "delete_key", "return_target"]
        guard case .text(let name) = arguments[4].value(row), known.contains(name) else {
            throw SQLError(
                "null_value_treatment must be \"delete_key\", \"return_target\", "
                    + "\"use_json_null\", or \"raise_exception\"", .invalidParameterValue)
        }
        return name
    }

    /// jsonb_insert(target, path, value[, after])
    static func insert(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try JSONKernels.build(arguments, context) { row throws(SQLError) in
            let tree = try JSONTree(JSONKernels.view(arguments[0], row))
            let value = try JSONTree(JSONKernels.view(arguments[2], row))
            let isAfter = arguments.count > 3 && flag(arguments[3], row)
            if tree.isScalar { throw scalarError("set path in") }
            let path = try path(arguments[1].value(row))
            if path.isEmpty { return tree }
            return try changed(tree, path[...], .insert(value, isAfter: isAfter), 1)
        }
    }

    private static func flag(_ column: Column, _ row: Int) -> Bool {
        column.value(row) == .boolean(true)
    }

    private static func path(_ value: Value) throws(SQLError) -> [String] {
        guard case .array(let elements) = value else { return [] }
        var path: [String] = []
        for (index, element) in elements.enumerated() {
            guard case .text(let text) = element else {
                throw SQLError(
                    "path element at position \(index + 1) is null", .nullValueNotAllowed)
            }
            path.append(text)
        }
        return path
    }

    private enum Change {
        case remove
        case set(JSONTree, creates: Bool)
        case insert(JSONTree, isAfter: Bool)
    }

    private static func changed(
        _ tree: JSONTree, _ path: ArraySlice<String>, _ change: Change, _ level: Int
    ) throws(SQLError) -> JSONTree {
        guard let step = path.first else { return tree }
        switch tree {
        case .object(let members):
            return .object(try changed(members, step, path, change, level))
        case .array(let elements):
            guard let index = Int64(step) else {
                throw SQLError(
                    "path element at position \(level) is not an integer: \"\(step)\"",
                    .invalidTextRepresentation)
            }
            return .array(try changed(elements, index, path, change, level))
        default: return tree
        }
    }

    private static func changed(
        _ members: [(name: String, value: JSONTree)], _ step: String,
        _ path: ArraySlice<String>, _ change: Change, _ level: Int
    ) throws(SQLError) -> [(name: String, value: JSONTree)] {
        var members = members
        let index = members.firstIndex { $0.name.hasBytes(of: step) }
        if path.count > 1 {
            guard let index else { return members }
            members[index].value = try changed(
                members[index].value, path.dropFirst(), change, level + 1)
            return members
        }
        switch change {
        case .remove: if let index { members.remove(at: index) }
        case .set(let value, let creates):
            if index != nil || creates { JSONTree.set(&members, step, value) }
        case .insert(let value, _):
            guard index == nil else {
                throw SQLError(
                    "cannot replace existing key", .invalidParameterValue,
                    hint: "Try using the function jsonb_set to replace key value.")
            }
            JSONTree.set(&members, step, value)
        }
        return members
    }

    private static func changed(
        _ elements: [JSONTree], _ step: Int64, _ path: ArraySlice<String>, _ change: Change,
        _ level: Int
    ) throws(SQLError) -> [JSONTree] {
        var elements = elements
        let count = Int64(elements.count)
        let index = step < 0 ? count + step : step
        let isInside = index >= 0 && index < count
        if path.count > 1 {
            guard isInside else { return elements }
            elements[Int(index)] = try changed(
                elements[Int(index)], path.dropFirst(), change, level + 1)
            return elements
        }
        switch change {
        case .remove: if isInside { elements.remove(at: Int(index)) }
        case .set(let value, let creates):
            if isInside {
                elements[Int(index)] = value
            } else if creates {
                elements.insert(value, at: index < 0 ? 0 : elements.count)
            }
        case .insert(let value, let isAfter):
            let place = index < 0 ? 0 : isInside ? Int(index) + (isAfter ? 1 : 0) : elements.count
            elements.insert(value, at: place)
        }
        return elements
    }
}
