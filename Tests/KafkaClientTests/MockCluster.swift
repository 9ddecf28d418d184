import Foundation
import KafkaClient
import Platform
import Testing

/// The mock brokers of librdkafka in a process of their own; absent where no Python with
/// confluent-kafka is (`RTD_TEST_PYTHON`).
final class MockCluster {
    private let process = Process()
    private let commands = Pipe()
    private let answers = Pipe()
    let bootstrap: [Endpoint]

    static var python: String? {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let root = here.deletingLastPathComponent().deletingLastPathComponent()
        let candidates: [String?] = [
            ProcessInfo.processInfo.environment["RTD_TEST_PYTHON"],
            root.appendingPathComponent(".build/clients/bin/python").path,
        ]
        return candidates.compactMap(\.self).first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }

    init(brokers: Int = 3) throws {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let script = here.deletingLastPathComponent().appendingPathComponent(
            "Interop/mock_cluster.py")
        process.executableURL = URL(fileURLWithPath: try #require(Self.python))
        process.arguments = [script.path, "\(brokers)"]
        process.standardInput = commands
        process.standardOutput = answers
        process.standardError =
            ProcessInfo.processInfo.environment["MOCK_DEBUG"] == nil
            ? FileHandle.nullDevice : FileHandle.standardError
        try process.run()
        bootstrap = Self.line(answers).split(separator: ",").compactMap { Endpoint(String($0)) }
    }

    deinit {
        try? commands.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    func run(_ command: String) throws {
        try commands.fileHandleForWriting.write(contentsOf: Array((command + "\n").utf8))
        #expect(Self.line(answers) == "ok", "\(command)")
    }

    private static func line(_ pipe: Pipe) -> String {
        var bytes: [UInt8] = []
        while let next = try? pipe.fileHandleForReading.read(upToCount: 1), let byte = next.first,
            byte != UInt8(ascii: "\n")
        {
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A loop and a client on it, for one test.
struct TestClient {
    let loop = Loop()
    let cluster: Cluster

    init(_ bootstrap: [Endpoint], _ change: (inout ClientConfiguration) -> Void = { _ in }) {
        var configuration = ClientConfiguration(bootstrap: bootstrap)
        configuration.deliveryTimeoutMilliseconds = 30_000
        change(&configuration)
        loop.start()
        cluster = Cluster(configuration, on: loop)
    }

    func end() async {
        await cluster.close()
        loop.stop()
    }
}

/// What the completions of a producer told.
final class Delivered: @unchecked Sendable {
    private let lock = Lock()
    private var offsets: [Int64] = []
    private var errors: [ClientError] = []
    private var parts: [Range<Int>] = []

    /// The records of their batch that were told delivered.
    var records: [Range<Int>] { lock.withLock { parts } }
    var all: [Int64] { lock.withLock { offsets } }
    var failures: [ClientError] { lock.withLock { errors } }

    func add(_ result: Result<Int64, ClientError>) {
        lock.withLock {
            switch result {
            case .success(let offset): offsets.append(offset)
            case .failure(let error): errors.append(error)
            }
        }
    }

    func add(_ records: Range<Int>, _ result: Result<Int64, ClientError>) {
        add(result)
        if case .success = result { lock.withLock { parts.append(records) } }
    }
}
