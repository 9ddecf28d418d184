import LogStorage
import Platform
import Records
import Testing

@testable import Streaming

@Suite struct TransactionTests {
    private let rig: BrokerRig

    init() throws { try self.init(seed: 0) }

    private init(seed: UInt64) throws {
        rig = try BrokerRig(seed: seed)
        _ = rig.create(Broker.NewTopic(name: "t", partitions: 2))
    }

    private func start(
        _ current: ProducerIdentity? = nil
    ) -> Result<ProducerIdentity, StreamingError>? {
        rig.result {
            rig.broker.transactions.initialize(
                "id", timeoutMilliseconds: 60_000, current: current, done: $0)
        }
    }

    /// Appends one record of the producer's transaction, which its partition joins by it. With
    /// `jobs` only so many of the workers' jobs run, whether it is answered then or not.
    private func write(
        _ producer: ProducerIdentity, _ sequence: Int32, partition: Int32 = 0, adds: Bool = true,
        jobs: Int? = nil
    ) -> StreamingError? {
        guard let topic = rig.broker.topic("t"), let target = topic.partition(partition) else {
            return .unknownTopic("t")
        }
        var builder = RecordBatchBuilder()
        Array("x".utf8).withUnsafeBytes {
            builder.append(key: nil, value: $0, timestamp: rig.clock.wallMilliseconds)
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.transactional = true
        attributes.producerID = producer.id
        attributes.producerEpoch = producer.epoch
        attributes.baseSequence = sequence
        var bytes = builder.finish(attributes)
        let outcome = Box<StreamingError?>()
        let refusal = rig.broker.transactions.write(
            TransactionIdentity("id", producerID: producer.id, epoch: producer.epoch), to: "t",
            partition, adds: adds
        ) {
            bytes.withUnsafeMutableBytes { bytes in
                target.produce(
                    bytes, acks: -1, settings: topic.settings, isInTransaction: true
                ) { outcome.set($0.error) }
            }
        }
        if let refusal { return refusal }
        if let jobs {
            for _ in 0..<jobs { rig.workers.runOne() }
        } else {
            run(until: outcome)
        }
        return outcome.value ?? nil
    }

    /// Runs what waits on workers, no further than to the answer.
    private func run<T>(until answer: Box<T>) {
        while answer.value == nil, rig.workers.runOne() {}
    }

    /// AddPartitionsToTxn, up to its answer.
    private func announce(_ producer: ProducerIdentity) -> StreamingError? {
        let identity = TransactionIdentity("id", producerID: producer.id, epoch: producer.epoch)
        let answer = Box<StreamingError?>()
        rig.broker.transactions.add(
            [TopicPartitions(name: "t", partitions: [0])], to: identity
        ) { answer.set($0) }
        run(until: answer)
        return answer.value ?? nil
    }

    private func end(
        _ producer: ProducerIdentity, isCommit: Bool = true, raisesEpoch: Bool = true
    ) -> Result<ProducerIdentity, StreamingError>? {
        let answer = Box<Result<ProducerIdentity, StreamingError>>()
        rig.broker.transactions.end(
            TransactionIdentity("id", producerID: producer.id, epoch: producer.epoch),
            isCommit: isCommit, raisesEpoch: raisesEpoch
        ) { answer.set($0) }
        run(until: answer)
        return answer.value
    }

    private func log(_ partition: Int32 = 0) throws -> Log {
        try #require(rig.broker.topic("t")?.partition(partition)?.log)
    }

    @Test func `a commit moves the last stable offset over all partitions`() throws {
        let producer = try #require(start()?.success)
        #expect(write(producer, 0) == nil)
        #expect(write(producer, 0, partition: 1) == nil)
        #expect(try log().highWatermark == 1 && log().lastStableOffset == 0)
        let next = ProducerIdentity(id: producer.id, epoch: 1)
        #expect(end(producer)?.success == next)
        for partition in Int32(0)...1 {
            #expect(try log(partition).lastStableOffset == 2)
            #expect(try log(partition).abortedTransactions(in: 0..<2).isEmpty)
        }
    }

    @Test func `an abort names what readers leave out`() throws {
        let producer = try #require(start()?.success)
        #expect(write(producer, 0) == nil)
        #expect(end(producer, isCommit: false)?.success?.epoch == 1)
        #expect(try log().lastStableOffset == 2)
        let aborted = try log().abortedTransactions(in: 0..<1)
        #expect(aborted.map(\.producerID) == [producer.id])
        #expect(aborted.map(\.firstOffset) == [0] && aborted.map(\.lastOffset) == [1])
    }

    @Test func `older clients announce partitions and keep their epoch`() throws {
        let producer = try #require(start()?.success)
        #expect(write(producer, 0, adds: false) == .invalidTransactionState)
        #expect(announce(producer) == nil)
        #expect(write(producer, 0, adds: false) == nil)
        #expect(write(producer, 0, partition: 1, adds: false) == .invalidTransactionState)
        #expect(end(producer, raisesEpoch: false)?.success == producer)
        #expect(end(producer, raisesEpoch: false)?.success == producer)
        #expect(
            end(producer, isCommit: false, raisesEpoch: false)?.error == .invalidTransactionState)
    }

