import Aggregation
import Formats
import Foundation
import Platform
import Query
import SQL
import Testing

/// Files and tables of random rows, and a session that verifies queries over them.
///
/// `ev` is a file of events out of order within five seconds; `a`, `b`, `c` are tables with nulls
/// and repeated rows.
final class VerifyFixture {
    let folder: URL
    private var random: SeededRandom

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("rtd-verify-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write("ev.ndjson", events(600))
        try write("late.ndjson", events(60))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func write(_ name: String, _ text: String) throws {
        try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    private func events(_ count: Int) -> String {
        var lines = ""
        for index in 0..<count {
            // Times run ahead by 0.2 s a row, and lie up to five seconds back.
            let milliseconds = index * 200 + 10_000 - random.below(5_000)
            let seconds = Double(milliseconds) / 1000
            let minutes = Int(seconds) / 60
            let clock = "\(two(minutes)):\(two(Int(seconds) % 60)).\(three(milliseconds % 1000))"
            let stamp = "2024-01-01T00:" + clock
            let value = random.below(50)
            let price = Double(random.below(10_000)) / 7
            lines += "{\"ts\":\"\(stamp)\",\"k\":\"k\(random.below(5))\",\"v\":\(value),"
            lines += "\"d\":\(price),\"id\":\(index)}\n"
        }
        return lines
    }

    private func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    private func three(_ value: Int) -> String {
        String(repeating: "0", count: 3 - "\(value)".count) + "\(value)"
    }

    private func value(_ range: Int) -> String {
        random.chance(1, in: 8) ? "NULL" : "\(random.below(range))"
    }

    private func table(_ name: String, _ rows: Int) -> String {
        var list: [String] = []
        for index in 0..<rows {
            let text = random.chance(1, in: 8) ? "NULL" : "'s\(random.below(4))'"
            let number = "\(value(1000))::double precision / 7"
            list.append("(\(index), \(value(6)), \(value(20)), \(text), \(number))")
        }
        return "CREATE TABLE \(name) (id bigint, k bigint, v bigint, s text, d double precision); "
            + "INSERT INTO \(name) VALUES \(list.joined(separator: ", "))"
    }

    /// A session with the tables, in which queries are verified; notes are collected.
    func session(seed: UInt64, notes: Notes) throws -> QuerySession {
        var environment = SessionEnvironment(clock: SystemClock()) { notes.add($0) }
        // With every other seed some rows are late.
        environment.time = DeclaredTime(column: "ts", delay: seed % 2 == 0 ? 2_000_000 : 5_000_000)
        environment.isVerifying = true
        environment.verifySeed = seed
        let session = QuerySession(environment)
        for setup in [table("a", 40), table("b", 25), table("c", 8), table("e", 0)] {
            let cut = setup.components(separatedBy: "; ")
            for text in cut where !text.hasSuffix("VALUES ") { try run(text, session) }
        }
        return session
    }

    /// `'ev'` stands for the file's path.
    func run(_ text: String, _ session: QuerySession) throws {
        let path = folder.appendingPathComponent("ev.ndjson").path
        let late = folder.appendingPathComponent("late.ndjson").path
        let sql = text.replacingOccurrences(of: "'ev'", with: "'\(path)'")
            .replacingOccurrences(of: "'late'", with: "'\(late)'")
        var parser = try Parser(Array(sql.utf8))
        while let statement = try parser.next() {
            _ = try session.run(statement, output: Discarded())
        }
    }
}

/// Notes of a session, from whichever thread.
final class Notes: @unchecked Sendable {
    private let lock = Lock()
    private var list: [String] = []

    func add(_ note: String) { lock.withLock { list.append(note) } }
    var all: [String] { lock.withLock { list } }
}
