import Testing

@testable import Formats

private func type(_ name: String) -> DataType? {
    if name.hasSuffix("[]") { return type(String(name.dropLast(2))).map { .array($0) } }
    switch name {
    case "boolean": return .boolean
    case "smallint": return .smallint
    case "integer": return .integer
    case "bigint": return .bigint
    case "real": return .real
    case "double precision": return .double
    case "numeric": return .anyNumeric
    case "numeric(4,2)": return .numeric(precision: 4, scale: 2)
    case "numeric(5,-2)": return .numeric(precision: 5, scale: -2)
    case "text": return .text
    case "bytea": return .bytea
    case "uuid": return .uuid
    case "json": return .json
    case "jsonb": return .jsonb
    case "date": return .date
    case "time": return .time
    case "timestamp": return .timestamp
    case "timestamptz": return .timestamptz
    case "interval": return .interval
    default: return nil
    }
}

private func inAndOut(_ text: String, _ type: DataType, _ settings: TextSettings) throws -> String {
    let value = try TypeText.parse(text, as: type, settings)
    let shown = TypeText.text(value, type, settings) ?? "NULL"
    // A cast of boolean to text, which the table shows, is longer than its output.
    return type == .boolean ? (shown == "t" ? "true" : "false") : shown
}

@Test func `values are read from text and written as PostgreSQL does`() throws {
    let utc = ZoneDirectory.settings("UTC")
    try PostgreSQLCases("text").check { row in
        switch row[0] {
        case "double>numeric":
            guard case .double(let value) = try TypeText.parse(row[1], as: .double) else {
                return ""
            }
            return "\(Numeric(value))"
        case "real>numeric": return "\(Numeric(real: Double(try #require(Float(row[1])))))"
        default: return try inAndOut(row[1], try #require(type(row[0])), utc)
        }
    }
}

@Test func `dates, times and intervals are read and written as PostgreSQL does`() throws {
    try PostgreSQLCases("time-text").check { row in
        let settings = ZoneDirectory.settings(row[2])
        return try inAndOut(row[1], try #require(type(row[0])), settings)
    }
}

@Test func `a record is read and written with quotes where its text needs them`() throws {
    let type = DataType.record([
        Field("a", .integer), Field("b", .text), Field("c", .array(.text)),
    ])
    let value = Value.record([
        .integer(1), .text("x \"y\", z"), .array([.text("p q"), .null, .text("")]),
    ])
    let text = try #require(TypeText.text(value, type))
    #expect(text == #"(1,"x ""y"", z","{""p q"",NULL,""""}")"#)
    #expect(try TypeText.parse(text, as: type) == value)
    #expect(TypeText.text(.record([.null, .text(""), .null]), type) == #"(,"",)"#)
}
