import Formats
import Testing

@testable import Aggregation

private func namedType(_ name: String) -> DataType? {
    switch name {
    case "text": .text
    case "timestamp": .timestamp
    case "timestamptz": .timestamptz
    case "date": .date
    case "time": .time
    case "interval": .interval
    case "integer": .integer
    case "bigint": .bigint
    case "numeric": .anyNumeric
    case "real": .real
    case "double precision": .double
    default: nil
    }
}

/// Calls a function on arguments written `type=text`; the result as PostgreSQL's text.
private func call(
    _ name: String, _ zone: String, _ arguments: [String], rows: Int = 1
) throws -> String {
    let text = ZoneDirectory.settings(zone)
    let session = SessionSettings(timeZone: text.timeZone, zones: text.zones)
    var types: [DataType] = []
    var columns: [Column] = []
    for argument in arguments {
        let parts = argument.split(
            separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let type = try #require(namedType(String(parts[0])))
        types.append(type)
        let value = try TypeText.parse(String(parts[1]), as: type, text)
        columns.append(Column.make(type, [value]))
    }
    let function = try #require(
        TimeFunctions.timeFunctions.first { $0.name == name && $0.parameters == types },
        "\(name)(\(types))")
    let context = KernelContext(count: 1, type: function.result, session: session)
    let result = try function.kernel(columns, context)
    let shown = TypeText.text(result.value(0), function.result, text) ?? "\\N"
    return function.result == .boolean ? (shown == "t" ? "true" : "false") : shown
}

@Test(arguments: ["time-functions"])
func `functions of dates and times give what PostgreSQL gives`(_ table: String) throws {
    try PostgreSQLCases(table).check { row in
        try call(row[0], row[1], Array(row[2..<row.count - 1]))
    }
}
