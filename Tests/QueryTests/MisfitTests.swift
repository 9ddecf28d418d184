import Formats
import Foundation
import Platform
import SQL
import Testing

@testable import Query

/// Keeps the rows of statements, each as its JSON.
final class RowsOutput: ResultOutput {
    var rows: [[Value]] = []
    var columns: [Field] = []
    var begins = 0
    var isClosed = false

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {
        self.columns = columns
        begins += 1
    }
    func write(_ batch: Batch) {
        for row in 0..<batch.count { rows.append(batch.row(row)) }
    }
    func endStep() {}
    func flush() {}
    func end() {}
}

/// A folder of files that sessions of a test read, gone with the object.
final class InputFolder {
    let folder: URL
    let notes = Notes()

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("rtd-inputs-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ name: String, _ text: String) throws {
        try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    /// Runs statements in which `@` stands for the folder.
    func run(
        _ text: String, _ change: (inout SessionEnvironment) -> Void = { _ in }
    ) throws -> RowsOutput {
        let notes = notes
        var environment = SessionEnvironment(clock: SystemClock()) { notes.add($0) }
        change(&environment)
        let session = QuerySession(environment)
        var parser = try Parser(
            Array(text.replacingOccurrences(of: "@", with: folder.path).utf8))
        let output = RowsOutput()
        while let statement = try parser.next() {
            _ = try session.run(statement, output: output)
        }
        return output
    }
}

@Suite struct MisfitTests {
    /// Values that are parsed once a batch is full, behind the rows that the sample looks at.
    static let cases = [
        ("\"2024-01-01\"", "\"n/a\"", "2024-01-01"),
        ("\"2024-01-01\"", "\"2024-01-01T00:00:00\"", "2024-01-01"),
        ("\"2024-01-01T00:00:00\"", "\"\"", "2024-01-01T00:00:00"),
        ("\"2024-01-01T00:00:00\"", "\"2024-01-01T00:00:00Z\"", "2024-01-01T00:00:00"),
        ("[1]", "[\"a\"]", "[1]"), ("[1]", "5", "[1]"),
        ("12345678901234567890", "\"x\"", "12345678901234567890"),
    ]

    @Test(arguments: cases)
    func `a misfit in the last rows of a file loses none and ends`(
        _ fitting: String, _ misfit: String, _ shown: String
    ) throws {
        let inputs = try InputFolder()
        let row = "{\"d\":\(fitting)}\n"
        try inputs.write(
            "a.ndjson", String(repeating: row, count: 5_000) + "{\"d\":\(misfit)}\n" + row)
        #expect(
            try inputs.run("select count(d), count(*) from '@/a.ndjson'").rows
                == [[.integer(5_002), .integer(5_002)]])
        #expect(inputs.notes.all.filter { $0.contains("line 5001, column \"d\"") }.count == 1)
        let error = #expect(throws: SQLError.self) {
            try inputs.run("select count(d) from '@/a.ndjson'") { $0.isStrict = true }
        }
        #expect(error?.message.contains("line 5001, column \"d\"") == true)
    }

    @Test(arguments: cases)
    func `a misfit in the last rows of a pipe loses none`(
        _ fitting: String, _ misfit: String, _ shown: String
    ) throws {
        let inputs = try InputFolder()
        let rows = ["{\"d\":\(fitting)}", "{\"d\":\(misfit)}", "{\"d\":\(fitting)}"]
        try inputs.pipe("p", [rows[0] + "\n", rows[1] + "\n" + rows[2] + "\n"])
        let output = try inputs.run("select count(d), count(*) from '@/p'")
        #expect(output.rows == [[.integer(3), .integer(3)]])
    }

    @Test func `CSV rows behind one that is skipped in a full batch are read`() throws {
        let inputs = try InputFolder()
        // The last row of the first batch is skipped, and no row of it is left.
        let rows = (1...2_047).map { "\($0),2024-01-01" } + ["2048,n/a"]
        let more = (2_049...2_060).map { "\($0),2024-01-01" }
        let text = (["id,d"] + rows + more).joined(separator: "\n") + "\n"
        try inputs.write("a.csv", text)
        let output = try inputs.run(
            "select id, d from '@/a.csv'; select count(d) from '@/a.csv'"
        ) { $0.onError = .skip }
        #expect(output.rows.last == [.integer(2_060)])
    }
}

extension InputFolder {
    /// A named pipe that the pieces come through.
    func pipe(_ name: String, _ pieces: [String]) throws {
        let path = folder.appendingPathComponent(name).path
        #expect(mkfifo(path, 0o600) == 0)
        Thread.detachNewThread {
            guard let file = FileHandle(forWritingAtPath: path) else { return }
            for piece in pieces { file.write(Data(piece.utf8)) }
            try? file.close()
        }
    }
}
