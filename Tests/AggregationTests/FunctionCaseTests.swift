import Foundation
import Formats
import Testing

@testable import Aggregation

@Suite struct FunctionCaseTests {
    /// Further cases from a file that the environment names, for long comparisons.
    @Test func `functions give what PostgreSQL gives, in type, value and error`() throws {
        var lines = functionCases.split(separator: "\n").map(String.init)
        if let path = ProcessInfo.processInfo.environment["FUNCTION_CASES"] {
            lines = try String(contentsOfFile: path, encoding: .utf8)
                .split(separator: "\n").map(String.init)
        }
        let settings = SessionSettings()
        for line in lines {
            let known = try #require(FunctionCase(line), "\(line)")
            let expected = "\(known.type)\t\(known.result)"
            for asConstant in [false, true] {
                let found = known.outcome(asConstant: asConstant, settings)
                if found != expected {
                    Issue.record("\(line.replacing("\t", with: " | ")) -> \(found)")
                    break
                }
            }
        }
        #expect(lines.count > 200)
    }
}
