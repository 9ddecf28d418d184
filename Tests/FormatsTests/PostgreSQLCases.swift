import Foundation
import Testing

@testable import Formats

/// Cases that were asked of PostgreSQL 15, a line each: what is done, its arguments and the result,
/// separated by tabs. A result that begins with `!` is an error: its SQLSTATE, then its message.
struct PostgreSQLCases {
    let rows: [[String]]

    init(_ name: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("PostgreSQL")
        let text = try String(
            contentsOf: folder.appendingPathComponent(name + ".tsv"), encoding: .utf8)
        rows = text.split(separator: "\n").map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false)
                .map { Self.unescape(String($0)) }
        }
    }

    /// COPY writes a backslash as two, a tab as `\t` and a newline as `\n`.
    private static func unescape(_ text: String) -> String {
        guard text.contains("\\") else { return text }
        var result = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                result.append(character == "t" ? "\t" : character == "n" ? "\n" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                result.append(character)
            }
        }
        return result
    }

    /// Compares what `compute` gives, or the error that it throws, with each row's last column;
    /// shows the first differences.
    func check(_ compute: ([String]) throws -> String) {
        var differences: [String] = []
        for row in rows {
            guard let wanted = row.last else { continue }
            let found: String
            do {
                found = try compute(row)
            } catch let error as SQLError {
                found = "!\(error.state.rawValue) \(error.message)"
            } catch {
                found = "\(error)"
            }
            if found != wanted {
                differences.append("\(row.dropLast()): \(found), PostgreSQL: \(wanted)")
            }
        }
        #expect(rows.count > 10)
        #expect(
            differences.isEmpty,
            "\(differences.count) of \(rows.count)\n\(differences.prefix(40).joined(separator: "\n"))"
        )
    }
}
