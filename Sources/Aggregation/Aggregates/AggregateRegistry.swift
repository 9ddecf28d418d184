import Formats

/// The aggregate functions by name and the types of their arguments, with PostgreSQL's result
/// types. For an ordered-set function the types of WITHIN GROUP follow those in parentheses, both
/// in what is asked and in `parameters`. The binder calls it.
public enum AggregateRegistry {
    public static let names: Set<String> = [
        "count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or",
        "bit_xor", "string_agg", "array_agg", "list", "stddev", "stddev_samp", "stddev_pop",
        "variance",
        "var_samp", "var_pop", "corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy",
        "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy",
        "regr_syy", "mode", "percentile_cont", "percentile_disc", "median", "first", "last",
        "any_value", "arg_min", "arg_max", "min_by", "max_by", "approx_count_distinct",
        "hll_state", "hll_merge", "hll_count", "approx_percentile", "approx_top_k",
        "quantile_state", "quantile_merge", "quantile_value", "top_k_state", "top_k_merge",
        "top_k_values", "json_agg", "jsonb_agg",
        "json_object_agg", "jsonb_object_agg",
    ]

    public static func contains(_ name: String) -> Bool { names.contains(name) }

    /// Those whose result goes by the order in which rows came, at least among equal ones.
    fileprivate static let followingArrival: Set<String> = [
        "string_agg", "array_agg", "list", "json_agg", "jsonb_agg", "json_object_agg",
        "jsonb_object_agg", "mode", "first", "last", "any_value", "arg_min", "arg_max", "min_by",
        "max_by",
    ]

    /// The function that a call means; error 42883 if there is none.
    public static func resolve(
        _ name: String, _ arguments: [DataType], isStar: Bool
    ) throws(SQLError) -> AggregateFunction {
        if name == "count", !isStar, arguments.isEmpty {
            throw SQLError(
                "count(*) must be used to call a parameterless aggregate function",
                .wrongObjectType)
        }
        let found =
            isStar
            ? (name == "count" ? count([]) : nil)
            : simple(name, arguments) ?? statistic(name, arguments) ?? ordered(name, arguments)
                ?? picking(name, arguments) ?? sketch(name, arguments)
        guard let found else { throw FunctionRegistry.missing(name, arguments, false) }
        return found
    }

    private static func count(_ parameters: [DataType]) -> AggregateFunction {
        AggregateFunction("count", parameters, .bigint) { call, _ in CountAccumulator(call.type) }
    }

    private static func simple(_ name: String, _ types: [DataType]) -> AggregateFunction? {
        guard let first = types.first else { return nil }
        switch (name, types.count) {
        case ("count", 1): return count(types)
        case ("sum", 1): return sum(name, first, isAverage: false)
        case ("avg", 1): return sum(name, first, isAverage: true)
        case ("min", 1): return extreme(name, first, isMax: false)
        case ("max", 1): return extreme(name, first, isMax: true)
        case ("bool_and", 1), ("every", 1), ("bool_or", 1):
            guard first == .boolean || first == .unknown else { return nil }
            let isAnd = name != "bool_or"
            return AggregateFunction(name, [.boolean], .boolean, ignoresDuplicates: true) { _, _ in
                BooleanAccumulator(isAnd: isAnd)
            }
        case ("bit_and", 1): return bits(name, first, .and)
        case ("bit_or", 1): return bits(name, first, .or)
        case ("bit_xor", 1): return bits(name, first, .xor)
        default: return nil
        }
    }

    private static func sum(
        _ name: String, _ type: DataType, isAverage: Bool
    ) -> AggregateFunction? {
        switch type {
        case .smallint, .integer, .bigint:
            let result: DataType = isAverage || type == .bigint ? .anyNumeric : .bigint
            return AggregateFunction(name, [type], result) { call, _ in
                IntegerSumAccumulator(call.type, isAverage: isAverage)
            }
        case .real, .double:
            let result: DataType = isAverage ? .double : type
            return AggregateFunction(name, [type], result) { call, appendOnly in
                appendOnly
                    ? DoubleSumAccumulator(call.type, isAverage: isAverage)
                    : ExactSumAccumulator(call.type, isAverage: isAverage)
            }
        case .numeric:
            return AggregateFunction(name, [.anyNumeric], .anyNumeric) { call, _ in
                NumericSumAccumulator(call.type, isAverage: isAverage)
            }
        case .interval, .time:
            return AggregateFunction(name, [.interval], .interval) { call, _ in
                IntervalSumAccumulator(call.type, isAverage: isAverage)
            }
        default: return nil
        }
    }

