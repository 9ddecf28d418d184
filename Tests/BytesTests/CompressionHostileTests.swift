import Bytes
import Testing

@Suite struct CompressionHostileTests {
    private static let sample =
        Array("a sample, a sample of text: ".utf8) + (0..<200).map { $0 }
        + [UInt8](repeating: 9, count: 60) + CompressionShapes.text(bytes: 1500)

    @Test(arguments: CompressionCodec.compressing)
    func `a stream that was cut short is malformed`(codec: CompressionCodec) {
        let compressed = codec.compress(Self.sample)
        for size in 0..<compressed.count {
            // Where chunks end, the framing of snappy cannot tell: it has neither end nor count.
            if codec == .snappy && size == 16 { continue }
            #expect(throws: CompressionError.malformed(codec), "\(codec.name) cut to \(size)") {
                try codec.decompress(Array(compressed[..<size]), limit: 100_000)
            }
        }
    }

    /// What a gzip file holds up to where it is cut or damaged; it comes in pieces of `bytes`.
    private func salvage(
        _ packed: [UInt8], bytes: Int = .max
    ) -> (bytes: [UInt8], failure: GzipFailure?) {
        var stream = GzipStream()
        var at = 0
        var output: [UInt8] = []
        while true {
            switch stream.decompress(into: &output) {
            case .full: continue
            case .ended: return (output, nil)
            case .failed(let failure): return (output, failure)
            case .starved where at == packed.count: stream.finish()
            case .starved:
                let end = at + min(bytes, packed.count - at)
                unsafe packed[at..<end].withUnsafeBytes { unsafe stream.append($0) }
                at = end
            }
        }
    }

    @Test func `gzip in pieces of any size is what it is as a whole`() throws {
        var random = SeededGenerator(seed: 11)
        let noise = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let samples = [
            [], [1], Self.sample, CompressionShapes.text(bytes: 1_500_000), noise,
            [UInt8](repeating: 7, count: 3_000_000),
        ]
        let members = samples.map { CompressionCodec.gzip.compress($0) }
        for (sample, member) in zip(samples, members) {
            for bytes in [1, 2, 7, 8, 9, 1000, 65_536, .max] where member.count / bytes < 100_000 {
                let result = salvage(member, bytes: bytes)
                #expect(result.failure == nil && result.bytes == sample, "pieces of \(bytes)")
            }
        }
        let all = salvage(members.flatMap { $0 }, bytes: 4_321)
        #expect(all.failure == nil && all.bytes == samples.flatMap { $0 })
    }

    @Test func `flipped bits give the same in pieces as at once`() {
        var random = SeededGenerator(seed: 12)
        let member = CompressionCodec.gzip.compress(Self.sample)
        for _ in 0..<3_000 {
            var packed = member + member
            let bit = UInt8(1) << UInt8.random(in: 0...7, using: &random)
            packed[Int.random(in: 0..<packed.count, using: &random)] ^= bit
            let whole = salvage(packed)
            let pieces = salvage(packed, bytes: Int.random(in: 1...50, using: &random))
            #expect(whole.bytes.starts(with: Self.sample) || whole.failure != nil)
            #expect((whole.failure == nil) == (pieces.failure == nil))
            if whole.failure == nil { #expect(whole.bytes == pieces.bytes) }
        }
    }

    @Test func `a gzip file that is cut short gives what stands before`() {
        let text = CompressionShapes.text(bytes: 300_000)
        for sample in [Self.sample, text, [UInt8](repeating: 7, count: 70_000)] {
            let compressed = CompressionCodec.gzip.compress(sample)
            let step = max(1, compressed.count / 500)
            for size in stride(from: 0, to: compressed.count, by: step) {
                let result = salvage(Array(compressed[..<size]))
                #expect(result.failure == .cut, "cut to \(size)")
                #expect(sample.starts(with: result.bytes), "cut to \(size)")
            }
            let half = salvage(Array(compressed[..<(compressed.count - 20)]))
            #expect(half.bytes.count >= sample.count / 2)
            #expect(salvage(compressed).failure == nil)
        }
        // The members before the one that is cut are whole.
        let member = CompressionCodec.gzip.compress(Self.sample)
        let cut = salvage(member + member[..<40])
        #expect(cut.failure == .cut)
        #expect(cut.bytes.starts(with: Self.sample))
        let damaged = salvage(member + [1, 2, 3])
        #expect(damaged.failure == .damaged)
        #expect(damaged.bytes == Self.sample)
    }

    @Test(arguments: CompressionCodec.compressing)
    func `flipped bits neither trap nor pass the limit`(codec: CompressionCodec) {
        var random = SeededGenerator(seed: 4)
        let compressed = codec.compress(Self.sample)
        for _ in 0..<10_000 {
            var bytes = compressed
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let bit = UInt8(1) << UInt8.random(in: 0...7, using: &random)
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= bit
            }
            if let output = try? codec.decompress(bytes, limit: 2_000) {
                #expect(output.count <= 2_000)
            }
        }
    }

    @Test(arguments: CompressionCodec.compressing)
    func `noise behind a header does not trap`(codec: CompressionCodec) {
        var random = SeededGenerator(seed: 5)
        let compressed = codec.compress(Self.sample)
        for _ in 0..<5_000 {
            let kept = Int.random(in: 0...min(60, compressed.count), using: &random)
            let noise = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = try? codec.decompress(Array(compressed[..<kept]) + noise, limit: 50_000)
        }
    }

    @Test(arguments: CompressionCodec.compressing)
    func `a stream that holds more than the limit is refused`(codec: CompressionCodec) throws {
        let bomb = codec.compress([UInt8](repeating: 0, count: 5_000_000))
        #expect(bomb.count < 300_000)
        for limit in [0, 1, 100, 65_536, 1_000_000, 4_999_999] {
            #expect(throws: CompressionError.tooLarge(limit: limit), "\(codec.name) \(limit)") {
                try codec.decompress(bomb, limit: limit)
            }
        }
        #expect(try codec.decompress(bomb, limit: 5_000_000).count == 5_000_000)
    }

    @Test func `uncompressed bytes over the limit are refused`() {
        #expect(throws: CompressionError.tooLarge(limit: 2)) {
            try CompressionCodec.none.decompress([1, 2, 3], limit: 2)
        }
    }

    @Test func `a snappy chunk of 4 GiB is malformed`() {
        let header: [UInt8] = [0x82, 83, 78, 65, 80, 80, 89, 0, 0, 0, 0, 1, 0, 0, 0, 1]
        #expect(throws: CompressionError.malformed(.snappy)) {
            try CompressionCodec.snappy.decompress(header + [255, 255, 255, 255, 0], limit: 1000)
        }
    }

    @Test func `a snappy length that the bytes cannot hold is malformed`() {
        #expect(throws: CompressionError.malformed(.snappy)) {
            try CompressionCodec.snappy.decompress([0xFF, 0xFF, 0xFF, 0xFF, 7, 0], limit: .max)
        }
    }
}
