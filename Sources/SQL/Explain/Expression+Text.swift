import Aggregation
import Formats

extension Expression {
    /// The expression as SQL, with the names of the input's columns.
    func text(_ names: [String]) -> String {
        func all(_ list: [Expression]) -> String {
            list.map { $0.text(names) }.joined(separator: ", ")
        }
        switch self {
        case .column(let index, _):
            guard index < names.count, !names[index].isEmpty else { return "#\(index + 1)" }
            return names[index]
        case .literal(let value, let type): return value.text(type)
        case .call(let function, let arguments, _):
            if function.name.hasPrefix("epoch_bound"), arguments.count == 3 {
                // What it is the moment of.
                guard case .literal(.integer(0), _) = arguments[2] else {
                    return "epoch_time(\(arguments[0].text(names)) + \(arguments[2].text(names)))"
                }
                return "epoch_time(\(arguments[0].text(names)))"
            }
            return Expression.call(function.name, arguments.map { $0.text(names) })
        case .cast(let inner, let type, let isTry):
            return isTry
                ? "TRY_CAST(\(inner.text(names)) AS \(type))" : "\(inner.text(names))::\(type)"
        case .choice(let branches, let otherwise, _):
            let list = branches.map {
                " WHEN \($0.condition.text(names)) THEN \($0.result.text(names))"
            }.joined()
            let rest = otherwise.map { " ELSE \($0.text(names))" } ?? ""
            return "CASE\(list)\(rest) END"
        case .coalesce(let list, _): return "COALESCE(\(all(list)))"
        case .and(let list):
            return "(" + list.map { $0.text(names) }.joined(separator: " AND ") + ")"
        case .or(let list):
            return "(" + list.map { $0.text(names) }.joined(separator: " OR ") + ")"
        case .not(.isNull(let inner)): return "(\(inner.text(names)) IS NOT NULL)"
        case .not(let inner): return "(NOT \(inner.text(names)))"
        case .isNull(let inner): return "(\(inner.text(names)) IS NULL)"
        case .isDistinct(let a, let b):
            return "(\(a.text(names)) IS DISTINCT FROM \(b.text(names)))"
        case .isIn(let inner, let values, let hasNull):
            var list = values.prefix(20).map { $0.text(inner.type) }
            if values.count > 20 { list.append("...") }
            if hasNull { list.append("NULL") }
            return "(\(inner.text(names)) IN (\(list.joined(separator: ", "))))"
        case .member(let inner, let index, _):
            if case .record(let fields) = inner.type, index < fields.count {
                return "\(inner.text(names)).\(fields[index].name)"
            }
            return "\(inner.text(names)).\(index + 1)"
        case .array(let list, _): return "ARRAY[\(all(list))]"
        case .record(let list, _): return "ROW(\(all(list)))"
        case .outer(let index, let depth, _): return "outer\(depth).#\(index + 1)"
        case .subquery: return "(subquery)"
        case .now: return "now()"
        }
    }

    private static func call(_ name: String, _ arguments: [String]) -> String {
        let isSymbol = name.utf8.first.map { !($0 | 0x20).isLetter && $0 != 0x5F } ?? false
        let words = ["like", "ilike", "similar to"]
        guard isSymbol || words.contains(name) else {
            return "\(name)(\(arguments.joined(separator: ", ")))"
        }
        let word = isSymbol ? name : name.uppercased()
        switch arguments.count {
        case 1: return "(\(word) \(arguments[0]))"
        case 2: return "(\(arguments[0]) \(word) \(arguments[1]))"
        default: return "\(name)(\(arguments.joined(separator: ", ")))"
        }
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { self >= 0x61 && self <= 0x7A }
}

extension Value {
    /// As a literal of SQL.
    func text(_ type: DataType) -> String {
        switch self {
        case .null: return "NULL"
        case .boolean(let value): return value ? "true" : "false"
        case .integer(let value) where type.isInteger: return "\(value)"
        default: break
        }
        let cast = Expression.cast(.literal(self, type), .text, isTry: false)
        let written = try? Evaluator.value(cast, settings: SessionSettings())
        guard case .text(let text)? = written else { return "\(self)" }
        if type.isNumber { return text }
        let quoted = text.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "''")
        return type.isText ? "'\(quoted)'" : "'\(quoted)'::\(type)"
    }
}
