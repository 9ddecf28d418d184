import Aggregation
import Formats

// Window functions.
extension ExpressionBinder {
    func windowCall(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        if inAggregate {
            throw SQLError(
                "aggregate function calls cannot contain window function calls", .groupingError,
                at: place)
        }
        guard let calls, clause.allowsWindows else {
            throw SQLError(
                "window functions are not allowed in \(clause.rawValue)", .windowingError,
                at: place)
        }
        if inWindow {
            throw SQLError(
                "window function calls cannot be nested", .windowingError, at: place)
        }
        try refuseInWindow(call, name, place)
        var inner = self
        inner.inWindow = true
        inner.aliases = []
        let window = try inner.window(try resolved(call.over, place))
        var bound = try inner.overCall(call, name, window.frame, place)
        if let filter = call.filter { bound.filter = try inner.condition(filter, "FILTER") }
        calls.windows.append(
            .init(call: bound, partition: window.partition, order: window.order))
        return .column(Placeholder.window + calls.windows.count - 1, bound.type)
    }

    private func refuseInWindow(
        _ call: CallSyntax, _ name: String, _ place: Range<Int>
    ) throws(SQLError) {
        if call.isDistinct {
            throw SQLError(
                "DISTINCT is not implemented for window functions", .featureNotSupported,
                at: place)
        }
        if !call.order.isEmpty {
            throw SQLError(
                "aggregate ORDER BY is not implemented for window functions",
                .featureNotSupported, at: place)
        }
        if !call.withinGroup.isEmpty || name == "mode" {
            throw SQLError(
                "OVER is not supported for ordered-set aggregate \(name)", .featureNotSupported,
                at: place)
        }
        let shifting = ["lag", "lead", "first_value", "last_value", "nth_value"]
        if call.ignoresNulls, !shifting.contains(name) {
            throw SQLError(
                "function \(name) does not allow RESPECT/IGNORE NULLS", .featureNotSupported,
                at: place)
        }
        if call.filter != nil, !FunctionRegistry.isAggregate(name) {
            throw SQLError(
                "FILTER is not implemented for non-aggregate window functions",
                .featureNotSupported, at: place)
        }
    }

    private func overCall(
        _ call: CallSyntax, _ name: String, _ frame: OverCall.Frame, _ place: Range<Int>
    ) throws(SQLError) -> OverCall {
        var arguments = try bind(call.arguments)
        if let function = OverCall.Function(name: name) {
            let type = try windowType(
                function, name, &arguments, place, call.arguments.map(\.place))
            var over = OverCall(function, arguments, frame: frame, type: type)
            over.ignoresNulls = call.ignoresNulls
            return over
        }
        guard FunctionRegistry.isAggregate(name) else {
            if FunctionRegistry.isScalar(name) {
                throw SQLError(
                    "OVER specified, but \(name) is not a window function nor an aggregate "
                        + "function", .wrongObjectType, at: place)
            }
            throw windowMissing(name, arguments, place)
        }
        let function = try placed(place) { () throws(SQLError) in
            try FunctionRegistry.aggregate(name, arguments.map(\.type), isStar: call.isStar)
        }
        arguments = try coerce(arguments, to: function.parameters, place)
        return OverCall(
            .aggregate(function), arguments, frame: frame, type: function.result)
    }

    private func windowMissing(
        _ name: String, _ arguments: [Expression], _ place: Range<Int>
    ) -> SQLError {
        let types = arguments.map(\.type.typeName).joined(separator: ", ")
        return SQLError(
            "function \(name)(\(types)) does not exist", .undefinedFunction, at: place,
            hint: "No function matches the given name and argument types. You might need to add "
                + "explicit type casts.")
    }

