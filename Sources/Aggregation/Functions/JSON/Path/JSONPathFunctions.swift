import Formats

extension FunctionRegistry {
    /// jsonb_path_exists and its kin take a path, variables for it, and whether its errors give
    /// null; the operators are the quiet forms.
    static func addJSONPaths(_ list: inout FunctionList) {
        let parameters: [DataType] = [.jsonb, .text, .jsonb, .boolean]
        for count in 2...4 {
            let types = Array(parameters[..<count])
            for zone in ["", "_tz"] {
                list.add("jsonb_path_exists\(zone)", types, .boolean, JSONPathKernels.exists)
                list.add("jsonb_path_match\(zone)", types, .boolean, JSONPathKernels.matches)
                list.add("jsonb_path_query_array\(zone)", types, .jsonb, JSONPathKernels.array)
                list.add("jsonb_path_query_first\(zone)", types, .jsonb, JSONPathKernels.first)
            }
        }
    }

    static func addJSONPathOperators(_ list: inout FunctionList) {
        list.add("@?", [.jsonb, .text], .boolean, JSONPathKernels.quietExists)
        list.add("@@", [.jsonb, .text], .boolean, JSONPathKernels.quietMatches)
    }

    static func addJSONPathTables(_ list: inout FunctionList) {
        let parameters: [DataType] = [.jsonb, .text, .jsonb, .boolean]
        for name in ["jsonb_path_query", "jsonb_path_query_tz"] {
            for count in 2...4 {
                list.add(rows: name, Array(parameters[..<count]), [Field(name, .jsonb)]) {
                    arguments, rows, _ throws(SQLError) in
                    let found = try JSONPathKernels.query(arguments)
                    var buffer = OutputBuffer(capacity: 64)
                    for item in found {
                        buffer.removeAll()
                        item.append(to: &buffer)
                        JSONKernels.append(buffer, rows[0])
                    }
                    return found.count
                }
            }
        }
    }
}

/// The functions that run a jsonpath over each row.
enum JSONPathKernels {
    /// Paths are mostly constant: the last one is kept.
    private struct Paths {
        private var text: String?
        private var path: JSONPath?

        mutating func path(_ text: String) throws(SQLError) -> JSONPath {
            if let path, self.text == text { return path }
            let parsed = try JSONPathParser.parse(text)
            (self.text, path) = (text, parsed)
            return parsed
        }
    }

    static func query(_ arguments: [Value]) throws(SQLError) -> [JSONTree] {
        guard case .text(let json) = arguments[0], case .text(let text) = arguments[1] else {
            return []
        }
        var variables: JSONTree?
        if arguments.count > 2, case .text(let value) = arguments[2] {
            variables = try tree(value)
        }
        let isQuiet = arguments.count > 3 && arguments[3] == .boolean(true)
        let path = try JSONPathParser.parse(text)
        return try run(path, try tree(json), variables, isQuiet: isQuiet).found
    }

    private static func tree(_ text: String) throws(SQLError) -> JSONTree {
        try unsafe Array(text.utf8).withUnsafeBufferPointer { (buffer) throws(SQLError) in
            guard let start = buffer.baseAddress else { return .null }
            return try unsafe JSONTree(StringView(start, count: buffer.count))
        }
    }

    /// `failed`: an error was passed over.
    private static func run(
        _ path: JSONPath, _ json: JSONTree, _ variables: JSONTree?, isQuiet: Bool
    ) throws(SQLError) -> (found: [JSONTree], failed: Bool) {
        if let variables {
            guard case .object = variables else {
                throw SQLError(
                    "\"vars\" argument is not an object", .invalidParameterValue,
                    detail: "Jsonpath parameters should be encoded as key-value pairs of \"vars\" "
                        + "object.")
            }
        }
        let run = JSONPathRun(path, json, variables: variables)
        do throws(SQLError) {
            try run.run()
        } catch {
            let isPassed =
                error.state.isOfJSONPath || error.state == .divisionByZero
                || error.state == .numericValueOutOfRange
            guard isQuiet, isPassed else { throw error }
            // In strict mode what was found before does not count.
            return (path.isLax ? run.found : [], true)
        }
        return (run.found, false)
    }

    private static func each(
        _ arguments: [Column], _ context: KernelContext, isQuiet: Bool,
        _ body: (
            ColumnBuilder, _ found: [JSONTree], _ failed: Bool, _ isQuiet: Bool
        ) throws(SQLError) -> Void
    ) throws(SQLError) -> Column {
        var paths = Paths()
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            guard case .text(let text) = arguments[1].value(row) else {
                return builder.appendNull()
            }
            let json = try JSONTree(JSONKernels.view(arguments[0], row))
            let variables =
                arguments.count > 2 ? try JSONTree(JSONKernels.view(arguments[2], row)) : nil
            let quiet =
                isQuiet || arguments.count > 3 && arguments[3].value(row) == .boolean(true)
            let path = try paths.path(text)
            let (found, failed) = try run(path, json, variables, isQuiet: quiet)
            try body(builder, found, failed, quiet)
        }
    }

    private static func exists(
        _ arguments: [Column], _ context: KernelContext, isQuiet: Bool
    ) throws(SQLError) -> Column {
        try each(arguments, context, isQuiet: isQuiet) { builder, found, failed, _ in
            if failed, found.isEmpty {
                builder.appendNull()
            } else {
                builder.append(.boolean(!found.isEmpty))
            }
        }
    }

    static func exists(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try exists(arguments, context, isQuiet: false) }

    static func quietExists(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try exists(arguments, context, isQuiet: true) }

    private static func matches(
        _ arguments: [Column], _ context: KernelContext, isQuiet: Bool
    ) throws(SQLError) -> Column {
        try each(arguments, context, isQuiet: isQuiet) {
            builder, found, _, quiet throws(SQLError) in
            if found.count == 1 {
                if case .boolean(let value) = found[0] { return builder.append(.boolean(value)) }
                if case .null = found[0] { return builder.appendNull() }
            }
            guard quiet else {
                throw SQLError("single boolean result is expected", .singleJSONItemRequired)
            }
            builder.appendNull()
        }
    }

    static func matches(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try matches(arguments, context, isQuiet: false) }

    static func quietMatches(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try matches(arguments, context, isQuiet: true) }

    private static func append(_ tree: JSONTree, _ builder: ColumnBuilder) {
        var buffer = OutputBuffer(capacity: 64)
        tree.append(to: &buffer)
        JSONKernels.append(buffer, builder)
    }

    static func array(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try each(arguments, context, isQuiet: false) { builder, found, _, _ in
            append(.array(found), builder)
        }
    }

    static func first(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try each(arguments, context, isQuiet: false) { builder, found, _, _ in
            if let item = found.first { append(item, builder) } else { builder.appendNull() }
        }
    }
}
