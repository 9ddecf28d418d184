import Bytes
import Platform
import Records
import Testing

@testable import Streaming

@Suite struct BrokerTests {
    @Test func `a topic keeps its id, partitions and configs across a restart`() throws {
        let rig = try BrokerRig()
        let made = rig.create(
            Broker.NewTopic(name: "t", partitions: 3, configs: ["retention.ms": "1000"]))?.success
        try rig.restart()
        let found = try #require(rig.broker.topic("t"))
        #expect(found.id == made?.id)
        #expect(found.partitions.count == 3)
        #expect(found.configs == ["retention.ms": "1000"])
        #expect(found.settings.retentionMilliseconds == 1_000)
        #expect(rig.broker.topic(id: found.id)?.name == "t")
    }

    @Test func `a topic that is created anew gets another id`() throws {
        let rig = try BrokerRig()
        let first = rig.create(Broker.NewTopic(name: "t"))?.success?.id
        #expect(rig.result { rig.broker.deleteTopic("t", done: $0) }?.success != nil)
        #expect(rig.broker.topic("t") == nil)
        let second = rig.create(Broker.NewTopic(name: "t"))?.success?.id
        #expect(first != nil && second != nil && first != second)
    }

    @Test func `num.partitions counts where a topic does not say`() throws {
        let rig = try BrokerRig()
        #expect(rig.create(Broker.NewTopic(name: "t"))?.success?.partitions.count == 4)
        let other = try BrokerRig(["num.partitions": "2"])
        #expect(other.create(Broker.NewTopic(name: "t"))?.success?.partitions.count == 2)
    }

    private static let impossible: [(Broker.NewTopic, Int16)] = [
        (Broker.NewTopic(name: "a/b"), 17), (Broker.NewTopic(name: ".."), 17),
        (Broker.NewTopic(name: String(repeating: "x", count: 250)), 17),
        (Broker.NewTopic(name: "t", partitions: 0), 37),
        (Broker.NewTopic(name: "t", replicationFactor: 3), 38),
        (Broker.NewTopic(name: "t", configs: ["retention.ms": "soon"]), 40),
        (Broker.NewTopic(name: "t", configs: ["retention.sm": "1"]), 40),
    ]

    @Test(arguments: impossible)
    func `a topic that cannot be is refused with Kafka's code`(
        topic: Broker.NewTopic, code: Int16
    ) throws {
        let rig = try BrokerRig()
        #expect(rig.create(topic)?.error?.code == code)
        #expect(rig.broker.topics.filter { !$0.isInternal }.isEmpty)
    }

