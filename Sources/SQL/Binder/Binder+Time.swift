import Aggregation
import Formats

// Time: watermarks, window table functions, spans.
extension Binder {
    /// WATERMARK FOR column AS column - delay: the spans in microseconds.
    func watermark(
        _ syntax: WatermarkSyntax
    ) throws(SQLError) -> (delay: Int64, idle: Int64?) {
        var delay: Int64 = 0
        if let expression = syntax.expression {
            switch expression.node {
            case .name(let parts) where parts.count == 1: _ = parts
            case .binary("-", let base, let span):
                guard case .name = base.node else { throw badWatermark(expression) }
                delay = try self.span(span)
                guard delay >= 0 else {
                    throw SQLError(
                        "the delay of a watermark must not be negative", .invalidParameterValue,
                        at: span.place)
                }
            default: throw badWatermark(expression)
            }
        }
        let idle = try syntax.idle.then { (span) throws(SQLError) in try silence(span) }
        return (delay, idle)
    }

    private func badWatermark(_ expression: SyntaxExpression) -> SQLError {
        SQLError(
            "a watermark is a column minus an interval", .syntaxError, at: expression.place,
            hint: "For example WATERMARK FOR ts AS ts - INTERVAL '5 seconds'.")
    }

    /// Declares the watermark of a bound relation at the scan below it.
    func declare(
        _ syntax: WatermarkSyntax, on relation: inout BoundRelation, _ place: Range<Int>
    ) throws(SQLError) {
        let (delay, idle) = try watermark(syntax)
        let scope = relation.scope(parent: nil)
        guard let found = try scope.find([syntax.column]) else {
            throw scope.missing([syntax.column])
        }
        let time = try placed(syntax.column.place) { () throws(SQLError) in
            try EpochTime.time(found.expression, syntax.column.text)
        }
        guard let plan = relation.plan.declaring(time, delay, idle) else {
            throw SQLError(
                "a watermark can be declared only over a source", .featureNotSupported,
                at: syntax.column.place)
        }
        relation.plan = plan
        relation.noteTimes()
    }

    /// A constant interval in microseconds.
    func span(_ syntax: SyntaxExpression) throws(SQLError) -> Int64 {
        let binder = ExpressionBinder(self, QueryContext(), .limit)
        let bound = try binder.coerce(try binder.bind(syntax), to: .interval, syntax.place)
        guard case .literal(.interval(let interval), _) = try binder.constant(bound, syntax.place)
        else {
            throw SQLError("a span must be a constant interval", .syntaxError, at: syntax.place)
        }
        guard let microseconds = interval.fixedMicroseconds else {
            throw SQLError(
                "a span cannot have months or years, which have no fixed length",
                .featureNotSupported, at: syntax.place)
        }
        return microseconds
    }

    /// The same for how long nothing happens, which is counted in nanoseconds: what is longer than
    /// these can tell is as good as never.
    func silence(_ syntax: SyntaxExpression) throws(SQLError) -> Int64 {
        min(try span(syntax), Int64.max / 1_000)
    }

    /// The same for the windows of a window function.
    private func windowSpan(_ syntax: SyntaxExpression) throws(SQLError) -> Int64 {
        let value = try span(syntax)
        guard value.magnitude <= UInt64(Limits.windowDaysMax) * 86_400_000_000 else {
            throw SQLError(
                "a window's spans are at most \(Limits.windowDaysMax) days",
                .datetimeFieldOverflow, at: syntax.place)
        }
        return value
    }