    /// Checks and casts the arguments; gives the result's type.
    private func windowType(
        _ function: OverCall.Function, _ name: String, _ arguments: inout [Expression],
        _ place: Range<Int>, _ places: [Range<Int>]
    ) throws(SQLError) -> DataType {
        let counts: ClosedRange<Int>
        let result: DataType
        switch function {
        case .rowNumber, .rank, .denseRank: (counts, result) = (0...0, .bigint)
        case .percentRank, .cumeDist: (counts, result) = (0...0, .double)
        case .ntile: (counts, result) = (1...1, .integer)
        case .firstValue, .lastValue: (counts, result) = (1...1, .unknown)
        case .nthValue: (counts, result) = (2...2, .unknown)
        case .lag, .lead: (counts, result) = (1...3, .unknown)
        case .aggregate: (counts, result) = (0...0, .unknown)
        }
        guard counts.contains(arguments.count) else {
            throw windowMissing(name, arguments, place)
        }
        if case .ntile = function {
            arguments[0] = try coerce(arguments[0], to: .integer, places.first ?? place)
            return result
        }
        guard result == .unknown else { return result }
        if arguments[0].type == .unknown, arguments.count < 3 {
            arguments[0] = try coerce(arguments[0], to: .text, place)
        }
        if arguments.count > 1 { arguments[1] = try coerce(arguments[1], to: .integer, place) }
        if arguments.count > 2 {
            let type = try placed(place) { () throws(SQLError) in
                try FunctionRegistry.commonType(
                    [arguments[0].type, arguments[2].type], for: name.uppercased())
            }
            arguments[0] = try coerce(arguments[0], to: type, place)
            arguments[2] = try coerce(arguments[2], to: type, place)
        }
        return arguments[0].type
    }

    private func resolved(
        _ reference: WindowReference?, _ place: Range<Int>
    ) throws(SQLError) -> WindowSyntax {
        switch reference {
        case .named(let name)?:
            guard let window = scope?.window(name) else { throw missingWindow(name) }
            return window
        case .inline(let window)?:
            guard let base = window.base else { return window }
            guard let inherited = scope?.window(base) else { throw missingWindow(base) }
            return try inherit(window, inherited, base)
        case nil: return WindowSyntax(place)
        }
    }

    private func missingWindow(_ name: Name) -> SQLError {
        SQLError("window \"\(name.text)\" does not exist", .undefinedObject, at: name.place)
    }

    func inherit(
        _ window: WindowSyntax, _ base: WindowSyntax, _ name: Name
    ) throws(SQLError) -> WindowSyntax {
        func refuse(_ what: String) -> SQLError {
            SQLError(
                "cannot override \(what) of window \"\(name.text)\"", .windowingError,
                at: name.place)
        }
        if !window.partition.isEmpty { throw refuse("PARTITION BY clause") }
        if !window.order.isEmpty, !base.order.isEmpty { throw refuse("ORDER BY clause") }
        if base.frame != nil {
            throw SQLError(
                "cannot copy window \"\(name.text)\" because it has a frame clause",
                .windowingError, at: name.place)
        }
        var merged = window
        merged.base = nil
        merged.partition = base.partition
        if merged.order.isEmpty { merged.order = base.order }
        return merged
    }

    private func window(
        _ syntax: WindowSyntax
    ) throws(SQLError) -> (partition: [Expression], order: [SortKey], frame: OverCall.Frame) {
        var inner = self
        inner.clause = .windowPartition
        var partition: [Expression] = []
        for expression in syntax.partition {
            partition.append(try groupable(try inner.bind(expression), expression.place))
        }
        let order = try inner.sortKeys(syntax.order)
        let frame = try syntax.frame.then { (frame) throws(SQLError) in
            try inner.frame(frame, order)
        }
        return (partition, order, frame ?? OverCall.Frame())
    }

    private func frame(
        _ syntax: FrameSyntax, _ order: [SortKey]
    ) throws(SQLError) -> OverCall.Frame {
        try checkFrame(syntax, order)
        let unit: OverCall.Frame.Unit =
            switch syntax.unit {
            case .rows: .rows
            case .range: .range
            case .groups: .groups
            }
        let exclusion: OverCall.Frame.Exclusion =
            switch syntax.exclusion {
            case .none: .none
            case .currentRow: .currentRow
            case .group: .group
            case .ties: .ties
            }
        return OverCall.Frame(
            unit, try frameBound(syntax.start, unit, order),
            try frameBound(syntax.end, unit, order),
            exclusion: exclusion)
    }