    @Test func `retention waits when the clock was set, until it goes on as it should`() throws {
        let (hour, year): (Int64, Int64) = (3_600_000, 31_536_000_000)
        let rig = try BrokerRig(["log.retention.hours": "24"])
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 1))
        let log = try #require(rig.broker.topic("t")?.partition(0)?.log)
        let now = rig.clock.wallMilliseconds
        func check(after milliseconds: Int64) -> Int64 {
            rig.clock.advance(milliseconds: milliseconds)
            rig.broker.applyRetention()
            return log.startOffset
        }
        _ = rig.produce(["a"], to: "t")
        #expect(check(after: hour) == 0)
        // Wrong for a moment: nothing goes, neither now nor once it is right again.
        rig.clock.jump(toWallMilliseconds: now + 10 * year)
        #expect(check(after: hour) == 0)
        rig.clock.jump(toWallMilliseconds: now + 2 * hour)
        #expect(check(after: hour) == 0)
        #expect(check(after: hour) == 0)
        #expect(rig.reports.filter { $0.contains("clock was set") }.count == 2)
        // A small step is none.
        rig.clock.jump(toWallMilliseconds: rig.clock.wallMilliseconds + 50_000)
        #expect(check(after: 24 * hour) == 1)
        // Right from now on: what is old by it goes with the next check.
        _ = rig.produce(["b"], to: "t")
        rig.clock.jump(toWallMilliseconds: now + 10 * year)
        #expect(check(after: hour) == 1)
        #expect(check(after: hour) == 2)
        #expect(rig.reports.filter { $0.contains("clock was set") }.count == 3)
    }

    @Test(arguments: [nil] + (1...16).map { Optional($0) })
    func `what a new directory has acknowledged survives a power cut`(killedAtSync: Int?) throws {
        for seed in UInt64(0)..<8 {
            let rig = try BrokerRig(killedAtSync: killedAtSync)
            let made = rig.create(Broker.NewTopic(name: "t", partitions: 2))?.success
            #expect(rig.produce(["a"], to: "t", partition: 1)?.success != nil)
            try rig.crash(seed: seed)
            let found = try #require(rig.broker.topic("t"), "seed \(seed)")
            #expect(found.id == made?.id)
            #expect(found.partition(1)?.log.endOffset == 1, "seed \(seed)")
        }
    }

    @Test func `a name is taken once`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "t"))
        #expect(rig.create(Broker.NewTopic(name: "t"))?.error == .topicExists("t"))
    }

    @Test func `what was produced is there after a restart`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 1))
        #expect(rig.produce(["a", "b"], to: "t")?.success?.baseOffset == 0)
        #expect(rig.produce(["c"], to: "t")?.success?.baseOffset == 2)
        try rig.restart()
        let partition = try #require(rig.broker.topic("t")?.partition(0))
        #expect(partition.log.highWatermark == 3)
        let slice = try partition.read(from: 1, bytesMax: 1_000, atLeastOne: true)
        // Offset 1 lies inside the first batch, which comes as a whole.
        #expect(slice?.baseOffset == 0)
    }

    @Test func `a waiting fetch is woken by an append, once`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 1))
        let partition = try #require(rig.broker.topic("t")?.partition(0))
        let woken = Box<Int>()
        woken.set(0)
        let wait = FetchWait { woken.set((woken.value ?? 0) + 1) }
        partition.add(wait)
        #expect(woken.value == 0)
        _ = rig.produce(["a"], to: "t")
        _ = rig.produce(["b"], to: "t")
        #expect(woken.value == 1)
    }

    @Test func `producer ids never come twice, not even after a restart`() throws {
        let rig = try BrokerRig()
        var seen: Set<Int64> = []
        for _ in 0..<3 {
            for _ in 0..<5 {
                let id = rig.result { rig.broker.allocateProducerID(done: $0) }?.success
                #expect(seen.insert(try #require(id)).inserted)
            }
            try rig.restart()
        }
    }

    @Test func `a topic's configs change and fall back to the broker's`() throws {
        let rig = try BrokerRig(["log.retention.hours": "1"])
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 1))
        #expect(rig.broker.topic("t")?.settings.retentionMilliseconds == 3_600_000)
        _ = rig.result {
            rig.broker.setConfigs(
                ["retention.ms": "5"], ofTopic: "t", validateOnly: false, done: $0)
        }
        #expect(rig.broker.topic("t")?.settings.retentionMilliseconds == 5)
        let done = rig.result {
            rig.broker.setBrokerConfigs(
                ["message.max.bytes": "100"], validateOnly: false, done: $0)
        }
        #expect(done?.error == nil)
        #expect(rig.broker.topic("t")?.settings.maxMessageBytes == 100)
        let error = rig.produce([String(repeating: "x", count: 200)], to: "t")?.error
        #expect(error?.code == 10)
    }

    @Test func `partitions are added by one request after the other`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 2))
        let first = Box<Result<Topic, StreamingError>>()
        rig.broker.createPartitions("t", count: 6, validateOnly: false) { first.set($0) }
        let second = rig.result {
            rig.broker.createPartitions("t", count: 4, validateOnly: false, done: $0)
        }
        #expect(first.value?.success?.partitions.count == 6)
        #expect(second?.error?.code == 37)
        try rig.restart()
        #expect(rig.broker.topic("t")?.partitions.count == 6)
    }

    @Test func `each of two changes at once builds on the other`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 2))
        let broker = rig.broker
        func add(_ name: String, _ done: @escaping Broker.TopicDone) {
            broker.inTurn(ChangeTarget(topic: "t"), done) { done in
                let configs = broker.topic("t")?.configs ?? [:]
                broker.setConfigs(
                    configs.merging([name: "7"]) { $1 }, ofTopic: "t", validateOnly: false,
                    done: done)
            }
        }
        add("retention.ms") { _ in }
        broker.createPartitions("t", count: 4, validateOnly: false) { _ in }
        #expect(rig.result { add("flush.messages", $0) }?.error == nil)
        for _ in 0..<2 {
            let topic = try #require(rig.broker.topic("t"))
            #expect(topic.configs == ["retention.ms": "7", "flush.messages": "7"])
            #expect(topic.partitions.count == 4)
            #expect(topic.settings.retentionMilliseconds == 7)
            try rig.restart()
        }
    }

    @Test func `a topic that is deleted stays deleted whatever is asked of it meanwhile`() throws {
        let rig = try BrokerRig()
        let first = try #require(rig.create(Broker.NewTopic(name: "t", partitions: 1))?.success)
        rig.broker.deleteTopic("t") { _ in }
        let altered = Box<Result<Topic, StreamingError>>()
        rig.broker.createPartitions("t", count: 2, validateOnly: false) { altered.set($0) }
        let second = try #require(rig.create(Broker.NewTopic(name: "t", partitions: 1))?.success)
        #expect(altered.value?.error?.code == 3)
        let byID = rig.result { rig.broker.deleteTopic("t", id: first.id, done: $0) }
        #expect(byID?.error?.code == 100)
        _ = rig.produce(["a", "b"], to: "t")
        // What versions before wrote: a change behind the removal.
        try rig.broker.metadata.write([
            MetadataRecord.topic(id: first.id, name: "t", partitions: 2, configs: [:]).record
        ])
        try rig.restart()
        let topic = try #require(rig.broker.topic("t"))
        #expect(topic.id == second.id)
        #expect(topic.partitions[0].log.endOffset == 2)
    }

    @Test func `what acks=1 has answered is seen, and only a log's first record waits`() throws {
        let rig = try BrokerRig()
        let topic = try #require(rig.create(Broker.NewTopic(name: "t", partitions: 1))?.success)
        let partition = topic.partitions[0]
        for number in Int64(1)...3 {
            let readable = Box<Int64>()
            var batch = BrokerRig.batch(["a"], key: nil, timestamp: rig.clock.wallMilliseconds)
            batch.withUnsafeMutableBytes {
                partition.produce($0, acks: 1, settings: topic.settings) { _ in
                    readable.set(partition.log.highWatermark)
                }
            }
            // From the second one on nothing is waited for.
            if number == 1 { rig.workers.runAll() }
            #expect(readable.value == number)
        }
    }

    @Test func `partitions are made on workers`() throws {
        let rig = try BrokerRig()
        let made = Box<Result<Topic, StreamingError>>()
        rig.broker.createTopic(Broker.NewTopic(name: "t", partitions: 40), validateOnly: false) {
            made.set($0)
        }
        #expect(try rig.fileSystem.list("/data/topics").count == rig.broker.topics.count)
        rig.workers.runAll()
        #expect(made.value?.success?.partitions.map(\.index) == Array(0..<40))
    }

    @Test func `a topic is removed without a sync for each partition, and by another worker`()
        throws
    {
        let rig = try BrokerRig()
        let topic = try #require(rig.create(Broker.NewTopic(name: "t", partitions: 40))?.success)
        for partition in Int32(0)..<40 { _ = rig.produce(["a"], to: "t", partition: partition) }
        let syncs = rig.fileSystem.count(.sync)
        let path = PartitionOpener.directory("/data", topic.id)
        let gone = Box<Bool>()
        let disk = rig.fileSystem
        rig.broker.deleteTopic("t") { _ in gone.set(!disk.exists(path)) }
        // The round of syncs in which its record becomes durable.
        rig.workers.runOne()
        #expect(rig.broker.topic("t") == nil && rig.fileSystem.exists(path))
        rig.workers.runAll()
        #expect(gone.value == true)
        #expect(rig.fileSystem.count(.sync) - syncs < 10)
    }

    @Test func `partitions that nobody wrote to cost a stop no sync`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 40))
        for partition in Int32(0)..<40 { _ = rig.produce(["a"], to: "t", partition: partition) }
        try rig.restart()
        _ = rig.produce(["b"], to: "t", partition: 7)
        let syncs = rig.fileSystem.count(.sync)
        rig.broker.close()
        #expect(rig.fileSystem.count(.sync) - syncs < 20)
        try rig.restart()
        let topic = try #require(rig.broker.topic("t"))
        #expect(topic.partitions.map(\.log.endOffset) == (0..<40).map { $0 == 7 ? 2 : 1 })
        #expect(topic.partitions.allSatisfy { $0.log.leaderEpoch == 0 })
    }

    @Test func `a server in memory keeps within its size over many partitions`() throws {
        let rig = try BrokerRig(memoryBytes: 4 << 20)
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 64))
        let value = String(repeating: "x", count: 20_000)
        for _ in 0..<10 {
            for partition in Int32(0)..<64 {
                _ = rig.produce([value], to: "t", partition: partition)
            }
        }
        let topic = try #require(rig.broker.topic("t"))
        let bytes = topic.partitions.reduce(Int64(0)) { $0 + $1.log.sizeInBytes }
        #expect(bytes > 2 << 20)
        #expect(bytes <= 4 << 20)
    }

    @Test func `changes that are over at once do not nest`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 1))
        let count = Box<Int>()
        rig.broker.deleteTopic("t") { _ in }
        for number in 1...20_000 {
            rig.broker.deleteTopic("t") { if $0.error != nil { count.set(number) } }
        }
        rig.workers.runAll()
        #expect(count.value == 20_000)
    }

    @Test func `the metadata log is rewritten when it has grown, and says the same`() throws {
        let rig = try BrokerRig()
        _ = rig.create(Broker.NewTopic(name: "kept", partitions: 1))
        // Past 8 MiB a snapshot is due.
        for _ in 0..<40_000 where !rig.broker.metadata.wantsSnapshot {
            try rig.broker.metadata.write([
                MetadataRecord.topicRemoved(id: UUID(high: 9, low: 9)).record,
                InternalRecord(key: [99], value: [UInt8](repeating: 0, count: 60_000)),
            ])
        }
        _ = rig.result {
            rig.broker.setConfigs(
                ["cleanup.policy": "compact"], ofTopic: "kept", validateOnly: false, done: $0)
        }
        rig.broker.compactInternalLogs()
        rig.workers.runAll()
        #expect(rig.broker.metadata.partition.log.startOffset > 0)
        try rig.restart()
        #expect(rig.broker.topic("kept")?.configs == ["cleanup.policy": "compact"])
    }
}

