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

@Suite struct InputFeedTests {
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
