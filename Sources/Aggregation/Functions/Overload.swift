import Formats

/// One meaning of a function's or operator's name: what it takes and what it then is.
///
/// The lists of `FunctionRegistry` hold them; `OverloadResolution` picks one for a call.
public struct Overload: Sendable {
    public enum Parameter: Sendable, Equatable {
        case type(DataType)
        /// All of them in a call are one type (arrays: of that element).
        case anyElement, anyArray
        /// Like `anyElement`, but no array.
        case anyNonArray
        /// Like `anyElement`, of CREATE TYPE ... AS ENUM.
        case anyEnum
        /// The same, but arguments are first cast to their common type.
        case anyCompatible, anyCompatibleArray
        case anyRecord
        /// Each for itself, as it is.
        case any
    }

    public enum Body: Sendable {
        case function(ScalarFunction)
        /// Makes the function for the types that the parameters stand for in a call.
        case resolved(@Sendable ([DataType]) throws(SQLError) -> ScalarFunction)
        case table(@Sendable ([DataType]) throws(SQLError) -> TableFunction)
    }

    public let name: String
    public let parameters: [Parameter]
    /// The last parameter takes any number of arguments, also none where it is not the only one.
    public let isVariadic: Bool
    /// Not PostgreSQL's: looked at only if none of PostgreSQL's fits, so that what it accepts
    /// keeps its types.
    public let isExtension: Bool
    public let body: Body

    public init(_ function: ScalarFunction, isExtension: Bool = false) {
        name = function.name
        parameters = function.parameters.map { .type($0) }
        isVariadic = false
        self.isExtension = isExtension
        body = .function(function)
    }

    public init(
        _ name: String, _ parameters: [Parameter], isVariadic: Bool = false,
        isExtension: Bool = false,
        make: @escaping @Sendable ([DataType]) throws(SQLError) -> ScalarFunction
    ) {
        self.name = name
        self.parameters = parameters
        self.isVariadic = isVariadic
        self.isExtension = isExtension
        body = .resolved(make)
    }

    public init(
        table name: String, _ parameters: [Parameter],
        make: @escaping @Sendable ([DataType]) throws(SQLError) -> TableFunction
    ) {
        self.name = name
        self.parameters = parameters
        isVariadic = false
        isExtension = false
        body = .table(make)
    }

    /// The parameter that argument `index` goes to.
    func parameter(_ index: Int) -> Parameter { parameters[min(index, parameters.count - 1)] }

    func takes(_ count: Int) -> Bool {
        isVariadic
            ? count >= max(parameters.count - 1, parameters.count == 1 ? 1 : 0)
            : count == parameters.count
    }
}

/// The overloads of one family of functions by name; each family fills one when a name is first
/// looked up in it.
public struct FunctionList: Sendable {
    public private(set) var overloads: [String: [Overload]] = [:]

    public init(_ fill: (inout FunctionList) -> Void) { fill(&self) }

    public mutating func add(_ overload: Overload) {
        overloads[overload.name, default: []].append(overload)
    }

    /// Functions of fixed types that were made elsewhere.
    public mutating func add(_ functions: [ScalarFunction]) {
        for function in functions { add(Overload(function)) }
    }

    public mutating func add(
        _ name: String, _ parameters: [DataType], _ result: DataType,
        volatility: ScalarFunction.Volatility = .immutable, isStrict: Bool = true,
        isExtension: Bool = false, _ kernel: @escaping ScalarFunction.Kernel
    ) {
        add(
            Overload(
                ScalarFunction(
                    name, parameters, result, volatility: volatility, isStrict: isStrict,
                    kernel: kernel), isExtension: isExtension))
    }

    /// A function that gives rows.
    public mutating func add(
        table name: String, _ parameters: [Overload.Parameter],
        make: @escaping @Sendable ([DataType]) throws(SQLError) -> TableFunction
    ) {
        add(Overload(table: name, parameters, make: make))
    }

    /// A function of any types; `result` gives its type for those of a call.
    public mutating func add(
        _ name: String, any parameters: [Overload.Parameter], isVariadic: Bool = false,
        volatility: ScalarFunction.Volatility = .immutable, isStrict: Bool = true,
        isExtension: Bool = false,
        result: @escaping @Sendable ([DataType]) throws(SQLError) -> DataType,
        _ kernel: @escaping ScalarFunction.Kernel
    ) {
        add(
            Overload(name, parameters, isVariadic: isVariadic, isExtension: isExtension) {
                types throws(SQLError) in
                ScalarFunction(
                    name, types, try result(types), volatility: volatility, isStrict: isStrict,
                    kernel: kernel)
            })
    }
}