@Suite struct BatchRulesTests {
    private func code(_ bytes: [UInt8], _ configs: [String: String] = [:]) throws -> Int16? {
        var bytes = bytes
        let settings = try BrokerSettings().topicSettings(configs)
        return bytes.withUnsafeMutableBytes { raw in
            do throws(StreamingError) {
                _ = try BatchRules.check(
                    raw, settings: settings, now: 1_000_000, of: ("t", 0))
                return nil
            } catch {
                return error.code
            }
        }
    }

    /// The records that are rejected, one by one.
    private func rejected(_ bytes: [UInt8], _ configs: [String: String]) throws
        -> [RejectedRecord]
    {
        var bytes = bytes
        let settings = try BrokerSettings().topicSettings(configs)
        return bytes.withUnsafeMutableBytes { raw in
            do throws(StreamingError) {
                _ = try BatchRules.check(
                    raw, settings: settings, now: 1_000_000, of: ("t", 0))
                return []
            } catch .rejectedRecords(let records) {
                return records
            } catch {
                Issue.record("\(error)")
                return []
            }
        }
    }

    /// A batch of a record for each pair; a key or none, and milliseconds from now.
    private func batch(_ records: [(key: String?, ahead: Int64)], _ codec: CompressionCodec)
        -> [UInt8]
    {
        var builder = RecordBatchBuilder()
        for record in records {
            let key = record.key.map { Array($0.utf8) } ?? []
            key.withUnsafeBytes {
                builder.append(
                    key: record.key == nil ? nil : $0, value: $0,
                    timestamp: record.ahead == -1_000_001 ? -1 : 1_000_000 + record.ahead)
            }
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.codec = codec
        return builder.finish(attributes)
    }

    @Test(arguments: [CompressionCodec.none, .gzip, .zstd])
    func `each record that a topic does not take is named`(codec: CompressionCodec) throws {
        let mixed = batch([("a", 0), (nil, 0), ("b", -60), ("c", 0), (nil, -60)], codec)
        let keys = try rejected(mixed, ["cleanup.policy": "compact"])
        #expect(keys.map(\.index) == [1, 4] && keys.code == 87)
        #expect(
            keys[0].message
                == "Compacted topic cannot accept message without key in topic partition t-0")
        let times = try rejected(mixed, ["message.timestamp.before.max.ms": "50"])
        #expect(times.map(\.index) == [2, 4] && times.code == 32)
        #expect(times[0].message.contains("[999950, 4600000]"))
        let both = try rejected(
            mixed, ["cleanup.policy": "compact", "message.timestamp.before.max.ms": "50"])
        #expect(both.map(\.flaw) == [.noKey, .time, .noKey] && both.code == 32)
    }

