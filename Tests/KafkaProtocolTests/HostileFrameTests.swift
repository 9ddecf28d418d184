import Bytes
import KafkaProtocol
import Testing

/// Frames that no well-meaning peer sends: an error, never a crash or growth.
struct HostileFrameTests {
    @Test func `no damaged frame traps`() {
        var random = SeededGenerator(seed: 20_260_801)
        var refused = 0
        let frames = sampleFrames()
        for _ in 0..<100_000 {
            var (frame, key, version) = frames[Int(random.next() % UInt64(frames.count))]
            for _ in 0...(random.next() % 4) { damage(&frame, &random) }
            do throws(WireError) {
                if version < 0 {
                    _ = try MessageCatalog.decodeRequest(frame.rawSpan)
                } else {
                    _ = try MessageCatalog.decodeResponse(
                        frame.rawSpan, key: key, version: version)
                }
            } catch {
                refused += 1
            }
        }
        #expect(refused > 10_000)
    }

    @Test func `no noise traps`() {
        var random = SeededGenerator(seed: 4)
        for key in Int16(-1)...94 {
            for version in Int16(-1)...20 {
                var frame: [UInt8] = [
                    UInt8(truncatingIfNeeded: key >> 8), UInt8(truncatingIfNeeded: key),
                    UInt8(truncatingIfNeeded: version >> 8), UInt8(truncatingIfNeeded: version),
                    0, 0, 0, 1, 0xff, 0xff,
                ]
                frame += (0..<64).map { _ in
                    UInt8(truncatingIfNeeded: random.next() & random.next())
                }
                _ = try? MessageCatalog.decodeRequest(frame.rawSpan)
            }
        }
    }

    @Test func `a count that the bytes cannot hold reserves nothing`() {
        // A null client, no tags, then two thousand million topics in five bytes.
        let metadata: [UInt8] = [0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 7]
        #expect(throws: WireError.malformed) {
            try MessageCatalog.decodeRequest(metadata.rawSpan)
        }
        // Enough bytes for one byte an element, not for the smallest topic, which takes ten.
        let padding = [UInt8](repeating: 0, count: 1000)
        let createTopics: [UInt8] = [0, 19, 0, 7, 0, 0, 0, 1, 0xff, 0xff, 0, 0xe9, 7] + padding
        #expect(throws: WireError.malformed) {
            try MessageCatalog.decodeRequest(createTopics.rawSpan)
        }
    }

    @Test func `a message with too many elements is refused`() {
        let count = Limits.elementsPerMessageMax
        func listGroups(_ states: Int) -> [UInt8] {
            var request = ListGroupsRequest()
            request.statesFilter = Array(repeating: "", count: states)
            return Array(
                encodeRequest(request, version: 4, correlationID: 1, clientID: nil).bytes
                    .dropFirst(4))
        }
        let most = listGroups(count)
        #expect(throws: Never.self) { try MessageCatalog.decodeRequest(most.rawSpan) }
        let tooMany = listGroups(count + 1)
        #expect(throws: WireError.tooManyElements) {
            try MessageCatalog.decodeRequest(tooMany.rawSpan)
        }
    }

    /// Whole request and response frames; version -1 marks a request.
    private func sampleFrames() -> [(frame: [UInt8], key: Int16, version: Int16)] {
        var frames: [(frame: [UInt8], key: Int16, version: Int16)] = []
        RoundTripTests.everyVersion { type, version in
            func add<R: KafkaRequest>(_ type: R.Type) {
                let flexible = R.api.isFlexible(version)
                let request = encodeRequest(
                    filled(R.self, version: version, flexible: flexible, seed: 3),
                    version: version, correlationID: 1, clientID: "c")
                let response = encodeResponse(
                    filled(R.Response.self, version: version, flexible: flexible, seed: 3),
                    api: R.api, version: version, correlationID: 1)
                let key = R.api.key.rawValue
                frames.append((Array(request.bytes.dropFirst(4)), key, -1))
                frames.append((Array(response.bytes.dropFirst(4)), key, version))
            }
            add(type)
        }
        return frames
    }

    private func damage(_ frame: inout [UInt8], _ random: inout SeededGenerator) {
        guard !frame.isEmpty else { return }
        let index = Int(random.next() % UInt64(frame.count))
        switch random.next() % 5 {
        case 0: frame[index] ^= 1 << UInt8(random.next() % 8)
        case 1: frame[index] = [0, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
        case 2: frame.remove(at: index)
        case 3: frame.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
        default: frame.removeLast(frame.count - index)
        }
    }
}
