import Aggregation
import Formats
import Foundation
import Platform
import Query
import SQL
import Testing

@testable import Query

private func bytes(_ values: [UInt8], in run: any SpillRun) throws {
    try run.append(values.span.bytes)
}

@Suite struct SpillStoreTests {
    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("rtd-spill-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    @Test func `runs share a file that has no name and keep their bytes apart`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = FileSpillStore(folder.path)
        var random = SeededRandom(seed: 3)
        var expected: [[UInt8]] = [[], [], [], []]
        let runs = try expected.map { _ in try store.makeRun() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        for _ in 0..<60 {
            let index = random.below(4)
            let piece = (0..<random.below(90_000)).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            expected[index] += piece
            try bytes(piece, in: runs[index])
        }
        for (run, all) in zip(runs, expected) {
            for _ in 0..<40 {
                let start = random.below(all.count + 1)
                let count = random.below(600_000)
                let end = min(all.count, start + count)
                #expect(try run.read(start, count) == Array(all[start..<end]))
            }
            #expect(try run.read(all.count, 10).isEmpty)
        }
    }

    @Test func `a directory that is not there is named`() {
        let store = FileSpillStore(folder.path + "/none")
        #expect {
            _ = try store.makeRun()
        } throws: { error in
            guard let error = error as? SQLError else { return false }
            return error.message.hasPrefix("could not create temporary file \"\(folder.path)/none/")
                && error.message.hasSuffix("No such file or directory")
        }
    }

    /// Rows in order of their text where the query has no order.
    private func rows(_ sql: String, memory: Int, sorted: Bool) throws -> [String] {
        var environment = SessionEnvironment(clock: SystemClock())
        environment.memoryMax = memory
        environment.temporaryDirectory = folder.path
        let session = QuerySession(environment)
        let output = KeptOutput()
        var parser = try Parser(Array(sql.utf8))
        while let statement = try parser.next() {
            _ = try session.run(statement, output: output)
        }
        let all = output.rows.map { "\($0)" }
        return sorted ? all.sorted() : all
    }

    @Test(arguments: [
        "SELECT i % 7, i, 'row ' || i FROM generate_series(1, 12000) i ORDER BY 1 DESC, 3",
        "SELECT i / 2, COUNT(*), SUM(i), MAX('x' || i) FROM generate_series(1, 12000) i GROUP BY 1",
        "SELECT x.i, y.j FROM (SELECT i, 'a' || i AS t FROM generate_series(1, 6000) i) x "
            + "LEFT JOIN (SELECT j * 2 AS j, 'a' || j * 2 AS t FROM generate_series(1, 6000) j) y "
            + "ON x.t = y.t",
        "SELECT n, COUNT(*) FROM (SELECT i % 5000 AS k, COUNT(*) AS n FROM "
            + "generate_series(1, 10000) i GROUP BY 1) q GROUP BY n ORDER BY n",
        "SELECT i, s FROM (SELECT i % 4000 AS i, SUM(i) AS s FROM generate_series(1, 9000) i "
            + "GROUP BY 1) q ORDER BY s, i OFFSET 100 ROWS FETCH FIRST 3000 ROWS ONLY",
    ])
    func `a query gives the same rows whatever its memory`(_ sql: String) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let isOrdered = sql.contains("ORDER BY")
        let expected = try rows(sql, memory: .max, sorted: !isOrdered)
        for memory in [60_000, 600_000] {
            let spilled = try rows(sql, memory: memory, sorted: !isOrdered)
            #expect(spilled == expected, "memory \(memory)")
        }
    }
}
