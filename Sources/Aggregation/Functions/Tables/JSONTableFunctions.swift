import Formats

extension FunctionList {
    /// A function that gives rows, none if an argument is null.
    mutating func add(
        rows name: String, _ parameters: [DataType], _ columns: [Field],
        expand:
            @escaping @Sendable ([Value], [ColumnBuilder], KernelContext)
            throws(SQLError) -> Int
    ) {
        add(table: name, parameters.map { .type($0) }) { types throws(SQLError) in
            TableFunction(name, types, columns) { arguments, rows, context throws(SQLError) in
                arguments.contains(.null) ? 0 : try expand(arguments, rows, context)
            }
        }
    }
}

extension FunctionRegistry {
    /// json_each, json_array_elements, json_object_keys, and their kin.
    static func addJSONTables(_ list: inout FunctionList) {
        for type in [DataType.json, .jsonb] {
            addMembers(&list, "\(type)_each", type, type)
            addMembers(&list, "\(type)_each_text", type, .text)
            addElements(&list, "\(type)_array_elements", type, type)
            addElements(&list, "\(type)_array_elements_text", type, .text)
            let name = "\(type)_object_keys"
            list.add(rows: name, [type], [Field(name, .text)]) {
                arguments, rows, _ throws(SQLError) in
                unsafe try members(arguments[0], name) { key, _, _ in rows[0].append(text: key) }
            }
        }
    }

    private static func addMembers(
        _ list: inout FunctionList, _ name: String, _ type: DataType, _ value: DataType
    ) {
        list.add(rows: name, [type], [Field("key", .text), Field("value", value)]) {
            arguments, rows, _ throws(SQLError) in
            unsafe try members(arguments[0], name) { key, json, place in
                rows[0].append(text: key)
                unsafe append(json, place, value, rows[1])
            }
        }
    }

    private static func append(
        _ json: UnsafeRawBufferPointer, _ place: Range<Int>, _ type: DataType,
        _ builder: ColumnBuilder
    ) {
        if type == .text { return unsafe JSONLookup.appendText(json, place, builder) }
        unsafe builder.append(bytes: UnsafeRawBufferPointer(rebasing: json[place]))
    }

    /// Calls `body` for each member of the object; gives how many there are.
    private static func members(
        _ value: Value, _ function: String,
        _ body: (String, UnsafeRawBufferPointer, Range<Int>) -> Void
    ) throws(SQLError) -> Int {
        guard case .text(var text) = value else { return 0 }
        var count = 0
        var kind: JSONKind?
        let isObject = text.withUTF8 { utf8 in
            let json = UnsafeRawBufferPointer(utf8)
            kind = unsafe JSONLookup.kind(json)
            return unsafe JSONLookup.forEachMember(json) { key, place in
                unsafe body(key, json, place)
                count += 1
            }
        }
        guard isObject else {
            if function.hasSuffix("object_keys") {
                let what = kind == .array ? "an array" : "a scalar"
                throw SQLError("cannot call \(function) on \(what)", .invalidParameterValue)
            }
            if function.hasPrefix("jsonb") {
                throw SQLError("cannot call \(function) on a non-object", .invalidParameterValue)
            }
            let what = kind == .array ? "an array" : "a scalar"
            throw SQLError("cannot deconstruct \(what) as an object", .invalidParameterValue)
        }
        return count
    }

    private static func addElements(
        _ list: inout FunctionList, _ name: String, _ type: DataType, _ element: DataType
    ) {
        list.add(rows: name, [type], [Field("value", element)]) {
            arguments, rows, _ throws(SQLError) in
            guard case .text(var text) = arguments[0] else { return 0 }
            var count = 0
            var kind: JSONKind?
            let isArray = text.withUTF8 { utf8 in
                let json = UnsafeRawBufferPointer(utf8)
                kind = unsafe JSONLookup.kind(json)
                return unsafe JSONLookup.forEachElement(json) { place in
                    unsafe append(json, place, element, rows[0])
                    count += 1
                }
            }
            guard isArray else {
                let isNormal = type == .jsonb
                let message =
                    kind == .object
                    ? isNormal
                        ? "cannot extract elements from an object"
                        : "cannot call \(name) on a non-array"
                    : isNormal
                        ? "cannot extract elements from a scalar"
                        : "cannot call \(name) on a scalar"
                throw SQLError(message, .invalidParameterValue)
            }
            return count
        }
    }
}
