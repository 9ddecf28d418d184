import Formats
import Testing

@testable import Aggregation

/// Casts of values of every type to every type, as PostgreSQL 15 makes them.
@Suite struct CastTableTests {
    private static let types: [String: DataType] = [
        "boolean": .boolean, "smallint": .smallint, "integer": .integer, "bigint": .bigint,
        "real": .real, "double precision": .double, "numeric": .anyNumeric,
        "numeric(6,2)": .numeric(precision: 6, scale: 2),
        "numeric(4,1)": .numeric(precision: 4, scale: 1),
        "numeric(3,-1)": .numeric(precision: 3, scale: -1),
        "text": .text, "varchar": .varchar(nil), "varchar(2)": .varchar(2),
        "varchar(5)": .varchar(5), "char": .char(1), "char(3)": .char(3), "char(5)": .char(5),
        "bytea": .bytea, "date": .date, "time": .time, "timestamp": .timestamp,
        "timestamptz": .timestamptz, "interval": .interval, "uuid": .uuid, "json": .json,
        "jsonb": .jsonb,
    ]

    private func type(_ name: String) throws -> DataType {
        if name.hasSuffix("[]") { return .array(try type(String(name.dropLast(2)))) }
        return try #require(Self.types[name], "\(name)")
    }

    private func cast(_ column: Column, to type: DataType) throws -> Column {
        guard let kernel = Cast.kernel(from: column.type, to: type) else {
            throw SQLError(
                "cannot cast type \(column.type.baseName) to \(type.baseName)", .cannotCoerce)
        }
        let context = KernelContext(count: 1, type: type, session: SessionSettings())
        return try kernel(column, context)
    }

    @Test func `casts give what PostgreSQL gives`() throws {
        try PostgreSQLCases("casts").check { row in
            let source = try type(row[0])
            let value = Column.make(.text, [.text(row[1])])
            let result = try cast(try cast(value, to: source), to: try type(row[2]))
            guard !result.isNull(0) else { return "NULL" }
            let text = try cast(result, to: .text)
            guard case .text(let shown) = text.value(0) else { return "no text" }
            return shown
        }
    }
}