    @Test func `a record without a time is in time, and one in the middle is not overlooked`()
        throws
    {
        let before = ["message.timestamp.before.max.ms": "50"]
        #expect(try rejected(batch([("a", -1_000_001), ("b", 0)], .none), before) == [])
        let ahead = batch([("a", 0), ("b", 3_600_001), ("c", 0)], .none)
        #expect(try rejected(ahead, [:]).map(\.index) == [1])
    }

    private var sound: [UInt8] { BrokerRig.batch(["v"], key: "k", timestamp: 1_000_000) }

    @Test func `a sound batch passes`() throws {
        #expect(try code(sound) == nil)
    }

    @Test func `each flipped bit of what the checksum covers is noticed`() throws {
        for index in 16..<sound.count {
            var bytes = sound
            bytes[index] ^= 0x10
            #expect(try code(bytes) != nil, "byte \(index)")
        }
    }

    @Test func `every truncation is refused`() throws {
        for count in 0..<sound.count {
            #expect(try code(Array(sound[..<count])) == 2, "\(count) bytes")
        }
    }

    @Test func `old formats, two batches and control batches have codes of their own`() throws {
        var old = sound
        old[16] = 1
        #expect(try code(old) == 87)
        old[16] = 9
        #expect(try code(old) == 2)
        #expect(try code(sound + sound) == 87)
        #expect(try code(patched { $0[22] |= 0x20 }) == 87)
        #expect(try code(patched { $0[22] |= 0x10 }) == 87)
    }

