import Formats

extension FunctionRegistry {
    /// enum_first, enum_last and enum_range: of what type the argument is, whatever its value.
    static func addEnumerations(_ list: inout FunctionList) {
        for (name, isLast) in [("enum_first", false), ("enum_last", true)] {
            list.add(name, any: [.anyEnum], isStrict: false, result: { $0[0] }) {
                _, context throws(SQLError) in
                guard case .enumeration(let type) = context.type, !type.labels.isEmpty else {
                    throw SQLError("enum type has no values", .objectNotReady)
                }
                let number = isLast ? type.labels.count - 1 : 0
                return .constant(.integer(Int64(number)), context.type, count: context.count)
            }
        }
        list.add("enum_range", any: [.anyEnum], isStrict: false, result: { .array($0[0]) }) {
            _, context throws(SQLError) in range([], context)
        }
        list.add(
            "enum_range", any: [.anyEnum, .anyEnum], isStrict: false, result: { .array($0[0]) }
        ) { arguments, context throws(SQLError) in range(arguments, context) }
    }

    /// From the first argument to the second; null: from or to the end.
    private static func range(_ arguments: [Column], _ context: KernelContext) -> Column {
        var last: Int64 = -1
        if case .array(.enumeration(let type)) = context.type {
            last = Int64(type.labels.count) - 1
        }
        return Column.make(
            context.type,
            (0..<context.count).map { row in
                var bounds: [Int64] = [0, last]
                for (index, argument) in arguments.enumerated() {
                    if case .integer(let bound) = argument.value(row) { bounds[index] = bound }
                }
                guard bounds[0] <= bounds[1] else { return .array([]) }
                return .array((bounds[0]...bounds[1]).map { .integer($0) })
            })
    }
}
