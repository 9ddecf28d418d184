import Formats

/// Picks the overload that a call means, by PostgreSQL's rules (its func_select_candidate): an
/// exact match, else the overload whose arguments need the fewest casts, preferred types first;
/// literals of unknown type take what the other arguments and the overloads suggest.
struct OverloadResolution {
    enum Outcome {
        case none
        case ambiguous
        case found(Overload)
    }

    let arguments: [DataType]

    init(_ arguments: [DataType]) { self.arguments = arguments }

    func resolve(_ overloads: [Overload], isOperator: Bool) -> Outcome {
        let fitting = overloads.filter { $0.takes(arguments.count) }
        let outcome = pick(fitting.filter { !$0.isExtension }, isOperator)
        guard case .none = outcome else { return outcome }
        return pick(fitting.filter { $0.isExtension }, isOperator)
    }

    private func pick(_ overloads: [Overload], _ isOperator: Bool) -> Outcome {
        if let exact = exactMatch(overloads, arguments) { return .found(exact) }
        if isOperator, arguments.count == 2 {
            // A literal of unknown type beside a known one is first taken for that.
            let assumed = arguments.map { $0 == .unknown ? otherType($0) : $0 }
            if let exact = exactMatch(overloads, assumed) { return .found(exact) }
        }
        let possible = overloads.filter { accepts($0, arguments) }
        if possible.count <= 1 { return possible.first.map { .found($0) } ?? .none }
        return select(possible)
    }

    private func otherType(_ type: DataType) -> DataType {
        arguments.first { $0 != .unknown } ?? type
    }

    private func exactMatch(_ overloads: [Overload], _ types: [DataType]) -> Overload? {
        overloads.first { overload in
            types.indices.allSatisfy { isExact(overload.parameter($0), types[$0]) }
        }
    }

    private func isExact(_ parameter: Overload.Parameter, _ type: DataType) -> Bool {
        if case .type(let wanted) = parameter { return type.isSameBase(as: wanted) }
        return false
    }

    private func accepts(_ overload: Overload, _ types: [DataType]) -> Bool {
        for (index, type) in types.enumerated() {
            switch overload.parameter(index) {
            case .type(let wanted): if !type.becomes(wanted) { return false }
            case .anyArray, .anyCompatibleArray:
                if type != .unknown, type.category != .array { return false }
            case .anyRecord: if type != .unknown, type.category != .composite { return false }
            case .anyEnum:
                let isLiteral = type == .unknown
                if !types.contains(where: { $0.category == .enumeration }) { return false }
                if !isLiteral, type.category != .enumeration { return false }
            case .anyNonArray: if type.category == .array { return false }
            case .anyElement, .anyCompatible, .any: break
            }
        }
        return overload.isConsistent(types)
    }

    private func select(_ possible: [Overload]) -> Outcome {
        var candidates = best(possible) { parameter, type in isExact(parameter, type) }
        if candidates.count == 1 { return .found(candidates[0]) }
        candidates = best(candidates) { parameter, type in
            guard case .type(let wanted) = parameter else { return false }
            return type.isSameBase(as: wanted)
                || (wanted.isPreferred && wanted.category == type.category)
        }
        if candidates.count == 1 { return .found(candidates[0]) }
        guard arguments.contains(.unknown) else { return .ambiguous }
        candidates = narrowedByUnknown(candidates)
        if candidates.count == 1 { return .found(candidates[0]) }
        return sameTypeAssumed(candidates)
    }

    /// The overloads for which the most known arguments match.
    private func best(
        _ overloads: [Overload], _ matches: (Overload.Parameter, DataType) -> Bool
    ) -> [Overload] {
        let scores = overloads.map { overload in
            arguments.indices.count {
                arguments[$0] != .unknown && matches(overload.parameter($0), arguments[$0])
            }
        }
        let most = scores.max() ?? 0
        return overloads.indices.filter { scores[$0] == most }.map { overloads[$0] }
    }

    /// For each literal of unknown type the category that the overloads agree on (strings win
    /// always), and in it the preferred type if one of them takes it.
    private func narrowedByUnknown(_ overloads: [Overload]) -> [Overload] {
        var wanted: [Int: (category: TypeCategory?, preferred: Bool)] = [:]
        for index in arguments.indices where arguments[index] == .unknown {
            let types = overloads.map { concrete($0.parameter(index)) }
            let categories = types.map { $0?.category }
            guard let first = categories.first else { return overloads }
            let chosen =
                categories.contains(.string)
                ? .string : categories.allSatisfy { $0 == first } ? first : TypeCategory.unknown
            if chosen == .unknown { return overloads }
            let hasPreferred = types.contains { $0?.category == chosen && $0?.isPreferred == true }
            wanted[index] = (chosen, hasPreferred)
        }
        let narrowed = overloads.filter { overload in
            wanted.allSatisfy { index, slot in
                let type = concrete(overload.parameter(index))
                return type?.category == slot.category
                    && (!slot.preferred || type?.isPreferred == true)
            }
        }
        return narrowed.isEmpty ? overloads : narrowed
    }

