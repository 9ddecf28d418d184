import Bytes
import KafkaProtocol
import Testing

/// Every message in every version, filled with random values.
struct RoundTripTests {
    static let seeds: Range<UInt64> = 1..<13

    /// Calls `body` with each request type and each of its versions.
    static func everyVersion(_ body: (any KafkaRequest.Type, Int16) -> Void) {
        for type in MessageCatalog.requests {
            for version in type.api.versions { body(type, version) }
        }
    }

    @Test func `a message reads back as it was written`() {
        RoundTripTests.everyVersion { type, version in
            func check<R: KafkaRequest>(_ type: R.Type) {
                for seed in RoundTripTests.seeds {
                    expectRoundTrip(R.self, R.api, version, seed)
                    expectRoundTrip(R.Response.self, R.api, version, seed)
                }
            }
            check(type)
        }
    }

    @Test func `a message that ends early is refused at every length`() {
        RoundTripTests.everyVersion { type, version in
            func check<R: KafkaRequest>(_ type: R.Type) {
                expectTruncationsFail(R.self, R.api, version)
                expectTruncationsFail(R.Response.self, R.api, version)
            }
            check(type)
        }
    }

    private func expectRoundTrip<M: KafkaMessage>(
        _ type: M.Type, _ api: API, _ version: Int16, _ seed: UInt64
    ) {
        let flexible = api.isFlexible(version)
        let message = filled(M.self, version: version, flexible: flexible, seed: seed)
        var writer = MessageWriter(version: version, flexible: flexible)
        message.encode(&writer)
        let bytes = writer.bytes
        var reader = MessageReader(bytes.rawSpan, from: 0, version: version, flexible: flexible)
        var read = M()
        read.decode(&reader)
        #expect(throws: Never.self, "\(M.self) v\(version) seed \(seed)") {
            try finish(bytes, M.self, version, flexible)
        }
        #expect(reader.position == bytes.count, "\(M.self) v\(version) seed \(seed)")
        var resolver = ResolvingCoder(version: version, flexible: flexible, frame: bytes)
        read.code(&resolver)
        #expect(read == message, "\(M.self) v\(version) seed \(seed)")
    }

    private func finish<M: KafkaMessage>(
        _ bytes: [UInt8], _ type: M.Type, _ version: Int16, _ flexible: Bool
    ) throws {
        _ = try decode(M.self, from: bytes.rawSpan, at: 0, version: version, flexible: flexible)
    }

    private func expectTruncationsFail<M: KafkaMessage>(
        _ type: M.Type, _ api: API, _ version: Int16
    ) {
        let flexible = api.isFlexible(version)
        let message = filled(M.self, version: version, flexible: flexible, seed: 7)
        var writer = MessageWriter(version: version, flexible: flexible)
        message.encode(&writer)
        for count in 0..<writer.bytes.count {
            let prefix = Array(writer.bytes.prefix(count))
            #expect(throws: WireError.self, "\(M.self) v\(version), \(count) bytes") {
                try finish(prefix, M.self, version, flexible)
            }
        }
    }
}
