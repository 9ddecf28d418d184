import Testing

@testable import ChangeDataCapture

@Suite struct SourceServerTests {
    private func gap(_ known: String, _ now: String, _ end: UInt64) throws -> String? {
        let history = SourceServer.history(
            "1\t0/10\tno recovery target specified\n\n2\t0/20\tbefore transaction 7\nx\ty\n")
        return try #require(SourceServer(known)).gap(
            to: try #require(SourceServer(now)), history: history, behind: LogSequenceNumber(end))
    }

    @Test func `a server goes on with the log that it comes from`() throws {
        for (known, now, end) in [
            ("7/1", "7/1", 99), ("7/1", "7/2", 16), ("7/1", "7/3", 16), ("7/2", "7/3", 32),
            // Of a standby nobody knows it.
            ("7/0", "7/3", 99), ("7/2", "7/0", 99),
        ] {
            #expect(try gap(known, now, UInt64(end)) == nil, "\(known) \(now) \(end)")
        }
    }

    @Test func `what another server has written is another log`() throws {
        #expect(try gap("7/1", "8/1", 1)?.contains("another server") == true)
        let left = try gap("7/1", "7/3", 17)
        #expect(left?.contains("left its timeline 1 before that, at 0/10") == true)
        #expect(try gap("7/2", "7/3", 33)?.contains("at 0/20") == true)
        #expect(try gap("7/4", "7/3", 1)?.contains("timeline 4, which") == true)
    }

    @Test func `the commit of what is there in part must be in the log that is gone on with`() {
        var position = CapturePosition(end: LogSequenceNumber(10))
        #expect(position.reach == LogSequenceNumber(10))
        position.partial = .init(commit: LogSequenceNumber(16), changes: 3)
        // A log that was left at 16 has no commit there.
        #expect(position.reach > LogSequenceNumber(16))
    }

    @Test func `it is written and read`() {
        let server = SourceServer(system: "7412345678901234567", timeline: 2)
        #expect(SourceServer(server.description) == server)
        for text in ["", "7", "/1", "7/", "7/x", "7/1/2"] { #expect(SourceServer(text) == nil) }
    }
}
