import LogStorage
import Platform
import Records
import Testing

@testable import Streaming

@Suite struct CompactedTopicTests {
    private static let configs = [
        "cleanup.policy": "compact", "segment.bytes": "400", "min.cleanable.dirty.ratio": "0.01",
    ]

    private func values(_ rig: BrokerRig) throws -> [Int64: String] {
        let log = try #require(rig.broker.topic("t")?.partition(0)).log
        var found: [Int64: String] = [:]
        var next = log.startOffset
        while let slice = try log.read(
            from: next, maxBytes: 1 << 20, upTo: log.highWatermark, minOneBatch: true)
        {
            let bytes = try log.load(slice).read()
            var position = 0
            while position < bytes.count,
                let header = RecordBatchHeader(bytes.span.bytes.extracting(position..<bytes.count))
            {
                let end = position + header.totalSize
                let records = bytes.span.bytes.extracting(position + RecordBatchHeader.size..<end)
                var iterator = RecordIterator(header, records: records)
                while let record = iterator.next() {
                    found[record.offset] = record.value.map {
                        String(decoding: records.extracting($0).copied(), as: UTF8.self)
                    }
                }
                position = end
            }
            next = slice.nextOffset
        }
        return found
    }

    @Test func `a compacted topic keeps the last value of each key, also after a restart`() throws {
        let rig = try BrokerRig()
        _ = rig.create(.init(name: "t", partitions: 1, configs: Self.configs))
        for i in 0..<60 { _ = rig.produce(["\(i)"], to: "t", key: "k\(i % 3)") }
        let end = try #require(rig.broker.topic("t")?.partition(0)).log.endOffset
        rig.broker.compactNow()
        let after = try values(rig)
        #expect(after.count < 20)
        #expect(after[57] == "57" && after[58] == "58" && after[59] == "59")
        try rig.restart()
        #expect(try values(rig) == after)
        #expect(rig.broker.topic("t")?.partition(0)?.log.endOffset == end)
    }

    @Test func `a topic with the policy delete is left alone`() throws {
        let rig = try BrokerRig()
        var configs = Self.configs
        configs["cleanup.policy"] = "delete"
        _ = rig.create(.init(name: "t", partitions: 1, configs: configs))
        for i in 0..<30 { _ = rig.produce(["\(i)"], to: "t", key: "k") }
        rig.broker.compactNow()
        #expect(try values(rig).count == 30)
    }

    @Test func `a compacted topic may become one that is not`() throws {
        let rig = try BrokerRig()
        _ = rig.create(.init(name: "t", partitions: 1, configs: Self.configs))
        for i in 0..<60 { _ = rig.produce(["\(i)"], to: "t", key: "k") }
        rig.broker.compactNow()
        let before = try values(rig)
        _ = rig.result {
            rig.broker.setConfigs([:], ofTopic: "t", validateOnly: false, done: $0)
        }
        #expect(try values(rig) == before)
        try rig.restart()
        #expect(try values(rig) == before)
    }
}
