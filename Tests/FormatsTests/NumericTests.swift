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

@Test func `a numeric is as long as its type allows and no longer`() throws {
    for precision in [Int16(1), 5, 17, 18, 19, 30, 38] {
        for scale in [Int16(0), min(3, precision)] {
            let nines = String(repeating: "9", count: Int(precision - scale))
            let fraction = scale == 0 ? "" : "." + String(repeating: "9", count: Int(scale))
            for sign in ["", "-"] {
                let longest = try Numeric.parse(sign + "0" + nines + fraction)
                #expect(try longest.fitted(precision: precision, scale: scale) == longest)
                let longer = try Numeric.parse(
                    sign + "1" + String(repeating: "0", count: Int(precision - scale))
                        + (scale == 0 ? "" : "." + String(repeating: "0", count: Int(scale))))
                #expect(throws: SQLError.self) {
                    try longer.fitted(precision: precision, scale: scale)
                }
            }
        }
    }
}