    private static func extreme(
        _ name: String, _ type: DataType, isMax: Bool
    ) -> AggregateFunction? {
        let value: DataType
        switch type {
        case .boolean, .json, .record: return nil
        case .unknown, .varchar: value = .text
        case .numeric: value = .anyNumeric
        default: value = type
        }
        return AggregateFunction(name, [value], value, ignoresDuplicates: true) {
            call, appendOnly in
            if !appendOnly { return MultisetExtremeAccumulator(call.type, isMax: isMax) }
            switch value.layout {
            case .integer, .double: return WordExtremeAccumulator(call.type, isMax: isMax)
            default: return ExtremeAccumulator(call.type, isMax: isMax)
            }
        }
    }

    private static func bits(
        _ name: String, _ type: DataType, _ operation: BitAccumulator.Operation
    ) -> AggregateFunction? {
        guard type.isInteger else { return nil }
        return AggregateFunction(name, [type], type, ignoresDuplicates: operation != .xor) {
            call, appendOnly in BitAccumulator(call.type, operation, appendOnly: appendOnly)
        }
    }

    /// Variances, deviations, and what is made of pairs of doubles.
    private static func statistic(_ name: String, _ types: [DataType]) -> AggregateFunction? {
        guard types.allSatisfy({ $0.isNumber || $0 == .unknown }) else { return nil }
        if let statistic = moments[name], types.count == (statistic.isOfPairs ? 2 : 1) {
            if !statistic.isOfPairs, types[0] != .double, types[0] != .real, types[0] != .unknown {
                let isSample = statistic == .variance || statistic == .deviation
                let isDeviation = statistic == .deviation || statistic == .deviationPop
                let value = types[0].isInteger ? types[0] : .anyNumeric
                return AggregateFunction(name, [value], .anyNumeric) { _, _ in
                    NumericMomentsAccumulator(isSample: isSample, isDeviation: isDeviation)
                }
            }
            let result: DataType = statistic == .count ? .bigint : .double
            return AggregateFunction(name, types.map { _ in .double }, result) {
                call, appendOnly in
                appendOnly
                    ? MomentsAccumulator(call.type, statistic)
                    : ExactMomentsAccumulator(call.type, statistic)
            }
        }
        return nil
    }

    private static let moments: [String: MomentsAccumulator.Statistic] = [
        "var_pop": .variancePop, "var_samp": .variance, "variance": .variance,
        "stddev_pop": .deviationPop, "stddev_samp": .deviation, "stddev": .deviation,
        "corr": .correlation, "covar_pop": .covariancePop, "covar_samp": .covariance,
        "regr_avgx": .averageX, "regr_avgy": .averageY, "regr_count": .count,
        "regr_intercept": .intercept, "regr_r2": .rSquared, "regr_slope": .slope,
        "regr_sxx": .sxx, "regr_sxy": .sxy, "regr_syy": .syy,
    ]

    /// What keeps all values of a group.
    private static func ordered(_ name: String, _ types: [DataType]) -> AggregateFunction? {
        switch (name, types.count) {
        case ("array_agg", 1), ("list", 1):
            let element: DataType = types[0] == .unknown ? .text : types[0]
            return AggregateFunction(name, [element], .array(element), ignoresNulls: false) {
                call, _ in ArrayAccumulator(call)
            }
        case ("string_agg", 2):
            let isBytes = types[0] == .bytea
            let value: DataType = isBytes ? .bytea : .text
            guard types.allSatisfy({ isBytes ? $0 == .bytea || $0 == .unknown : $0.isText }) else {
                return nil
            }
            return AggregateFunction(name, [value, value], value, ignoresNulls: false) { call, _ in
                StringAccumulator(call, required: 0)
            }
        case ("mode", 1):
            let value: DataType = types[0] == .unknown ? .text : types[0]
            return AggregateFunction(name, [value], value, ignoresNulls: false) { call, _ in
                ModeAccumulator(call, required: call.arguments.count)
            }
        case ("json_agg", 1), ("jsonb_agg", 1), ("json_object_agg", 2), ("jsonb_object_agg", 2):
            return json(name, types)
        case ("percentile_cont", 2): return percentile(name, types, isContinuous: true)
        case ("percentile_disc", 2): return percentile(name, types, isContinuous: false)
        case ("median", 1):
            guard types[0].isNumber || types[0] == .unknown else { return nil }
            return AggregateFunction(name, [.double], .double) { call, _ in
                PercentileAccumulator(medianOf: call)
            }
        default: return nil
        }
    }

    private static func json(_ name: String, _ types: [DataType]) -> AggregateFunction {
        let parameters = types.map { $0 == .unknown ? .text : $0 }
        let result: DataType = name.utf8.starts(with: "jsonb".utf8) ? .jsonb : .json
        let isObject = types.count == 2
        return AggregateFunction(name, parameters, result, ignoresNulls: false) { call, _ in
            isObject ? JSONObjectAccumulator(call) : JSONArrayAccumulator(call)
        }
    }

