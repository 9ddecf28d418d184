import Bytes
import Testing

/// Bytes of many shapes, the same in every run.
enum CompressionShapes {
    static let all: [(name: String, bytes: [UInt8])] = {
        var random = SeededGenerator(seed: 1)
        let noise = (0..<70_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = Self.text(bytes: 200_000)
        return [
            ("empty", []), ("one byte", [7]), ("two bytes", [7, 8]),
            ("a short text", Array("hello hello hello".utf8)),
            ("a run", [UInt8](repeating: 65, count: 100_000)),
            ("a period of 2", (0..<50_000).map { UInt8($0 % 2) }),
            ("a period of 7", (0..<50_000).map { UInt8($0 % 7) }),
            ("all bytes in turn", (0..<20_000).map { UInt8($0 % 256) }),
            ("noise", noise), ("text", text),
            ("few symbols", (0..<60_000).map { _ in UInt8.random(in: 0...3, using: &random) }),
            ("skewed", noise.map { UInt8($0.leadingZeroBitCount * 31) }),
            (
                "text, noise, a run, text",
                text + noise + [UInt8](repeating: 0, count: 99_999) + text
            ),
        ]
    }()

    /// Words of a small vocabulary, some of them often.
    static func text(bytes count: Int) -> [UInt8] {
        var random = SeededGenerator(seed: 2)
        let words = (0..<500).map { _ in
            (0..<Int.random(in: 2...9, using: &random)).map { _ in
                UInt8.random(in: 97...122, using: &random)
            }
        }
        var text: [UInt8] = []
        while text.count < count {
            let most = Int.random(in: 1...500, using: &random)
            text += words[Int.random(in: 0..<most, using: &random)] + [32]
        }
        return Array(text[..<count])
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

extension CompressionCodec {
    func compress(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { compress($0) } }

    func decompress(_ bytes: [UInt8], limit: Int) throws(CompressionError) -> [UInt8] {
        // An allocation of exactly these bytes, so that a sanitizer sees a read past them.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        return try decompress(UnsafeRawBufferPointer(copy), limit: limit)
    }

    static var compressing: [CompressionCodec] { allCases.filter { $0 != .none } }
}

@Suite struct CompressionRoundTripTests {
    @Test(arguments: CompressionCodec.compressing)
    func `what a codec compresses it gives back`(codec: CompressionCodec) throws {
        for (name, bytes) in CompressionShapes.all {
            let compressed = codec.compress(bytes)
            let back = try codec.decompress(compressed, limit: bytes.count)
            #expect(back == bytes, "\(codec.name): \(name)")
        }
    }

    @Test(arguments: CompressionCodec.compressing)
    func `every small size round trips`(codec: CompressionCodec) throws {
        let text = CompressionShapes.text(bytes: 300)
        for size in 0...text.count {
            let bytes = Array(text[..<size])
            #expect(try codec.decompress(codec.compress(bytes), limit: size) == bytes)
        }
    }

    @Test(arguments: CompressionCodec.compressing)
    func `10 MB of text round trips and shrinks`(codec: CompressionCodec) throws {
        let megabyte = CompressionShapes.text(bytes: 1_000_000)
        let bytes = [[UInt8]](repeating: megabyte, count: 10).flatMap { $0 }
        let compressed = codec.compress(bytes)
        #expect(compressed.count < bytes.count * 2 / 3)
        #expect(try codec.decompress(compressed, limit: bytes.count) == bytes)
    }

    @Test(arguments: CompressionCodec.compressing)
    func `noise grows by less than a hundredth`(codec: CompressionCodec) {
        var random = SeededGenerator(seed: 3)
        let bytes = (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(codec.compress(bytes).count < bytes.count + bytes.count / 100)
    }

    @Test(arguments: CompressionCodec.compressing)
    func `every level round trips, and levels differ`(codec: CompressionCodec) throws {
        let lines = (0..<4_000).map {
            "{\"id\":\($0 &* 7_919 % 10_007),\"name\":\"user\($0 % 97)\"}\n"
        }
        let bytes = Array(lines.joined().utf8)
        var sizes: [Int: Int] = [:]
        for level in [-100, -1, 0, 1, 2, 6, 9, 22] {
            let compressed = bytes.withUnsafeBytes { codec.compress($0, level: level) }
            #expect(try codec.decompress(compressed, limit: bytes.count) == bytes, "\(level)")
            sizes[level] = compressed.count
        }
        let (fast, slow) = (sizes[1] ?? 0, sizes[9] ?? 0)
        #expect((slow == fast) == (codec == .snappy), "\(sizes)")
    }

    @Test func `codecs are known by Kafka's names`() {
        let names = ["none", "gzip", "snappy", "lz4", "zstd"]
        #expect(CompressionCodec.allCases.map(\.name) == names)
        #expect(names.map { CompressionCodec(name: $0)?.rawValue } == [0, 1, 2, 3, 4])
        #expect(CompressionCodec(name: "brotli") == nil)
    }
}
