import ChangeDataCapture
import Testing

@testable import rtd

@Suite struct CaptureMetricsTests {
    @Test func `the numbers of a capture are Prometheus's text`() {
        var progress = CaptureProgress()
        progress.phase = .streaming
        progress.changes = 12
        progress.position = LogSequenceNumber(100)
        progress.serverPosition = LogSequenceNumber(350)
        progress.commitMicroseconds = 1_000_000
        let text = CaptureMetrics(database: "a\"b", slot: "s").text(
            progress, wallMilliseconds: 3_500)
        let lines = text.split(separator: "\n")
        #expect(lines.contains("# TYPE rtd_cdc_changes_total counter"))
        #expect(lines.contains(#"rtd_cdc_changes_total{database="a\"b",slot="s"} 12"#))
        #expect(lines.contains(#"rtd_cdc_lag_bytes{database="a\"b",slot="s"} 250"#))
        #expect(lines.contains(#"rtd_cdc_lag_seconds{database="a\"b",slot="s"} 2.5"#))
        #expect(
            lines.contains(#"rtd_cdc_phase{database="a\"b",slot="s",phase="streaming"} 1"#))
        #expect(lines.allSatisfy { $0.hasPrefix("# ") || $0.hasPrefix("rtd_cdc_") })
    }

    @Test func `the progress line keeps the rows of the snapshot in sight`() {
        var progress = CaptureProgress()
        progress.phase = .streaming
        progress.snapshotRows = 5
        progress.changes = 1
        progress.transactions = 1
        let text = CaptureProgressLine.text(progress, progress, 1, 0)
        #expect(text.hasPrefix("5 rows read, 1 change, 0 changes/s, 1 transaction, at "))
        progress.snapshotRows = 0
        progress.changes = 2
        #expect(CaptureProgressLine.text(progress, progress, 1, 0).hasPrefix("2 changes, "))
    }

    private func reply(_ request: String) -> String? {
        MetricsExchange.reply(to: Array(request.utf8)) { "x 1\n" }
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `a request is answered when its head is there`() throws {
        let whole = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
        for end in 0..<whole.utf8.count {
            #expect(reply(String(decoding: Array(whole.utf8).prefix(end), as: UTF8.self)) == nil)
        }
        let answer = try #require(reply(whole))
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\nx 1\n"))
        #expect(answer.contains("Content-Length: 4\r\n"))
        #expect(try #require(reply("HEAD / HTTP/1.0\r\n\r\n")).hasSuffix("\r\n\r\n"))
        for (request, status) in [
            ("GET /other HTTP/1.1\r\n\r\n", "404"), ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
            ("hello\r\n\r\n", "400"),
        ] {
            #expect(try #require(reply(request)).hasPrefix("HTTP/1.1 \(status) "))
        }
    }
}
