import Formats

/// Operators and functions that look into json and jsonb.
enum JSONKernels {
    static func view(_ column: Column, _ row: Int) -> StringView {
        unsafe column.strings[row & column.indexMask]
    }

    /// `json -> name` and `->>`
    static func member(asText: Bool) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            let isNormal = arguments[0].type == .jsonb
            return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
                let name = view(arguments[1], row)
                unsafe view(arguments[0], row).withBytes { json in
                    let place = unsafe JSONLookup.member(json, name, isNormal: isNormal)
                    unsafe append(json, place, asText, builder)
                }
            }
        }
    }

    /// `json -> index` and `->>`
    static func element(asText: Bool) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            let isNormal = arguments[0].type == .jsonb
            return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
                let index = unsafe arguments[1].integers[row & arguments[1].indexMask]
                unsafe view(arguments[0], row).withBytes { json in
                    var place = unsafe JSONLookup.element(json, index)
                    // In jsonb a scalar is kept as an array of one.
                    if isNormal, index == 0 || index == -1, unsafe JSONLookup.isScalar(json) {
                        place = 0..<json.count
                    }
                    unsafe append(json, place, asText, builder)
                }
            }
        }
    }

    /// `text IS JSON [VALUE | SCALAR | ARRAY | OBJECT]`
    static let isJSON: ScalarFunction.Kernel = { arguments, context throws(SQLError) in
        try TextLoop.booleans(context) { row throws(SQLError) in
            unsafe view(arguments[0], row).withBytes { text in
                guard (try? unsafe JSONText.check(text)) != nil else { return false }
                let first = unsafe text.first { $0 > 0x20 }
                let isArray = first == UInt8(ascii: "[")
                let isObject = first == UInt8(ascii: "{")
                guard case .text(let kind) = arguments[1].value(row) else { return false }
                switch kind {
                case "array": return isArray
                case "object": return isObject
                case "scalar": return !isArray && !isObject
                default: return true
                }
            }
        }
    }

    /// `json #> path` and `#>>`
    static func path(asText: Bool) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            let isNormal = arguments[0].type == .jsonb
            return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
                guard let path = texts(arguments[1].value(row)) else {
                    return builder.appendNull()
                }
                unsafe view(arguments[0], row).withBytes { json in
                    let place = unsafe JSONLookup.path(json, path, isNormal: isNormal)
                    unsafe append(json, place, asText, builder)
                }
            }
        }
    }

    /// json_extract_path(json, a, b, ...)
    static func extractPath(asText: Bool) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            let isNormal = arguments[0].type == .jsonb
            return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
                let path = arguments.dropFirst().map { view($0, row).string }
                unsafe view(arguments[0], row).withBytes { json in
                    let place = unsafe JSONLookup.path(json, path, isNormal: isNormal)
                    unsafe append(json, place, asText, builder)
                }
            }
        }
    }

    private static func append(
        _ json: UnsafeRawBufferPointer, _ place: Range<Int>?, _ asText: Bool,
        _ builder: ColumnBuilder
    ) {
        guard let place else { return builder.appendNull() }
        if asText { return unsafe JSONLookup.appendText(json, place, builder) }
        unsafe builder.append(bytes: UnsafeRawBufferPointer(rebasing: json[place]))
    }

    /// The elements of a text array; nil if one is null.
    static func texts(_ value: Value) -> [String]? {
        guard case .array(let elements) = value else { return nil }
        var texts: [String] = []
        for element in elements {
            guard case .text(let text) = element else { return nil }
            texts.append(text)
        }
        return texts
    }

    static func typeName(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let kind = unsafe view(arguments[0], row).withBytes { unsafe JSONLookup.kind($0) }
            builder.append(text: name(of: kind))
        }
    }

    static func name(of kind: JSONKind?) -> String {
        switch kind {
        case .object?: "object"
        case .array?: "array"
        case .string?: "string"
        case .number?: "number"
        case .boolean?: "boolean"
        case .null?, nil: "null"
        }
    }

    static func arrayLength(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let view = view(arguments[0], row)
            guard let count = unsafe view.withBytes({ unsafe JSONLookup.count($0) }) else {
                let kind = unsafe view.withBytes { unsafe JSONLookup.kind($0) }
                throw SQLError(
                    kind == .object
                        ? "cannot get array length of a non-array"
                        : "cannot get array length of a scalar", .invalidParameterValue)
            }
            builder.append(integer: Int64(count))
        }
    }

    /// `jsonb ? key`: a member's name, or an element that is this string.
    static func hasKey(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try RowLoop.booleans(arguments, context) { row throws(SQLError) in
            let tree = try JSONTree(view(arguments[0], row))
            return has(tree, view(arguments[1], row).string)
        }
    }

    static func has(_ tree: JSONTree, _ key: String) -> Bool {
        switch tree {
        case .object(let members): return members.contains { $0.name.hasBytes(of: key) }
        case .array(let elements):
            return elements.contains { element in
                if case .string(let text) = element { return text.hasBytes(of: key) }
                return false
            }
        case .string(let text): return text.hasBytes(of: key)
        default: return false
        }
    }

    /// `?|` and `?&`
    static func hasKeys(all: Bool) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            try RowLoop.booleans(arguments, context) { row throws(SQLError) in
                let tree = try JSONTree(view(arguments[0], row))
                guard case .array(let elements) = arguments[1].value(row) else { return false }
                let keys = elements.compactMap { element -> String? in
                    if case .text(let text) = element { return text }
                    return nil
                }
                return all
                    ? keys.allSatisfy { has(tree, $0) } : keys.contains { has(tree, $0) }
            }
        }
    }

    static func contains(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try RowLoop.booleans(arguments, context) { row throws(SQLError) in
            try JSONTree(view(arguments[0], row)).contains(JSONTree(view(arguments[1], row)))
        }
    }

    static func isContained(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try contains([arguments[1], arguments[0]], context)
    }

    /// A function of one or more jsonb trees.
    static func build(
        _ arguments: [Column], _ context: KernelContext,
        _ body: (Int) throws(SQLError) -> JSONTree
    ) throws(SQLError) -> Column {
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            buffer.removeAll()
            try body(row).append(to: &buffer)
            append(buffer, builder)
        }
    }

    static func append(_ buffer: borrowing OutputBuffer, _ builder: ColumnBuilder) {
        unsafe buffer.bytes.withUnsafeBytes { unsafe builder.append(bytes: $0) }
    }

    static func pretty(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            buffer.removeAll()
            try JSONTree(view(arguments[0], row)).appendPretty(to: &buffer)
            append(buffer, builder)
        }
    }

    /// Without the members that are null, at all levels.
    static func stripNulls(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let isCompact = arguments[0].type == .json
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            buffer.removeAll()
            let tree = stripped(try JSONTree(view(arguments[0], row)))
            if isCompact { appendCompact(tree, &buffer) } else { tree.append(to: &buffer) }
            append(buffer, builder)
        }
    }

    private static func stripped(_ tree: JSONTree) -> JSONTree {
        switch tree {
        case .array(let elements): return .array(elements.map(stripped))
        case .object(let members):
            return .object(
                members.compactMap { member in
                    if case .null = member.value { return nil }
                    return (member.name, stripped(member.value))
                })
        default: return tree
        }
    }

    private static func appendCompact(_ tree: JSONTree, _ target: inout OutputBuffer) {
        switch tree {
        case .array(let elements):
            target.append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { target.append(",") }
                appendCompact(element, &target)
            }
            target.append("]")
        case .object(let members):
            target.append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { target.append(",") }
                target.append(jsonString: member.name)
                target.append(":")
                appendCompact(member.value, &target)
            }
            target.append("}")
        default: tree.append(to: &target)
        }
    }
}