    @Test func `a compacted topic wants keys`() throws {
        let keyless = BrokerRig.batch(["v"], key: nil, timestamp: 1_000_000)
        #expect(try code(keyless, ["cleanup.policy": "compact"]) == 87)
        #expect(try code(sound, ["cleanup.policy": "compact"]) == nil)
    }

    @Test func `a time too far ahead is refused where records keep theirs`() throws {
        let ahead = BrokerRig.batch(["v"], key: "k", timestamp: 1_000_000 + 3_600_001)
        #expect(try code(ahead) == 32)
        #expect(try code(ahead, ["message.timestamp.type": "LogAppendTime"]) == nil)
    }

    private func patched(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = sound
        change(&bytes)
        bytes.withUnsafeMutableBytes { RecordBatchPatch.checksum($0) }
        return bytes
    }
}

@Suite struct ConfigTests {
    @Test func `every default is one that the config can have`() throws {
        for definition in TopicConfigs.all + BrokerConfigs.all {
            if let value = definition.defaultValue { try definition.check(value) }
        }
    }

    @Test func `names are unique`() {
        #expect(Set(TopicConfigs.all.map(\.name)).count == TopicConfigs.all.count)
        #expect(Set(BrokerConfigs.all.map(\.name)).count == BrokerConfigs.all.count)
    }

    @Test func `a config tells where its value comes from, the strongest first`() throws {
        let settings = try BrokerSettings(["log.retention.ms": "7"])
        let definition = try TopicConfigs.named("retention.ms")
        let value = settings.describe(definition, topic: ["retention.ms": "5"])
        #expect(value.value == "5" && value.source == .topic)
        #expect(value.synonyms.map(\.value) == ["5", "7", "604800000"])
        #expect(settings.describe(definition, topic: [:]).source == .staticBroker)
    }

    @Test func `a name that does not exist stops the program, it is no limit of 0`() async throws {
        let settings = try BrokerSettings(["max.connections": "7"])
        #expect(settings.number("max.connections") == 7)
        #expect(settings.number("num.partitions") == 4)
        #expect(settings.flag("auto.create.topics.enable"))
        await #expect(processExitsWith: .failure) {
            _ = try BrokerSettings().number("max.connection")
        }
        await #expect(processExitsWith: .failure) {
            _ = try BrokerSettings().flag("max.connections")
        }
    }

    @Test func `configs of another version in the metadata log are passed over`() throws {
        var settings = try BrokerSettings()
        settings.restore(["max.connections": "many", "num.partitions": "9", "no.such": "1"])
        #expect(settings.dynamic == ["num.partitions": "9"])
        #expect(settings.number("max.connections") == 12_000)
    }

    @Test func `lists are edited in place`() {
        let type = ConfigType.list(["delete", "compact"])
        #expect(type.edited("delete", with: "compact", adding: true) == "delete,compact")
        #expect(type.edited("delete,compact", with: "delete", adding: false) == "compact")
    }

    @Test(arguments: [
        MetadataRecord.topic(
            id: UUID(high: 7, low: 8), name: "ü", partitions: 3, configs: ["a": "b", "c": ""]),
        .topicRemoved(id: UUID(high: 1, low: 2)), .brokerConfigs([:]), .producerIDs(next: .max),
    ])
    func `a metadata record is read as it was written, and no truncation traps`(
        record: MetadataRecord
    ) {
        let stored = record.record
        #expect(MetadataRecord(stored) == record)
        for count in 0..<(stored.value?.count ?? 0) {
            let cut = InternalRecord(
                key: stored.key, value: stored.value.map { Array($0[..<count]) })
            #expect(MetadataRecord(cut) == nil)
        }
    }
}
