import Formats
import Testing

@testable import Aggregation

@Suite struct OverloadTests {
    @Test(arguments: [
        (["smallint", "integer"], "integer"), (["integer", "bigint"], "bigint"),
        (["real", "integer"], "double precision"), (["real", "real"], "real"),
        (["bigint", "unknown"], "bigint"), (["unknown", "double precision"], "double precision"),
    ])
    func `+ gives the type that PostgreSQL gives it`(_ types: [String], _ result: String) throws {
        let all: [DataType] = [.smallint, .integer, .bigint, .real, .double, .unknown]
        let arguments = types.compactMap { name in all.first { "\($0)" == name } }
        #expect("\(try FunctionRegistry.scalar("+", arguments).result)" == result)
    }

    @Test func `an operator that does not exist is reported with the types of its operands`() {
        let error = #expect(throws: SQLError.self) {
            try FunctionRegistry.scalar("+", [.integer, .text])
        }
        #expect(error?.message == "operator does not exist: integer + text")
        #expect(error?.state == .undefinedFunction)
    }

    @Test func `an operator between two literals of unknown type is not unique`() {
        let error = #expect(throws: SQLError.self) {
            try FunctionRegistry.scalar("%", [.unknown, .unknown])
        }
        #expect(error?.message == "operator is not unique: unknown % unknown")
        #expect(error?.state == .ambiguousFunction)
    }

    @Test func `values of several types are brought to the type that all of them become`() throws {
        #expect(try FunctionRegistry.commonType([.integer, .unknown, .bigint]) == .bigint)
        #expect(try FunctionRegistry.commonType([.unknown, .unknown]) == .text)
        #expect(try FunctionRegistry.commonType([.char(3), .varchar(3)]) == .char(3))
        let error = #expect(throws: SQLError.self) {
            try FunctionRegistry.commonType([.integer, .text], for: "UNION")
        }
        #expect(error?.message == "UNION types integer and text cannot be matched")
    }
}