    @Test func `a transaction goes on after a restart, and its end is remembered`() throws {
        let producer = try #require(start()?.success)
        #expect(write(producer, 0) == nil)
        try rig.restart()
        #expect(try log().lastStableOffset == 0)
        #expect(write(producer, 1) == nil)
        let next = try #require(end(producer)?.success)
        #expect(next.epoch == 1)
        try rig.restart()
        #expect(try log().lastStableOffset == 3)
        #expect(end(producer)?.success == next)
        #expect(end(producer, isCommit: false)?.error == .producerFenced)
    }

    @Test(arguments: [true, false])
    func `an end that is repeated while it is written is told to wait, then the same`(
        isCommit: Bool
    ) throws {
        let producer = try #require(start()?.success)
        #expect(write(producer, 0) == nil)
        #expect(write(producer, 0, partition: 1) == nil)
        let first = Box<Result<ProducerIdentity, StreamingError>>()
        let identity = TransactionIdentity("id", producerID: producer.id, epoch: producer.epoch)
        rig.broker.transactions.end(identity, isCommit: isCommit, raisesEpoch: true) {
            first.set($0)
        }
        var repeated = 0
        repeat {
            let again = Box<Result<ProducerIdentity, StreamingError>>()
            rig.broker.transactions.end(identity, isCommit: isCommit, raisesEpoch: true) {
                again.set($0)
            }
            #expect(again.value?.error == .concurrentTransactions)
            repeated += 1
        } while rig.workers.runOne() && first.value == nil
        #expect(repeated > 1)
        let next = try #require(first.value?.success)
        #expect(next.epoch == producer.epoch + 1)
        #expect(end(producer, isCommit: isCommit)?.success == next)
        #expect(end(producer, isCommit: !isCommit)?.error == .producerFenced)
    }

    @Test(arguments: [true, false])
    func `what is decided is read before its marker is synced, and stays so after a power cut`(
        isCommit: Bool
    ) throws {
        for seed in UInt64(0)..<100 {
            let test = try TransactionTests(seed: seed)
            let producer = try #require(test.start()?.success)
            #expect(test.write(producer, 0) == nil)
            let answer = Box<Result<ProducerIdentity, StreamingError>>()
            test.rig.broker.transactions.end(
                TransactionIdentity("id", producerID: producer.id, epoch: producer.epoch),
                isCommit: isCommit, raisesEpoch: true
            ) { answer.set($0) }
            while try test.log().lastStableOffset < 2, test.rig.workers.runOne() {}
            #expect(try test.log().lastStableOffset == 2)
            #expect(answer.value == nil, "the marker is not on the disk yet")
            for _ in 0..<seed % 3 { test.rig.workers.runOne() }
            try test.rig.crash(seed: seed)
            let log = try test.log()
            #expect(log.lastStableOffset == 2, "seed \(seed)")
            #expect(log.abortedTransactions(in: 0..<1).count == (isCommit ? 0 : 1), "seed \(seed)")
        }
    }

