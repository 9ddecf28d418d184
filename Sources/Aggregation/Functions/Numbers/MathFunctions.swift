import Formats

extension FunctionRegistry {
    static func addNumericArithmetic(_ list: inout FunctionList) {
        let n = DataType.anyNumeric
        list.add("+", [n, n], n, NumericKernels.add)
        list.add("-", [n, n], n, NumericKernels.subtract)
        list.add("*", [n, n], n, NumericKernels.multiply)
        list.add("/", [n, n], n, NumericKernels.divide)
        list.add("%", [n, n], n, NumericKernels.remainder)
        list.add("^", [n, n], n, NumericKernels.power)
        list.add("^", [.double, .double], .double, MathKernels.power)
        list.add("+", [n], n, IntegerKernels.same)
        list.add("-", [n], n, numeric(.negate))
        list.add("@", [n], n, numeric(.abs))
        list.add("|/", [.double], .double, double(.sqrt))
        list.add("||/", [.double], .double, double(.cbrt))
    }

    private static func numeric(
        _ operation: NumericKernels.OneArgument
    ) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            try NumericKernels.one(operation, arguments, context)
        }
    }

    private static func double(_ function: MathKernels.Function) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            try MathKernels.one(function, arguments, context)
        }
    }

    static func addMath(_ list: inout FunctionList) {
        for function in MathKernels.Function.allCases {
            list.add(function.rawValue, [.double], .double, double(function))
        }
        addIntegerMath(&list)
        addNumericMath(&list)
        list.add("atan2", [.double, .double], .double, MathKernels.atan2)
        list.add("atan2d", [.double, .double], .double, MathKernels.atan2d)
        list.add("pi", [], .double) { _, context throws(SQLError) in
            Column.constant(.double(.pi), .double, count: context.count)
        }
        for type in [DataType.real, .double] {
            list.add("abs", [type], type, DoubleKernels.absolute)
        }
        for name in ["power", "pow"] {
            list.add(name, [.double, .double], .double, MathKernels.power)
            list.add(name, [.anyNumeric, .anyNumeric], .anyNumeric, NumericKernels.power)
        }
        list.add(RandomSource.overload())
        list.add(
            "round", [.double, .integer], .double, isExtension: true, MathKernels.roundDigits)
    }

    private static func addIntegerMath(_ list: inout FunctionList) {
        for type in integerTypes {
            list.add("abs", [type], type, IntegerKernels.absolute)
            list.add("mod", [type, type], type, IntegerKernels.remainder)
        }
        for type in [DataType.integer, .bigint] {
            list.add("gcd", [type, type], type, IntegerKernels.gcd)
            list.add("lcm", [type, type], type, IntegerKernels.lcm)
        }
        list.add("factorial", [.bigint], .anyNumeric, NumericKernels.factorial)
    }

    private static func addNumericMath(_ list: inout FunctionList) {
        let n = DataType.anyNumeric
        let operations: [(String, NumericKernels.OneArgument)] = [
            ("abs", .abs), ("sign", .sign), ("floor", .floor), ("ceil", .ceil),
            ("ceiling", .ceil), ("sqrt", .sqrt), ("exp", .exp), ("ln", .ln), ("log", .log10),
            ("log10", .log10), ("trim_scale", .trimScale),
        ]
        for (name, operation) in operations { list.add(name, [n], n, numeric(operation)) }
        for name in ["round", "trunc"] {
            let kernel: ScalarFunction.Kernel = { arguments, context throws(SQLError) in
                try NumericKernels.round(rounds: name == "round", arguments, context)
            }
            list.add(name, [n], n, kernel)
            list.add(name, [n, .integer], n, kernel)
        }
        list.add("mod", [n, n], n, NumericKernels.remainder)
        list.add("div", [n, n], n, NumericKernels.wholeQuotient)
        list.add("gcd", [n, n], n, NumericKernels.gcd)
        list.add("lcm", [n, n], n, NumericKernels.lcm)
        list.add("log", [n, n], n, NumericKernels.logarithm)
        list.add("scale", [n], .integer) { arguments, context throws(SQLError) in
            try NumericKernels.scale(trimmed: false, arguments, context)
        }
        list.add("min_scale", [n], .integer) { arguments, context throws(SQLError) in
            try NumericKernels.scale(trimmed: true, arguments, context)
        }
        list.add("width_bucket", [n, n, n, .integer], .integer, WidthBucketKernels.numerics)
        list.add(
            "width_bucket", [.double, .double, .double, .integer], .integer,
            WidthBucketKernels.doubles)
        list.add(
            "width_bucket", any: [.anyCompatible, .anyCompatibleArray], result: { _ in .integer },
            WidthBucketKernels.thresholds)
    }
}