    private func concrete(_ parameter: Overload.Parameter) -> DataType? {
        if case .type(let type) = parameter { return type }
        return nil
    }

    /// If all known arguments are of one type, the unknown ones are taken for that.
    private func sameTypeAssumed(_ overloads: [Overload]) -> Outcome {
        let known = arguments.filter { $0 != .unknown }
        guard let first = known.first, known.allSatisfy({ $0.isSameBase(as: first) }) else {
            return .ambiguous
        }
        let assumed = arguments.map { _ in first }
        let possible = overloads.filter { accepts($0, assumed) }
        return possible.count == 1 ? .found(possible[0]) : .ambiguous
    }
}

extension Overload {
    /// The function for a call that this overload was chosen for: its parameters are types that
    /// the arguments can be cast to.
    func function(_ arguments: [DataType]) throws(SQLError) -> ScalarFunction {
        let types = try types(arguments)
        switch body {
        case .table: throw SQLError("\(name) gives rows", .wrongObjectType)
        case .resolved(let make): return try make(types)
        case .function(let function):
            return ScalarFunction(
                function.name, types, function.result, volatility: function.volatility,
                isStrict: function.isStrict, kernel: function.kernel)
        }
    }

    func tableFunction(_ arguments: [DataType]) throws(SQLError) -> TableFunction {
        guard case .table(let make) = body else {
            throw SQLError("\(name) gives no rows", .wrongObjectType)
        }
        return try make(try types(arguments))
    }

    private func types(_ arguments: [DataType]) throws(SQLError) -> [DataType] {
        var types: [DataType] = []
        let element = try elementType(arguments)
        for (index, argument) in arguments.enumerated() {
            switch parameter(index) {
            case .type(.char):
                // A length that no value has: what is not character(n) is not padded or cut. Of
                // several lengths the longest is all's, as keys of a join are compared by bytes.
                if case .char = argument {
                    types.append(.char(FunctionRegistry.longest(arguments)))
                } else {
                    types.append(.text)
                }
            case .type(let wanted):
                types.append(argument.isSameBase(as: wanted) ? argument : wanted)
            case .anyElement, .anyNonArray, .anyEnum, .anyCompatible: types.append(element)
            case .anyArray, .anyCompatibleArray: types.append(.array(element))
            case .any, .anyRecord: types.append(argument == .unknown ? .text : argument)
            }
        }
        return types
    }

    /// Whether the types that polymorphic parameters stand for go together.
    func isConsistent(_ arguments: [DataType]) -> Bool {
        let hasPolymorphic = parameters.contains {
            switch $0 {
            case .type, .any, .anyRecord: false
            default: true
            }
        }
        if !hasPolymorphic || arguments.allSatisfy({ $0 == .unknown }) { return true }
        guard hasFittingDimensions(arguments) else { return false }
        return (try? elementType(arguments)) != nil
    }

    /// An array is an element of one of more dimensions only.
    private func hasFittingDimensions(_ arguments: [DataType]) -> Bool {
        var array: Int?
        var element: Int?
        for (index, argument) in arguments.enumerated() where argument != .unknown {
            switch parameter(index) {
            case .anyArray, .anyCompatibleArray: array = argument.dimensions
            case .anyElement, .anyCompatible: element = argument.dimensions
            default: continue
            }
        }
        guard let array, let element, element > 0 else { return true }
        return element < array
    }

    /// What the polymorphic parameters stand for.
    private func elementType(_ arguments: [DataType]) throws(SQLError) -> DataType {
        var elements: [DataType] = []
        var isStrictlySame = true
        var isPolymorphic = false
        for (index, argument) in arguments.enumerated() {
            switch parameter(index) {
            case .anyElement, .anyNonArray, .anyEnum, .anyCompatible:
                elements.append(argument)
            case .anyArray, .anyCompatibleArray:
                if case .array(let element) = argument {
                    elements.append(element)
                } else {
                    elements.append(.unknown)
                }
            default: continue
            }
            isPolymorphic = true
            switch parameter(index) {
            case .anyCompatible, .anyCompatibleArray: isStrictlySame = false
            default: break
            }
        }
        guard isPolymorphic else { return .unknown }
        if isStrictlySame { return try sameElement(elements) }
        return try FunctionRegistry.commonType(elements, for: name.uppercased())
    }

    private func sameElement(_ elements: [DataType]) throws(SQLError) -> DataType {
        let known = elements.filter { $0 != .unknown }
        guard let first = known.first else {
            throw SQLError(
                "could not determine polymorphic type because input has type unknown",
                .datatypeMismatch)
        }
        for type in known where !type.isSameBase(as: first) {
            throw SQLError("arguments declared \"anyelement\" are not all alike", .datatypeMismatch)
        }
        return known.allSatisfy { $0 == first } ? first : first.base
    }
}

extension DataType {
    /// Of an array; 0: it is none.
    fileprivate var dimensions: Int {
        if case .array(let element) = self { return element.dimensions + 1 }
        return 0
    }
}
