import Formats

extension FunctionRegistry {
    private static func element(_ types: [DataType]) throws(SQLError) -> DataType {
        for type in types {
            if case .array(let element) = type { return element }
        }
        throw SQLError("an array is expected", .datatypeMismatch)
    }

    static func addArrays(_ list: inout FunctionList) {
        list.add(
            "cardinality", any: [.anyArray], result: { _ in .integer }, ArrayKernels.cardinality)
        let measures: [(String, ArrayKernels.Measure)] = [
            ("array_length", .length), ("array_lower", .lower), ("array_upper", .upper),
        ]
        for (name, measure) in measures {
            list.add(name, any: [.anyArray, .type(.integer)], result: { _ in .integer }) {
                arguments, context throws(SQLError) in
                try ArrayKernels.measure(measure, arguments, context)
            }
        }
        list.add("array_ndims", any: [.anyArray], result: { _ in .integer }) {
            arguments, context throws(SQLError) in
            try ArrayKernels.measure(.dimensions, arguments, context)
        }
        list.add(
            "array_dims", any: [.anyArray], result: { _ in .text }, ArrayKernels.dimensionsText)
        addArrayChanges(&list)
    }

    private static func addArrayChanges(_ list: inout FunctionList) {
        let array = Overload.Parameter.anyCompatibleArray
        let value = Overload.Parameter.anyCompatible
        list.add(
            "array_append", any: [array, value], isStrict: false, result: { $0[0] },
            ArrayKernels.join)
        list.add(
            "array_prepend", any: [value, array], isStrict: false, result: { $0[1] },
            ArrayKernels.join)
        list.add(
            "array_cat", any: [array, array], isStrict: false, result: { $0[0] },
            ArrayKernels.join)
        list.add(
            "array_position", any: [array, value], isStrict: false, result: { _ in .integer },
            ArrayKernels.position)
        list.add(
            "array_position", any: [array, value, .type(.integer)], isStrict: false,
            result: { _ in .integer }, ArrayKernels.position)
        list.add(
            "array_positions", any: [array, value], isStrict: false,
            result: { _ in .array(.integer) }, ArrayKernels.positions)
        list.add(
            "array_remove", any: [array, value], isStrict: false, result: { $0[0] },
            ArrayKernels.replace)
        list.add(
            "array_replace", any: [array, value, value], isStrict: false, result: { $0[0] },
            ArrayKernels.replace)
        list.add(
            "trim_array", any: [.anyArray, .type(.integer)], result: { $0[0] },
            ArrayKernels.trim)
        list.add(
            "array_fill", any: [.anyElement, .type(.array(.integer))], isStrict: false,
            result: { .array($0[0]) }, ArrayKernels.fill)
    }

    /// Operators, and subscripts, whose names nobody can write.
    static func addArrayOperators(_ list: inout FunctionList) {
        list.add("[]", any: [.anyArray, .type(.integer)], result: element, ArrayKernels.get)
        list.add(
            "[:]", any: [.anyArray, .type(.integer), .type(.integer)], isStrict: false,
            result: { $0[0] }, ArrayKernels.slice)
        let array = Overload.Parameter.anyCompatibleArray
        let value = Overload.Parameter.anyCompatible
        list.add("||", any: [array, array], isStrict: false, result: { $0[0] }, ArrayKernels.join)
        list.add("||", any: [array, value], isStrict: false, result: { $0[0] }, ArrayKernels.join)
        list.add("||", any: [value, array], isStrict: false, result: { $0[1] }, ArrayKernels.join)
        list.add("@>", any: [.anyArray, .anyArray], result: { _ in .boolean }) {
            arguments, context throws(SQLError) in
            try ArrayKernels.contains(needsAll: true, arguments, context)
        }
        list.add("<@", any: [.anyArray, .anyArray], result: { _ in .boolean }) {
            arguments, context throws(SQLError) in
            try ArrayKernels.contains(needsAll: true, arguments.reversed(), context)
        }
        list.add("&&", any: [.anyArray, .anyArray], result: { _ in .boolean }) {
            arguments, context throws(SQLError) in
            try ArrayKernels.contains(needsAll: false, arguments, context)
        }
    }
}