    private func checkFrame(_ frame: FrameSyntax, _ order: [SortKey]) throws(SQLError) {
        func refuse(_ message: String) -> SQLError {
            SQLError(message, .windowingError, at: frame.place)
        }
        if case .unboundedFollowing = frame.start {
            throw refuse("frame start cannot be UNBOUNDED FOLLOWING")
        }
        switch (frame.start, frame.end) {
        case (_, .unboundedPreceding): throw refuse("frame end cannot be UNBOUNDED PRECEDING")
        case (.currentRow, .preceding):
            throw refuse("frame starting from current row cannot have preceding rows")
        case (.following, .preceding), (.following, .currentRow):
            throw refuse("frame starting from following row cannot have preceding rows")
        default: break
        }
        if frame.unit == .groups, order.isEmpty {
            throw refuse("GROUPS mode requires an ORDER BY clause")
        }
        if frame.unit == .range, frame.hasOffset, order.count != 1 {
            throw refuse(
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column")
        }
    }

    /// What a RANGE frame's offset is for keys of a type.
    private func offsetType(
        of key: DataType, _ given: DataType, _ place: Range<Int>
    ) throws(SQLError) -> DataType {
        let isKnown = given != .unknown
        switch key {
        case .date, .timestamp, .timestamptz, .time, .interval:
            if !isKnown || given == .interval { return .interval }
        case .smallint, .integer, .bigint: if !isKnown || given.isInteger { return .bigint }
        case .numeric:
            if !isKnown || given.isNumber && given != .double && given != .real { return key }
        case .real, .double: if !isKnown || given.isNumber { return key }
        default:
            throw SQLError(
                "RANGE with offset PRECEDING/FOLLOWING is not supported for column type "
                    + key.typeName, .featureNotSupported, at: place)
        }
        throw SQLError(
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type "
                + "\(key.typeName) and offset type \(given.typeName)",
            .featureNotSupported, at: place,
            hint: "Cast the offset value to an appropriate type.")
    }

    private func frameBound(
        _ bound: FrameSyntax.Bound, _ unit: OverCall.Frame.Unit, _ order: [SortKey]
    ) throws(SQLError) -> OverCall.Frame.Bound {
        func distance(_ syntax: SyntaxExpression) throws(SQLError) -> Expression {
            var inner = self
            inner.clause = .windowFrame
            let bound = try inner.bind(syntax)
            guard bound.isConstant else {
                let unit = unit == .rows ? "ROWS" : unit == .range ? "RANGE" : "GROUPS"
                throw SQLError(
                    "argument of \(unit) must not contain variables", .invalidColumnReference,
                    at: syntax.place)
            }
            guard unit == .range, let key = order.first?.expression.type else {
                return try constant(try coerce(bound, to: .bigint, syntax.place), syntax.place)
            }
            let type = try offsetType(of: key, bound.type, syntax.place)
            return try constant(try coerce(bound, to: type, syntax.place), syntax.place)
        }
        switch bound {
        case .unboundedPreceding: return .unboundedPreceding
        case .preceding(let syntax): return .preceding(try distance(syntax))
        case .currentRow: return .currentRow
        case .following(let syntax): return .following(try distance(syntax))
        case .unboundedFollowing: return .unboundedFollowing
        }
    }
}

extension FrameSyntax {
    fileprivate var hasOffset: Bool {
        for bound in [start, end] {
            switch bound {
            case .preceding, .following: return true
            default: break
            }
        }
        return false
    }
}

extension OverCall.Function {
    fileprivate init?(name: String) {
        switch name {
        case "row_number": self = .rowNumber
        case "rank": self = .rank
        case "dense_rank": self = .denseRank
        case "percent_rank": self = .percentRank
        case "cume_dist": self = .cumeDist
        case "ntile": self = .ntile
        case "lag": self = .lag
        case "lead": self = .lead
        case "first_value": self = .firstValue
        case "last_value": self = .lastValue
        case "nth_value": self = .nthValue
        default: return nil
        }
    }
}