    /// The end of a transaction is written and not waited for: a power cut may leave its decision
    /// only, and records of the next transaction already.
    @Test(arguments: [true, false])
    func `a power cut decides nothing of the next transaction`(raisesEpoch: Bool) throws {
        var survived = 0
        for seed in UInt64(0)..<100 {
            let test = try TransactionTests(seed: seed)
            let first = try #require(test.start()?.success)
            if !raisesEpoch { #expect(test.announce(first) == nil) }
            #expect(test.write(first, 0, adds: raisesEpoch) == nil)
            let second = try #require(test.end(first, raisesEpoch: raisesEpoch)?.success)
            if !raisesEpoch { #expect(test.announce(second) == nil) }
            let sequence: Int32 = raisesEpoch ? 0 : 1
            #expect(test.write(second, sequence, adds: raisesEpoch, jobs: Int(seed % 4)) == nil)
            try test.rig.crash(seed: seed)
            let log = try test.log()
            #expect(log.lastStableOffset == 2, "seed \(seed)")
            guard log.highWatermark == 3 else { continue }
            survived += 1
            #expect(test.end(second, isCommit: false, raisesEpoch: raisesEpoch)?.success != nil)
            #expect(log.abortedTransactions(in: 2..<3).count == 1, "seed \(seed)")
        }
        #expect(survived > 0)
    }

    @Test func `a new producer of the id aborts and fences the one before`() throws {
        let first = try #require(start()?.success)
        #expect(write(first, 0) == nil)
        let second = try #require(start()?.success)
        #expect(second.id == first.id && second.epoch > first.epoch)
        #expect(try log().abortedTransactions(in: 0..<1).count == 1)
        #expect(write(first, 1) == .invalidProducerEpoch)
        #expect(end(first)?.error == .producerFenced)
        #expect(start(first)?.error == .producerFenced)
        #expect(start(second)?.success?.epoch == second.epoch + 1)
        #expect(start(second)?.success?.epoch == second.epoch + 1)
    }

    @Test func `a transaction whose time is up is aborted`() throws {
        let producer = try #require(start()?.success)
        #expect(write(producer, 0) == nil)
        rig.clock.advance(milliseconds: 59_000)
        rig.broker.tick()
        rig.workers.runAll()
        #expect(try log().lastStableOffset == 0)
        rig.clock.advance(milliseconds: 2_000)
        rig.broker.tick()
        rig.workers.runAll()
        #expect(try log().lastStableOffset == 2)
        #expect(try log().abortedTransactions(in: 0..<1).count == 1)
        #expect(write(producer, 1) == .invalidProducerEpoch)
        #expect(end(producer)?.error == .producerFenced)
    }

    @Test(arguments: [true, false])
    func `a transaction can be ended on a disk that is nearly full`(isCommit: Bool) throws {
        let producer = try #require(start()?.success)
        #expect(write(producer, 0) == nil)
        rig.fileSystem.setFreeBytes(1 << 20)
        rig.clock.advance(milliseconds: 2_000)
        #expect(write(producer, 1)?.code == 56)
        #expect(end(producer, isCommit: isCommit)?.success != nil)
        #expect(try log().lastStableOffset == 2)
    }

    @Test func `setting the clock neither ends a transaction nor keeps it for ever`() throws {
        let day: Int64 = 86_400_000
        let producer = try #require(start()?.success)
        #expect(write(producer, 0) == nil)
        let now = rig.clock.wallMilliseconds
        for wall in [now + 9_000 * day, now - 9_000 * day] {
            rig.clock.jump(toWallMilliseconds: wall)
            rig.broker.tick()
            rig.workers.runAll()
            #expect(try log().lastStableOffset == 0)
        }
        // What was begun by the old clock has its end by the new one, after a start too.
        try rig.restart()
        rig.clock.advance(milliseconds: 61_000)
        rig.broker.tick()
        rig.workers.runAll()
        #expect(try log().lastStableOffset == 2)
        rig.clock.jump(toWallMilliseconds: now)
        rig.broker.tick()
        #expect(rig.broker.transactions.descriptions.count == 1)
    }

    @Test func `epochs that have run out bring a new producer id`() throws {
        var producer = try #require(start()?.success)
        let entry = try #require(rig.broker.transactions.entries["id"])
        entry.state.epoch = TransactionState.epochMax
        producer.epoch = TransactionState.epochMax
        #expect(write(producer, 0) == nil)
        let next = try #require(end(producer)?.success)
        #expect(next.id != producer.id && next.epoch == 0)
        #expect(end(producer)?.success == next)
        entry.state.epoch = TransactionState.epochMax
        #expect(start()?.success?.id != next.id)
    }

    @Test func `ids that are silent for long are forgotten`() throws {
        let producer = try #require(start()?.success)
        rig.clock.advance(milliseconds: 604_800_001)
        rig.broker.tick()
        rig.workers.runAll()
        #expect(rig.broker.transactions.descriptions.isEmpty)
        #expect(end(producer)?.error == .invalidProducerIDMapping)
        try rig.restart()
        #expect(rig.broker.transactions.descriptions.isEmpty)
    }

    @Test func `a state reads back as it was written`() throws {
        for status in TransactionState.Status.allCases {
            var state = TransactionState(
                producerID: 77, epoch: 5, timeoutMilliseconds: 1_000, updateTimestamp: 9)
            state.status = status
            state.previousProducerID = 3
            state.lastEpoch = 4
            state.startTimestamp = 8
            state.raisesEpoch = true
            state.partitions = [
                TopicPartition(topic: "a", partition: 1), TopicPartition(topic: "b", partition: 0),
                TopicPartition(topic: "a", partition: 7),
            ]
            let bytes = TransactionRecord.value(state)
            #expect(try TransactionRecord.state(bytes) == state)
            for count in 0..<bytes.count {
                #expect(throws: (any Error).self) {
                    try TransactionRecord.state(Array(bytes[..<count]))
                }
            }
        }
        #expect(TransactionRecord.transactionalID(TransactionRecord.key("ü")) == "ü")
        #expect(TransactionRecord.transactionalID([0, 1, 0, 0]) == nil)
    }

    @Test func `the value of Kafka's version 0 is read`() throws {
        // Producer 1, epoch 2, 3 ms, Ongoing, topic "t" partition 4, times 5 and 6.
        let bytes: [UInt8] =
            [0, 0] + [0, 0, 0, 0, 0, 0, 0, 1] + [0, 2] + [0, 0, 0, 3] + [1]
            + [0, 0, 0, 1] + [0, 1, 0x74] + [0, 0, 0, 1] + [0, 0, 0, 4]
            + [0, 0, 0, 0, 0, 0, 0, 5] + [0, 0, 0, 0, 0, 0, 0, 6]
        let state = try TransactionRecord.state(bytes)
        #expect(state.producerID == 1 && state.epoch == 2 && state.timeoutMilliseconds == 3)
        #expect(state.status == .ongoing && state.updateTimestamp == 5)
        #expect(state.startTimestamp == 6)
        #expect(state.partitions == [TopicPartition(topic: "t", partition: 4)])
    }
}