    func window(
        _ syntax: WindowTableSyntax, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        var data = try relation(syntax.data, context)
        var spans: [Int64] = []
        for span in syntax.spans {
            let value = try windowSpan(span)
            guard value > 0 || spans.count >= syntax.kind.spanCount else {
                throw SQLError(
                    "a window's span must be greater than zero", .invalidParameterValue,
                    at: span.place)
            }
            spans.append(value)
        }
        guard spans.count >= syntax.kind.spanCount, spans.count <= syntax.kind.spanCount + 1
        else {
            throw SQLError(
                "\(syntax.kind.rawValue.uppercased()) takes \(syntax.kind.spanCount) spans",
                .syntaxError, at: syntax.place)
        }
        let (time, type) = try windowTime(syntax, &data)
        let kind = try windowKind(syntax, spans, data)
        let names = ["window_start", "window_end", "window_time"]
        let width = data.plan.columns.count
        let fields = data.plan.columns + names.map { Field($0, type) }
        data.plan = .make(.window(data.plan, WindowAssignment(kind, time: time)), fields)
        let added = names.enumerated().map {
            ScopeColumn(name: $0.element, expression: .column(width + $0.offset, type))
        }
        // A window over windows hides the names of the inner one.
        data.columns.removeAll { names.contains($0.name) }
        data.columns += added
        data.tables = [ScopeTable(alias: data.tables.first?.alias ?? "", columns: data.columns)]
        return data
    }

    /// The column that the window looks at; a number becomes a timestamp first.
    private func windowTime(
        _ syntax: WindowTableSyntax, _ data: inout BoundRelation
    ) throws(SQLError) -> (Int?, DataType) {
        guard case .column(let parts) = syntax.time else { return (nil, .timestamptz) }
        let scope = data.scope(parent: nil)
        guard let found = try scope.find(parts) else { throw scope.missing(parts) }
        let binder = ExpressionBinder(self, QueryContext(scope: scope), .from)
        var expression = found.expression
        for name in parts[found.parts...] { expression = try binder.member(expression, name) }
        let time = try placed(parts.place ?? syntax.place) { () throws(SQLError) in
            try EpochTime.time(
                expression, parts.dotted, scope.epochUnit(of: expression) ?? .byMagnitude)
        }
        let type = time.type == .date ? DataType.timestamp : time.type
        if case .column(let index, _) = time { return (index, type) }
        // Computed in a column of its own, which no name means.
        let plan = data.plan
        data.plan = plan.projected(
            plan.columnExpressions + [time], plan.columns.map(\.name) + [""])
        return (plan.columns.count, type)
    }

    private func windowKind(
        _ syntax: WindowTableSyntax, _ spans: [Int64], _ data: BoundRelation
    ) throws(SQLError) -> WindowAssignment.Kind {
        let offset = spans.count > syntax.kind.spanCount ? spans[spans.count - 1] : 0
        switch syntax.kind {
        case .tumble: return .tumble(size: spans[0], offset: offset)
        case .hop: return .hop(slide: spans[0], size: spans[1], offset: offset)
        case .cumulate:
            guard spans[1] % spans[0] == 0 else {
                throw SQLError(
                    "the size of CUMULATE must be a multiple of its step",
                    .invalidParameterValue, at: syntax.spans[1].place)
            }
            return .cumulate(step: spans[0], size: spans[1], offset: offset)
        case .session:
            var partition: [Int] = []
            let scope = data.scope(parent: nil)
            for parts in syntax.partition {
                guard let found = try scope.find(parts) else { throw scope.missing(parts) }
                guard case .column(let index, _) = found.expression, found.parts == parts.count
                else {
                    throw SQLError(
                        "PARTITION BY of SESSION takes columns", .featureNotSupported,
                        at: parts.place)
                }
                partition.append(index)
            }
            return .session(gap: spans[0], partition: partition)
        }
    }
}

extension WindowTableSyntax.Kind {
    fileprivate var spanCount: Int {
        switch self {
        case .tumble, .session: 1
        case .hop, .cumulate: 2
        }
    }
}

extension Plan {
    /// The same plan with the watermark of the scan below following `time`, an expression over
    /// this plan's columns; nil where other operations lie between.
    func declaring(_ time: Expression, _ delay: Int64, _ idle: Int64?) -> Plan? {
        switch node {
        case .scan(let relation, var scan):
            scan.time = ScanTime(time, delay: delay, idle: idle)
            return with(.scan(relation, scan))
        case .filter(let input, let condition):
            return input.declaring(time, delay, idle).map { with(.filter($0, condition)) }
        case .project(let input, let list):
            let below = time.replacing { expression, _ in
                guard case .column(let index, _) = expression else { return nil }
                return list[index]
            }
            return input.declaring(below, delay, idle).map { with(.project($0, list)) }
        default: return nil
        }
    }
}
