import Platform
import Records

@testable import Streaming

/// A broker on a simulated disk with workers that run when told, for tests of topics and
/// partitions.
final class BrokerRig {
    private(set) var fileSystem = SimulatedFileSystem()
    let clock = SimulatedClock()
    private(set) var workers: SimulatedWorkers
    private(set) var broker: Broker
    private let lines = ReportLines()
    /// What the broker has reported so far.
    var reports: [String] { lines.all }

    /// The seed draws the order in which workers run. With `killedAtSync` a start before this one
    /// was killed at that sync of a directory.
    init(
        _ properties: [String: String] = [:], seed: UInt64 = 0, memoryBytes: Int64? = nil,
        killedAtSync: Int? = nil
    ) throws {
        workers = SimulatedWorkers(seed: seed)
        try fileSystem.makeDirectories("/data")
        if let killedAtSync {
            fileSystem.fail(.syncDirectory, after: killedAtSync)
            _ = try? Self.open(fileSystem, clock, workers, lines, properties, memoryBytes)
            fileSystem = fileSystem.killed()
        }
        broker = try Self.open(fileSystem, clock, workers, lines, properties, memoryBytes)
    }

    private static func open(
        _ fileSystem: SimulatedFileSystem, _ clock: SimulatedClock, _ workers: SimulatedWorkers,
        _ lines: ReportLines, _ properties: [String: String], _ memoryBytes: Int64? = nil
    ) throws -> Broker {
        var environment = Broker.Environment(
            directory: "/data", fileSystem: fileSystem, clock: clock, random: SystemRandom(),
            workers: workers, clusterID: UUID(high: 1, low: 1), nodeID: 1,
            settings: try BrokerSettings(properties), report: { lines.add($0) })
        environment.memoryBytes = memoryBytes
        return try Broker(environment)
    }

    /// Closes in order and opens again.
    func restart(_ properties: [String: String] = [:]) throws {
        workers.runAll()
        broker.close()
        workers = SimulatedWorkers()
        broker = try Self.open(fileSystem, clock, workers, lines, properties)
    }

    /// The power goes; what was not synced is there in part, as the seed says. Opens again.
    func crash(seed: UInt64) throws {
        fileSystem = fileSystem.crash(seed: seed)
        workers = SimulatedWorkers()
        broker = try Self.open(fileSystem, clock, workers, lines, [:])
        workers.runAll()
    }

    /// Runs what waits on workers and gives what `start` has passed to its callback.
    func result<T>(_ start: (@escaping @Sendable (Result<T, StreamingError>) -> Void) -> Void)
        -> Result<T, StreamingError>?
    {
        let box = Box<Result<T, StreamingError>>()
        start { box.set($0) }
        workers.runAll()
        return box.value
    }

    func create(_ topic: Broker.NewTopic) -> Result<Topic, StreamingError>? {
        result { broker.createTopic(topic, validateOnly: false, done: $0) }
    }

    func produce(
        _ values: [String], to name: String, partition: Int32 = 0, key: String? = "k",
        acks: Int16 = -1
    ) -> Result<Partition.Appended, StreamingError>? {
        guard let topic = broker.topic(name), let partition = topic.partition(partition) else {
            return nil
        }
        var batch = Self.batch(values, key: key, timestamp: clock.wallMilliseconds)
        return result { done in
            batch.withUnsafeMutableBytes {
                partition.produce($0, acks: acks, settings: topic.settings, done: done)
            }
        }
    }

    static func batch(_ values: [String], key: String?, timestamp: Int64) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for value in values {
            let key = key.map { Array($0.utf8) }
            Array(value.utf8).withUnsafeBytes { value in
                if let key {
                    key.withUnsafeBytes {
                        builder.append(key: $0, value: value, timestamp: timestamp)
                    }
                } else {
                    builder.append(key: nil, value: value, timestamp: timestamp)
                }
            }
        }
        return builder.finish()
    }
}

/// Lines that are told from any thread.
final class ReportLines: @unchecked Sendable {
    private let lock = Lock()
    private var lines: [String] = []
    func add(_ line: String) { lock.withLock { lines.append(line) } }
    var all: [String] { lock.withLock { lines } }
}

/// A value handed over by a callback.
final class Box<T>: @unchecked Sendable {
    private let lock = Lock()
    private var stored: T?
    func set(_ value: T) { lock.withLock { stored = value } }
    var value: T? { lock.withLock { stored } }
}

extension Result {
    var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
    var success: Success? {
        if case .success(let value) = self { value } else { nil }
    }
}
