import Formats

/// All functions and operators of SQL by name; operators under their symbol, LIKE and its kin in
/// lower case (`like`, `ilike`, `similar to`). The binder asks it for the function that a call
/// means and casts the arguments to its parameters.
///
/// Errors are PostgreSQL's and name no place.
public enum FunctionRegistry {
    /// The families, each made when a name is first looked up.
    static let operators = FunctionList { list in
        addArithmetic(&list)
        addComparisons(&list)
        addTextOperators(&list)
        addConcatenation(&list)
        addArrayOperators(&list)
        addQuantified(&list)
        addRegexOperators(&list)
        addJSONOperators(&list)
        addJSONPathOperators(&list)
    }

    static let functions = FunctionList { list in
        addText(&list)
        addBytes(&list)
        addMath(&list)
        addPatterns(&list)
        addConditionals(&list)
        addArrays(&list)
        addEnumerations(&list)
        addRegexFunctions(&list)
        addJSONFunctions(&list)
        addJSONPaths(&list)
        addNormalForms(&list)
        addSession(&list)
    }

    static let tables = FunctionList { list in
        addTables(&list)
        addJoinedArrays(&list)
        addJSONTables(&list)
        addJSONPathTables(&list)
        addTextTables(&list)
    }

    /// Functions and operators of dates and times, and to_char.
    static let times = FunctionList { $0.add(TimeFunctions.timeFunctions) }

    static func overloads(_ name: String) -> [Overload] {
        let family = isOperator(name) ? operators : functions
        return (family.overloads[name] ?? []) + (times.overloads[name] ?? [])
    }

    static func isOperator(_ name: String) -> Bool {
        guard let first = name.utf8.first else { return false }
        let isWord = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) || first == 0x5F
        return !isWord || patternOperators[name] != nil
    }

    /// Word operators, and the symbols that PostgreSQL's errors give them.
    static let patternOperators = ["like": "~~", "ilike": "~~*", "similar to": "~"]

    /// The function that `name(arguments)` or, for a symbol, `a name b` means.
    public static func scalar(
        _ name: String, _ arguments: [DataType]
    ) throws(SQLError) -> ScalarFunction {
        let isOperator = isOperator(name)
        switch OverloadResolution(arguments).resolve(overloads(name), isOperator: isOperator) {
        case .found(let overload): return try overload.function(arguments)
        case .none: throw missing(name, arguments, isOperator)
        case .ambiguous: throw notUnique(name, arguments, isOperator)
        }
    }

    private static func notUnique(
        _ name: String, _ arguments: [DataType], _ isOperator: Bool
    ) -> SQLError {
        let kind = isOperator ? "operator" : "function"
        return SQLError(
            isOperator
                ? "operator is not unique: \(signature(name, arguments, true))"
                : "function \(signature(name, arguments, false)) is not unique",
            .ambiguousFunction,
            hint: "Could not choose a best candidate \(kind). "
                + "You might need to add explicit type casts.")
    }

    public static func aggregate(
        _ name: String, _ arguments: [DataType], isStar: Bool
    ) throws(SQLError) -> AggregateFunction {
        try AggregateRegistry.resolve(name, arguments, isStar: isStar)
    }

    public static func table(
        _ name: String, _ arguments: [DataType]
    ) throws(SQLError) -> TableFunction {
        let candidates = tables.overloads[name] ?? []
        switch OverloadResolution(arguments).resolve(candidates, isOperator: false) {
        case .found(let overload): return try overload.tableFunction(arguments)
        case .none: throw missing(name, arguments, false)
        case .ambiguous: throw notUnique(name, arguments, false)
        }
    }

    public static func isScalar(_ name: String) -> Bool { !overloads(name).isEmpty }
    public static func isAggregate(_ name: String) -> Bool { AggregateRegistry.contains(name) }
    public static func isTable(_ name: String) -> Bool { tables.overloads[name] != nil }

    /// Functions that need OVER.
    public static func isWindow(_ name: String) -> Bool { windowFunctions.contains(name) }

    static let windowFunctions: Set<String> = [
        "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead",
        "first_value", "last_value", "nth_value",
    ]

    /// The names of functions that FROM may call.
    public static var tableNames: [String] { Array(tables.overloads.keys) }

    /// The names of all functions, for hints.
    public static var names: [String] {
        Array(functions.overloads.keys) + Array(tables.overloads.keys)
            + Array(AggregateRegistry.names) + Array(windowFunctions)
    }

    static func missing(
        _ name: String, _ arguments: [DataType], _ isOperator: Bool
    ) -> SQLError {
        let kind = isOperator ? "operator" : "function"
        let error = SQLError(
            isOperator
                ? "operator does not exist: \(signature(name, arguments, true))"
                : "function \(signature(name, arguments, false)) does not exist",
            .undefinedFunction,
            hint: ForeignName.hint(name)
                ?? (arguments.contains(.json)
                    ? "A column of an input is json where its values are of several kinds, or where "
                        + "only null was seen: a cast such as x::float8 gives it a type."
                    : "No \(kind) matches the given name and argument types. "
                        + "You might need to add explicit type casts."))
        let isKnown = isScalar(name) || isAggregate(name) || isTable(name)
        let isSettled = isOperator || isKnown || ForeignName.hint(name) != nil
        return isSettled ? error : error.suggesting(names, for: name)
    }

    /// `integer + text` or `foo(integer, text)`.
    private static func signature(
        _ name: String, _ arguments: [DataType], _ isOperator: Bool
    ) -> String {
        let types = arguments.map(\.baseName)
        guard isOperator else { return "\(name)(\(types.joined(separator: ", ")))" }
        let symbol = patternOperators[name] ?? name
        return types.count == 2
            ? "\(types[0]) \(symbol) \(types[1])" : "\(symbol) \(types.joined(separator: ", "))"
    }

    /// The type that values of several types are brought to in UNION, CASE, VALUES, COALESCE,
    /// GREATEST and ARRAY (PostgreSQL's select_common_type); `construct` stands in the error.
    public static func commonType(
        _ types: [DataType], for construct: String = "CASE"
    ) throws(SQLError) -> DataType {
        if let first = types.first, types.allSatisfy({ $0 == first }) {
            return first == .unknown ? .text : first
        }
        var chosen = DataType.unknown
        for type in types where type != .unknown {
            if chosen == .unknown {
                chosen = type
            } else if !chosen.isSameBase(as: type) {
                guard chosen.category == type.category else {
                    throw SQLError(
                        "\(construct) types \(chosen.baseName) and \(type.baseName) "
                            + "cannot be matched", .datatypeMismatch)
                }
                let isWider = chosen.becomes(type) && !type.becomes(chosen)
                if !chosen.isPreferred && isWider { chosen = type }
            }
        }
        if chosen == .unknown { return .text }
        if types.contains(.unknown) {
            // What a literal stands for is not cut to the length of another.
            if case .char = chosen { return .text }
            return chosen.base
        }
        if case .char = chosen { return .char(longest(types)) }
        return types.allSatisfy { $0 == chosen || $0 == .unknown } ? chosen : chosen.base
    }

    /// Of character(n) and character varying(n) the greatest length; nil: one has any.
    static func longest(_ types: [DataType]) -> Int32? {
        var longest: Int32 = 1
        for type in types {
            switch type {
            case .char(nil): return nil
            case .char(let length?), .varchar(let length?): longest = max(longest, length)
            default: break
            }
        }
        return longest
    }
}
