import Testing

@testable import Formats

@Test func `numerics compute as PostgreSQL does`() throws {
    try PostgreSQLCases("numeric").check { row in
        let a = try Numeric.parse(row[1])
        switch row[0] {
        case "+": return "\(try (a + (try Numeric.parse(row[2]))).checked())"
        case "-": return "\(try (a - (try Numeric.parse(row[2]))).checked())"
        case "*": return "\(try (a * (try Numeric.parse(row[2]))).checked())"
        case "/": return "\(try a.divided(by: try Numeric.parse(row[2])))"
        case "%": return "\(try a.remainder(by: try Numeric.parse(row[2])))"
        case "div": return "\(try a.wholeQuotient(by: try Numeric.parse(row[2])))"
        case "cmp":
            let b = try Numeric.parse(row[2])
            #expect((a == b) == (b == a) && (a != b || a.hashValue == b.hashValue))
            return "\(a.compare(b).signum())"
        case "abs": return "\(a.magnitude)"
        case "neg": return "\(-a)"
        case "ceil": return "\(a.ceiling)"
        case "floor": return "\(a.floor)"
        case "trim": return "\(a.trimmed)"
        case "int": return "\(try a.integer(as: .bigint))"
        case "double": return written { $0.append(double: a.double) }.text
        case "text": return "\(a)"
        case "round": return "\(a.rounded(Int(row[2]) ?? 0))"
        case "trunc": return "\(a.truncated(Int(row[2]) ?? 0))"
        default:
            let parts = row[2].split(separator: ",").compactMap { Int16($0) }
            return "\(try a.fitted(precision: parts[0], scale: parts[1]))"
        }
    }
}
