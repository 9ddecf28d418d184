import Bytes
import Formats
import Foundation
import Testing

@testable import rtd

@Suite struct NexmarkTests {
    private static let fixtures = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/nexmark")

    /// Words without comments and line breaks.
    private func words(_ text: String) -> [Substring] {
        text.split(separator: "\n").filter { !$0.hasPrefix("--") }
            .flatMap { $0.split(separator: " ") }
    }

    @Test func `the benchmark's queries are those of the fixtures`() throws {
        for name in NexmarkQueries.names {
            let file = Self.fixtures.appendingPathComponent("\(name).sql")
            let text = try #require(NexmarkQueries.text(name))
            #expect(words(text) == words(try String(contentsOf: file, encoding: .utf8)), "\(name)")
        }
        let file = Self.fixtures.appendingPathComponent("ddl.sql")
        let path = "data/events.ndjson"
        let text =
            NexmarkQueries.definitions(path, isEndless: false)
            + NexmarkQueries.sideInput("data/side_input.csv")
        #expect(words(text) == words(try String(contentsOf: file, encoding: .utf8)))
    }

    private func lines(_ count: Int, _ kind: BenchDataSet.Kind, seed: UInt64 = 1) -> [UInt8] {
        var lines = EventLines(kind: kind, seed: seed, rate: 10_000)
        var buffer = OutputBuffer()
        for event in 0..<count { lines.append(event, to: &buffer) }
        return (0..<buffer.count).map { buffer.bytes.byte(at: $0) }
    }

    @Test func `a seed makes the same events on every machine`() {
        let sums: [(BenchDataSet.Kind, UInt32)] = [(.nexmark, 0x593f_5a9c), (.web, 0x7147_21a5)]
        for (kind, sum) in sums {
            let bytes = lines(5_000, kind)
            #expect(CRC32C.checksum(bytes.rawSpan) == sum)
            #expect(bytes != lines(5_000, kind, seed: 2))
        }
    }

    @Test func `events have the mean sizes and shares of the benchmark`() throws {
        let text = lines(10_000, .nexmark)
        #expect((320...345).contains(text.count / 10_000))
        #expect((266...276).contains(lines(10_000, .web).count / 10_000))
        var counts = [0, 0, 0]
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let event = try #require(
                try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            let kind = try #require(event["event_type"] as? Int)
            counts[kind] += 1
            for (place, member) in ["person", "auction", "bid"].enumerated() {
                #expect((event[member] is NSNull) == (place != kind))
            }
        }
        #expect(counts == [200, 600, 9_200])
    }
}
