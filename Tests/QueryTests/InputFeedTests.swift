import Aggregation
import Formats
import Platform
import Testing

@testable import Query

/// Pieces that come as they are asked for.
private final class ScriptedBytes: FeedBytes, @unchecked Sendable {
    let name = "script"
    let size: Int64? = nil
    let ends = true
    var place: FilePlace? { nil }
    private let lock = Lock()
    private var pieces: [[UInt8]]
    private var readers = 0
    private(set) var wasReadTwice = false

    init(_ pieces: [[UInt8]]) { self.pieces = pieces }

    func read(into block: InputBlock) throws(SQLError) -> Int {
        lock.withLock {
            readers += 1
            wasReadTwice = wasReadTwice || readers > 1
        }
        defer { lock.withLock { readers -= 1 } }
        return lock.withLock {
            guard !pieces.isEmpty else { return 0 }
            let piece = pieces.removeFirst()
            block.append(piece.rawSpan)
            return piece.count
        }
    }

    func stop() {}
}

/// Rows, and then nothing for as long as anybody asks; whoever waits for more is stopped.
private final class SilentBytes: FeedBytes, @unchecked Sendable {
    let name = "silent"
    let size: Int64? = nil
    let ends = false
    var place: FilePlace? { nil }
    private let lock = Lock()
    private let changed = Condition()
    private var text: String? = "{\"a\":1}\n{\"a\":2}\n"
    private var isStopped = false
    private let stopFlag: StopFlag

    init(_ stopFlag: StopFlag) { self.stopFlag = stopFlag }

    func read(into block: InputBlock) throws(SQLError) -> Int {
        lock.withLock {
            if let text {
                block.append(Array(text.utf8).rawSpan)
                self.text = nil
                return text.utf8.count
            }
            stopFlag.set()
            while !isStopped { lock.wait(changed) }
            return 0
        }
    }

    func stop() {
        lock.withLock {
            isStopped = true
            changed.broadcast()
        }
    }
}

@Suite struct InputFeedTests {
    @Test func `a query that is stopped while it waits for its columns has the rows so far`()
        throws
    {
        let stop = StopFlag()
        var options = InputOptions()
        options.wanted = ["a", "b"]
        options.expected = ["a", "b"]
        let feed = InputFeed(SilentBytes(stop))
        let relation = try FeedRelation.make(
            feed, options: options, isEndless: true, stop: stop, note: { _ in })
        let scan = ScanPlan(
            relation.columns.enumerated().filter { $0.element.name == "a" }
                .map { ScanColumn($0.offset, $0.element.type) })
        let signal = SourceSignal()
        let source = try relation.open(
            scan,
            context: SourceContext(
                signal: signal, onError: .fail, settings: SessionSettings(), note: { _ in }))
        #expect(source.endWithWhatHasCome())
        var rows = 0
        while true {
            switch try source.next() {
            case .batch(let batch, _): rows += batch.count
            case .end:
                #expect(rows == 2)
                return
            default: _ = signal.wait(nanoseconds: 10_000_000)
            }
        }
    }

    private func readAll(_ feed: InputFeed, _ signal: SourceSignal) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            switch try feed.take() {
            case .block(let block, _): bytes += block.bytes.withUnsafeBytes { Array($0) }
            case .nothing: _ = signal.wait(nanoseconds: 1_000_000_000)
            case .end: return bytes
            }
        }
    }

    @Test func `each byte comes once and in order`() throws {
        for seed: UInt64 in 1...24 {
            let pieces = (0..<30).map { piece in
                [UInt8](repeating: UInt8(piece), count: 1 + piece * Int(seed) * 41 % 2_000)
            }
            let script = ScriptedBytes(pieces)
            let feed = InputFeed(script)
            let signal = SourceSignal()
            try feed.rewind(signal)
            if seed % 2 == 0 { feed.stopKeeping() }
            #expect(try readAll(feed, signal) == pieces.flatMap { $0 }, "seed \(seed)")
            #expect(!script.wasReadTwice, "two threads read at once, seed \(seed)")
            guard seed % 2 == 1 else { continue }
            try feed.rewind(signal)
            #expect(try readAll(feed, signal) == pieces.flatMap { $0 }, "again, seed \(seed)")
        }
    }

    @Test func `what is compressed is read to its end, wherever it is cut`() throws {
        let text = Array("a\nb\n\n".utf8)
        let packed = try gzip(text)
        for cut in [2, 5, packed.count - 1] {
            let script = ScriptedBytes([Array(packed[..<cut]), Array(packed[cut...])])
            let feed = InputFeed(script)
            let signal = SourceSignal()
            try feed.rewind(signal)
            #expect(try readAll(feed, signal) == text)
        }
    }

    /// One stored block (RFC 1951, 3.2.4).
    private func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
        }
        func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { Array($0) }
        }
        let count = UInt16(bytes.count)
        return [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1] + little(count) + little(~count) + bytes
            + little(~crc) + little(UInt32(bytes.count))
    }
}
