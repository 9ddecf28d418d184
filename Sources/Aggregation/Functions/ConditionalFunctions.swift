import Formats

/// nullif, greatest, least, num_nulls: what looks at nulls itself.
enum ConditionalKernels {
    /// The first value, or null where it equals the second.
    static func nullIf(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let (a, b) = (arguments[0], arguments[1])
        let builder = ColumnBuilder(context.type, capacity: context.count)
        for row in 0..<context.count {
            if a.isNull(row) {
                builder.appendNull()
            } else if !b.isNull(row), try ColumnOrder.compare(a, row, b, row) == 0 {
                builder.appendNull()
            } else {
                builder.append(from: a, row)
            }
        }
        return builder.finish()
    }

    /// The greatest or least of the values that are not null.
    static func extreme(
        isGreatest: Bool, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(context.type, capacity: context.count)
        for row in 0..<context.count {
            var best: Column?
            for column in arguments where !column.isNull(row) {
                guard let known = best else {
                    best = column
                    continue
                }
                let order = try ColumnOrder.compare(column, row, known, row)
                if isGreatest ? order > 0 : order < 0 { best = column }
            }
            if let best { builder.append(from: best, row) } else { builder.appendNull() }
        }
        return builder.finish()
    }

    static func nullCount(
        ofNulls: Bool, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try TextLoop.integers(context) { row throws(SQLError) in
            Int64(arguments.count { $0.isNull(row) == ofNulls })
        }
    }
}

extension FunctionRegistry {
    static func addConditionals(_ list: inout FunctionList) {
        list.add(
            Overload("nullif", [.any, .any]) { types throws(SQLError) in
                // Its types are those of the = that it stands for.
                let equal = try scalar("=", types)
                return ScalarFunction(
                    "nullif", equal.parameters, equal.parameters[0], isStrict: false,
                    kernel: ConditionalKernels.nullIf)
            })
        for name in ["greatest", "least"] {
            list.add(
                name, any: [.anyCompatible], isVariadic: true, isStrict: false,
                result: { types in types[0] }
            ) { arguments, context throws(SQLError) in
                try ConditionalKernels.extreme(
                    isGreatest: name == "greatest", arguments, context)
            }
        }
        for name in ["num_nulls", "num_nonnulls"] {
            list.add(
                name, any: [.any], isVariadic: true, isStrict: false, result: { _ in .integer }
            ) { arguments, context throws(SQLError) in
                try ConditionalKernels.nullCount(
                    ofNulls: name == "num_nulls", arguments, context)
            }
        }
        list.add(
            Overload("pg_typeof", [.any]) { types in
                // Without the modifiers of numeric(12,3) and varchar(3).
                var shown = types[0].baseName
                // An array of arrays has PostgreSQL's type of the inner one.
                while shown.hasSuffix("[][]") { shown.removeLast(2) }
                let name = Value.text(shown)
                return ScalarFunction("pg_typeof", types, .text, isStrict: false) { _, context in
                    .constant(name, .text, count: context.count)
                }
            })
        addFormatting(&list)
    }

    private static func addFormatting(_ list: inout FunctionList) {
        list.add(
            "concat", any: [.any], isVariadic: true, volatility: .stable, isStrict: false,
            result: { _ in .text }, FormatKernels.concat)
        list.add(
            "concat_ws", any: [.type(.text), .any], isVariadic: true, volatility: .stable,
            isStrict: false, result: { _ in .text }, FormatKernels.concatSeparated)
        list.add(
            "format", any: [.type(.text), .any], isVariadic: true, volatility: .stable,
            isStrict: false, result: { _ in .text }, FormatKernels.format)
        for types: [DataType] in [[.text, .text], [.text, .text, .text]] {
            list.add(
                "string_to_array", types, .array(.text), isStrict: false, ArrayTextKernels.split)
        }
        list.add(
            "array_to_string", any: [.anyArray, .type(.text)], volatility: .stable,
            isStrict: false, result: { _ in .text }, ArrayTextKernels.join)
        list.add(
            "array_to_string", any: [.anyArray, .type(.text), .type(.text)], volatility: .stable,
            isStrict: false, result: { _ in .text }, ArrayTextKernels.join)
    }

    /// `||` of a text and a value that is no array.
    static func addConcatenation(_ list: inout FunctionList) {
        for parameters: [Overload.Parameter] in [
            [.type(.text), .anyNonArray], [.anyNonArray, .type(.text)],
        ] {
            list.add(
                "||", any: parameters, volatility: .stable, result: { _ in .text },
                FormatKernels.concatCast)
        }
    }
}
