import Formats

extension FunctionRegistry {
    /// regexp_matches, regexp_split_to_table
    static func addTextTables(_ list: inout FunctionList) {
        for count in 2...3 {
            let texts = Array(repeating: DataType.text, count: count)
            list.add(rows: "regexp_matches", texts, [Field("regexp_matches", .array(.text))]) {
                arguments, rows, _ throws(SQLError) in
                try matches(arguments, rows[0])
            }
            list.add(
                rows: "regexp_split_to_table", texts, [Field("regexp_split_to_table", .text)]
            ) { arguments, rows, _ throws(SQLError) in
                try pieces(arguments, rows[0])
            }
        }
    }

    /// unnest(array, array, ...): the shorter ones are filled with nulls.
    static func addJoinedArrays(_ list: inout FunctionList) {
        for count in 2...16 {
            list.add(table: "unnest", Array(repeating: .any, count: count)) {
                types throws(SQLError) in
                var fields: [Field] = []
                for type in types {
                    guard case .array(let element) = type else {
                        throw missing("unnest", types, false)
                    }
                    fields.append(Field("unnest", element))
                }
                return TableFunction("unnest", types, fields) {
                    arguments, rows, _ throws(SQLError) in joined(arguments, rows)
                }
            }
        }
    }

    private static func joined(_ arguments: [Value], _ rows: [ColumnBuilder]) -> Int {
        let lists = arguments.map { argument -> [Value] in
            if case .array(let elements) = argument { return elements }
            return []
        }
        let count = lists.map(\.count).max() ?? 0
        for (list, builder) in zip(lists, rows) {
            for index in 0..<count { builder.append(index < list.count ? list[index] : .null) }
        }
        return count
    }

    private static func regex(
        _ arguments: [Value], _ user: inout RegexUser
    ) throws(SQLError) -> (RegularExpression, RegexFlags)? {
        guard case .text(let pattern) = arguments[1] else { return nil }
        var flags = RegexFlags()
        if arguments.count > 2 {
            guard case .text(let letters) = arguments[2] else { return nil }
            flags = try RegexFlags(letters)
        }
        let expression = try user.expression(Array(pattern.utf8), flags.options)
        return (expression, flags)
    }

    private static func matches(
        _ arguments: [Value], _ target: ColumnBuilder
    ) throws(SQLError) -> Int {
        var user = RegexUser()
        guard case .text(var text) = arguments[0],
            let (expression, flags) = try regex(arguments, &user)
        else { return 0 }
        var count = 0
        text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            unsafe RegexKernels.forEachMatch(expression, bytes) {
                unsafe RegexKernels.appendGroups(expression, bytes, target)
                count += 1
                return flags.isGlobal
            }
        }
        return count
    }

    private static func pieces(
        _ arguments: [Value], _ target: ColumnBuilder
    ) throws(SQLError) -> Int {
        var user = RegexUser()
        guard case .text(var text) = arguments[0],
            let (expression, flags) = try regex(arguments, &user)
        else { return 0 }
        _ = try flags.refusingGlobal("regexp_split_to_table")
        var count = 0
        text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            unsafe RegexKernels.forEachPiece(expression, bytes) {
                unsafe target.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[$0]))
                count += 1
            }
        }
        return count
    }
}
