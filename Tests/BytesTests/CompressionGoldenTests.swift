import Bytes
import Foundation
import Testing

/// Streams that the reference implementations wrote; see PROVENANCE.txt beside them.
@Suite struct CompressionGoldenTests {
    struct Golden {
        let name: String
        let codec: CompressionCodec
        let stream: [UInt8]
        let content: [UInt8]
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Fixtures/compression")

    static func content(_ name: Substring) throws -> [UInt8] {
        switch name {
        case "empty": return []
        case "far":
            let marker = try content("json").prefix(1000)
            return marker + [UInt8](repeating: 0, count: 3_000_000) + marker
        default: return [UInt8](try Data(contentsOf: folder.appending(path: "\(name).raw")))
        }
    }

    static func all() throws -> [Golden] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            .compactMap { file in
                let parts = file.split(separator: "@")
                guard parts.count == 3, let codec = CompressionCodec(name: String(parts[1])) else {
                    return nil
                }
                return Golden(
                    name: file, codec: codec,
                    stream: [UInt8](try Data(contentsOf: folder.appending(path: file))),
                    content: try content(parts[0]))
            }
    }

    @Test func `streams of the reference implementations decode`() throws {
        let goldens = try Self.all()
        #expect(goldens.count > 100)
        for golden in goldens {
            let output = try? golden.codec.decompress(golden.stream, limit: golden.content.count)
            #expect(output == golden.content, "\(golden.name)")
        }
    }

    @Test func `a limit one byte short refuses them`() throws {
        for golden in try Self.all() where !golden.content.isEmpty {
            let limit = golden.content.count - 1
            #expect(throws: CompressionError.tooLarge(limit: limit), "\(golden.name)") {
                try golden.codec.decompress(golden.stream, limit: limit)
            }
        }
    }

    @Test func `cut short they are malformed or shorter`() throws {
        for golden in try Self.all() where golden.stream.count < 1000 {
            for size in 0..<golden.stream.count {
                let cut = Array(golden.stream[..<size])
                // Streams of members, frames or chunks may end between two of them.
                if let output = try? golden.codec.decompress(cut, limit: golden.content.count) {
                    #expect(golden.content.starts(with: output), "\(golden.name)")
                }
            }
        }
    }

    @Test func `with flipped bits they neither trap nor pass the limit`() throws {
        var random = SeededGenerator(seed: 6)
        for golden in try Self.all() where golden.content.count < 10_000 && !golden.stream.isEmpty {
            for _ in 0..<50 {
                var bytes = golden.stream
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let bit = UInt8(1) << UInt8.random(in: 0...7, using: &random)
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= bit
                }
                let limit = golden.content.count + 100
                if let output = try? golden.codec.decompress(bytes, limit: limit) {
                    #expect(output.count <= limit, "\(golden.name)")
                }
            }
        }
    }

    @Test func `a damaged checksum is found`() throws {
        for golden in try Self.all() where golden.content.count > 1000 {
            let hasSum =
                golden.codec == .gzip || golden.name.hasSuffix("-sums")
                || golden.name.contains("zstd@level") || golden.name.hasSuffix("window27")
            guard hasSum else { continue }
            var bytes = golden.stream
            // gzip's size follows its checksum.
            bytes[bytes.count - (golden.codec == .gzip ? 5 : 1)] ^= 1
            #expect(throws: CompressionError.malformed(golden.codec), "\(golden.name)") {
                try golden.codec.decompress(bytes, limit: golden.content.count)
            }
        }
    }

    @Test func `a window over 128 MiB is refused`() {
        // Window log 28, one empty last block.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0, 18 << 3, 1, 0, 0]
        #expect(throws: CompressionError.tooLarge(limit: 128 << 20)) {
            try CompressionCodec.zstd.decompress(frame, limit: .max)
        }
    }
}