    private static func percentile(
        _ name: String, _ types: [DataType], isContinuous: Bool
    ) -> AggregateFunction? {
        let isMany: Bool
        switch types[0] {
        case .array(let element) where element.isNumber: isMany = true
        case .unknown: isMany = false
        default:
            guard types[0].isNumber else { return nil }
            isMany = false
        }
        var value = types[1]
        if isContinuous {
            guard value == .interval || value.isNumber || value == .unknown else { return nil }
            if value != .interval { value = .double }
        } else if value == .unknown {
            value = .text
        }
        let fraction: DataType = isMany ? .array(.double) : .double
        return AggregateFunction(
            name, [fraction, value], isMany ? .array(value) : value, ignoresNulls: false
        ) { call, _ in PercentileAccumulator(call, isContinuous: isContinuous) }
    }

    /// A row of the group that an order picks.
    private static func picking(_ name: String, _ types: [DataType]) -> AggregateFunction? {
        guard let first = types.first else { return nil }
        let value: DataType = first == .unknown ? .text : first
        switch (name, types.count) {
        case ("first", 1), ("last", 1), ("any_value", 1):
            let takesLast = name == "last"
            return AggregateFunction(name, [value], value, ignoresNulls: name == "any_value") {
                call, appendOnly in
                appendOnly
                    ? PickAccumulator(call, order: call.order, takesLast: takesLast)
                    : EndAccumulator(call, order: call.order, takesLast: takesLast)
            }
        case ("arg_min", 2), ("arg_max", 2), ("min_by", 2), ("max_by", 2):
            let isMax = name == "arg_max" || name == "max_by"
            let measure: DataType = types[1] == .unknown ? .text : types[1]
            return AggregateFunction(name, [value, measure], value) { call, appendOnly in
                let key = SortKey(call.arguments[1], isDescending: isMax)
                return appendOnly
                    ? PickAccumulator(call, order: [key], takesLast: false)
                    : EndAccumulator(call, order: [key], takesLast: false)
            }
        default: return nil
        }
    }

    private static func sketch(_ name: String, _ types: [DataType]) -> AggregateFunction? {
        guard let first = types.first else { return nil }
        let value: DataType = first == .unknown ? .text : first
        switch (name, types.count) {
        case ("approx_count_distinct", 1), ("hll_state", 1), ("hll_merge", 1), ("hll_count", 1):
            let takesStates = name == "hll_merge" || name == "hll_count"
            if takesStates, value != .bytea, value != .text { return nil }
            let isCount = name == "approx_count_distinct" || name == "hll_count"
            return AggregateFunction(
                name, [value], isCount ? .bigint : .bytea, canRetract: false,
                ignoresDuplicates: true
            ) { call, _ in DistinctCountAccumulator(call.type, takesStates: takesStates) }
        case ("quantile_state", 1):
            guard first.isNumber || first == .unknown else { return nil }
            return AggregateFunction(name, [.double], .bytea, canRetract: false) { call, _ in
                QuantileStateAccumulator(call.type, takesStates: false)
            }
        case ("quantile_merge", 1), ("quantile_value", 2):
            guard value == .bytea || value == .text else { return nil }
            let isValue = name == "quantile_value"
            return AggregateFunction(
                name, isValue ? [value, .double] : [value], isValue ? .double : .bytea,
                canRetract: false
            ) { call, _ in QuantileStateAccumulator(call.type, takesStates: true) }
        case ("top_k_state", 2):
            guard types[1].isInteger || types[1] == .unknown else { return nil }
            return AggregateFunction(name, [value, .bigint], .bytea, canRetract: false) {
                call, _ in TopStateAccumulator(call.type, takesStates: false)
            }
        case ("top_k_merge", 1), ("top_k_values", 1):
            guard value == .bytea || value == .text else { return nil }
            let row = DataType.record([Field("value", .text), Field("count", .bigint)])
            let result = name == "top_k_values" ? DataType.array(row) : .bytea
            return AggregateFunction(name, [value], result, canRetract: false) { call, _ in
                TopStateAccumulator(call.type, takesStates: true)
            }
        case ("approx_percentile", 2):
            guard types.allSatisfy({ $0.isNumber || $0 == .unknown }) else { return nil }
            return AggregateFunction(
                name, [.double, .double], .double, ignoresNulls: false, canRetract: false
            ) { call, _ in QuantileAccumulator(call.type) }
        case ("approx_top_k", 2):
            guard types[1].isInteger || types[1] == .unknown else { return nil }
            let row = DataType.record([Field("value", value), Field("count", .bigint)])
            return AggregateFunction(name, [value, .bigint], .array(row), canRetract: false) {
                call, _ in HeavyHittersAccumulator(call.type, value: value)
            }
        default: return nil
        }
    }
}

extension AggregateFunction {
    var followsArrival: Bool { AggregateRegistry.followingArrival.contains(name) }
}
