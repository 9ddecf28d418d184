import Formats
import Testing

@testable import Aggregation

@Suite struct EvaluatorTests {
    let settings = SessionSettings()

    private func call(_ name: String, _ arguments: Expression...) throws -> Expression {
        let function = try FunctionRegistry.scalar(name, arguments.map(\.type))
        return .call(function, arguments, function.result)
    }

    private func integer(_ value: Int64) -> Expression { .literal(.integer(value), .bigint) }

    private func batch(_ values: [Int64?]) -> Batch {
        let column = Column.make(.bigint, values.map { $0.map { .integer($0) } ?? .null })
        return Batch([column], count: values.count)
    }

    private let x = Expression.column(0, .bigint)

    @Test func `a branch of CASE is evaluated only for the rows that reach it`() throws {
        let divided = Expression.choice(
            [.init(try call("<>", x, integer(0)), try call("/", integer(6), x))],
            otherwise: nil, .bigint)
        let result = try Evaluator(divided, settings: settings).evaluate(batch([1, 0, nil, 3]))
        #expect(result.values == [.integer(6), .null, .null, .integer(2)])
    }

    @Test func `AND and OR leave out what an earlier condition has decided`() throws {
        let safe = try call("<>", x, integer(0))
        let divided = try call(">", try call("/", integer(6), x), integer(2))
        let and = try Evaluator(.and([safe, divided]), settings: settings)
        let rows = batch([1, 0, nil, 3])
        #expect(
            try and.evaluate(rows).values
                == [.boolean(true), .boolean(false), .null, .boolean(false)])
        #expect(try Predicate(.and([safe, divided]), settings: settings).select(rows) == [0])
        let or = Expression.or([try call("=", x, integer(0)), divided])
        #expect(try Predicate(or, settings: settings).select(rows) == [0, 1])
        #expect(throws: SQLError("division by zero", .divisionByZero)) {
            try Evaluator(.and([divided, safe]), settings: settings).evaluate(rows)
        }
    }

    @Test func `COALESCE evaluates a later value for the rows where all earlier are null`() throws {
        let inverse = try call("/", integer(10), integer(0))
        let value = Expression.coalesce([x, inverse], .bigint)
        let evaluator = try Evaluator(value, settings: settings)
        #expect(try evaluator.evaluate(batch([1, 2])).values == [.integer(1), .integer(2)])
        #expect(throws: SQLError.self) { try evaluator.evaluate(batch([1, nil])) }
    }

    @Test func `a null operand hides an overflow`() throws {
        let sum = try call("+", x, .column(1, .bigint))
        let a = Column.make(.bigint, [.integer(.max), .integer(1)])
        let b = Column.make(.bigint, [.null, .integer(1)])
        let result = try Evaluator(sum, settings: settings).evaluate(Batch([a, b], count: 2))
        #expect(result.values == [.null, .integer(2)])
        let c = Column.make(.bigint, [.integer(1), .integer(1)])
        #expect(throws: SQLError("bigint out of range", .numericValueOutOfRange)) {
            try Evaluator(sum, settings: settings).evaluate(Batch([a, c], count: 2))
        }
    }

    @Test func `IN is unknown for what is not found beside a null`() throws {
        for members: [Int64] in [[1, 5], [1, 1_000_000_000_000, .min]] {
            let condition = Expression.isIn(x, members.map { .integer($0) }, hasNull: true)
            let evaluator = try Evaluator(condition, settings: settings)
            let result = try evaluator.evaluate(batch([1, 2, nil, members[1]]))
            #expect(result.values == [.boolean(true), .null, .null, .boolean(true)])
        }
        let text = Column.make(.text, [.text("a"), .text("a longer text of bytes"), .text("b")])
        let condition = Expression.isIn(
            .column(0, .text), [.text("a longer text of bytes"), .text("b")], hasNull: false)
        let evaluator = try Evaluator(condition, settings: settings)
        #expect(
            try evaluator.evaluate(Batch([text], count: 3)).values
                == [.boolean(false), .boolean(true), .boolean(true)])
    }

    @Test func `literals are folded, and what fails stays for the rows that reach it`() throws {
        let sum = try call("+", integer(1), integer(2))
        guard case .literal(.integer(3), .bigint) = sum.folded(settings) else {
            Issue.record("1 + 2 is not folded")
            return
        }
        let failing = try call("/", integer(1), integer(0))
        guard case .call = failing.folded(settings) else {
            Issue.record("1 / 0 is folded")
            return
        }
        let choice = Expression.choice(
            [.init(.literal(.boolean(false), .boolean), failing)], otherwise: sum, .bigint)
        #expect(choice.folded(settings).isLiteral)
    }

    @Test func `an expression that is nested too deeply is an error`() throws {
        var deep = x
        for _ in 0..<1000 { deep = .not(.isNull(deep)) }
        #expect(throws: SQLError.self) { try Evaluator(deep, settings: settings) }
    }

    @Test func `what stands twice in an expression is computed once a batch`() throws {
        let function = ScalarFunction("counted", [.bigint], .bigint) { arguments, context in
            Column.make(.bigint, (0..<context.count).map { _ in .integer(7) })
        }
        let counted = Expression.call(function, [x], .bigint)
        let evaluator = try Evaluator([counted, try call("+", counted, x)], settings: settings)
        let columns = try evaluator.evaluateAll(batch([1, nil]))
        #expect(columns[0].values == [.integer(7), .null])
        #expect(columns[1].values == [.integer(8), .null])
    }
}
