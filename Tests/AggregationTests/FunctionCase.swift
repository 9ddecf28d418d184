import Bytes
import Formats

@testable import Aggregation

/// A call of a function and what PostgreSQL makes of it, as a line of
/// `name, type=value ..., =>, type, result` between tabs. `~` stands for null; an error is the type
/// `!` and its state and message.
struct FunctionCase {
    let line: String
    let name: String
    var arguments: [(type: DataType, text: String)] = []
    var type = ""
    var result = ""

    init?(_ line: String) {
        self.line = line
        let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard let arrow = parts.firstIndex(of: "=>"), parts.count >= arrow + 2 else { return nil }
        name = parts[0]
        for part in parts[1..<arrow] {
            guard let equals = part.firstIndex(of: "="),
                let type = FunctionCase.types[String(part[..<equals])]
            else { return nil }
            arguments.append((type, String(part[part.index(after: equals)...])))
        }
        type = parts[arrow + 1]
        result = parts.count > arrow + 2 ? parts[(arrow + 2)...].joined(separator: "\t") : ""
    }

    static let types: [String: DataType] = {
        let all: [DataType] = [
            .unknown, .boolean, .smallint, .integer, .bigint, .real, .double, .anyNumeric, .text,
            .varchar(nil), .char(5), .bytea, .date, .time, .timestamp, .timestamptz, .interval,
            .uuid, .json, .jsonb, .array(.integer), .array(.text), .array(.bigint),
            .array(.double), .array(.anyNumeric),
        ]
        return Dictionary(uniqueKeysWithValues: all.map { ("\($0)", $0) })
    }()

    /// What our function gives, in the same form. `asConstant`: all arguments are constants, so
    /// that both ways through the kernels are taken.
    func outcome(asConstant: Bool, _ settings: SessionSettings) -> String {
        do {
            var values: [Expression] = []
            for (type, text) in arguments {
                let value: Value = text == "~" ? .null : .text(text)
                let literal = Expression.literal(value, .unknown)
                values.append(
                    type == .unknown ? literal : .cast(literal, type, isTry: false))
            }
            let function = try FunctionRegistry.scalar(name, values.map(\.type))
            var columns: [Column] = []
            for (value, type) in zip(values, function.parameters) {
                let cast = value.type == type ? value : .cast(value, type, isTry: false)
                let constant = try Evaluator.value(cast, settings: settings)
                columns.append(Column.make(type, [constant, .null, constant]))
            }
            let inputs = columns.indices.map { Expression.column($0, columns[$0].type) }
            let call = Expression.call(
                function,
                asConstant
                    ? columns.map { .literal($0.value(0), $0.type) } : inputs,
                function.result)
            let batch = Batch(columns, count: 3)
            let result = try Evaluator(call, settings: settings).evaluate(batch)
            return "\(function.result.baseName)\t\(text(result, settings))"
        } catch {
            return "!\t\(error.state.rawValue) \(error.message)"
        }
    }

    private func text(_ column: Column, _ settings: SessionSettings) -> String {
        if column.isNull(2) { return "~" }
        let writer = TextWriter(column, settings.text)
        var buffer = OutputBuffer()
        writer.append(2, to: &buffer)
        return buffer.bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
