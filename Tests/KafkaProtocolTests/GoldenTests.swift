import Foundation
import Bytes
import KafkaProtocol
import Records
import Testing

/// Frames that an independent implementation encoded, see Tests/Fixtures/kafka/PROVENANCE.txt.
struct GoldenTests {
    struct Line {
        let name: String
        let version: Int16
        let full: Bool
        let bytes: [UInt8]
    }

    static let lines: [Line] = {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/kafka/messages.txt").standardized
        let text = (try? String(contentsOf: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { line in
            let parts = line.split(separator: " ")
            return Line(
                name: String(parts[0]), version: Int16(parts[1]) ?? -1, full: parts[2] == "full",
                bytes: bytes(hex: parts[3]))
        }
    }()

    static func bytes(hex: Substring) -> [UInt8] {
        let digits = Array(hex)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0...$0 + 1]), radix: 16)
        }
    }

    @Test func `the fixture holds every message in every version`() {
        var expected = 0
        RoundTripTests.everyVersion { _, _ in expected += 4 }
        #expect(GoldenTests.lines.count == expected + 16)
    }

    @Test func `requests and responses agree with kafka-python byte for byte`() throws {
        for type in MessageCatalog.requests {
            func check<R: KafkaRequest>(_ type: R.Type) throws {
                for line in GoldenTests.lines where line.name == "\(R.self)" {
                    try checkRequest(R.self, line)
                }
                for line in GoldenTests.lines where line.name == "\(R.Response.self)" {
                    try checkResponse(R.self, line)
                }
            }
            try check(type)
        }
    }

    @Test func `consumer protocol blobs agree with kafka-python byte for byte`() throws {
        func check<B: ConsumerProtocolBlob>(_ type: B.Type) throws {
            for line in GoldenTests.lines where line.name == "\(B.self)" {
                let (version, blob) = try B.decoded(line.bytes)
                #expect(version == line.version)
                #expect(blob.encoded(version: version) == line.bytes)
                if line.full { expectNamedValues(blob, "\(line.name) v\(line.version)") }
            }
        }
        try check(ConsumerProtocolSubscription.self)
        try check(ConsumerProtocolAssignment.self)
    }

    private func checkRequest<R: KafkaRequest>(_ type: R.Type, _ line: Line) throws {
        let frame = Array(line.bytes.dropFirst(4))
        let parsed = try RequestFrame(frame.rawSpan)
        #expect(parsed.header.key == R.api.key)
        #expect(parsed.header.correlationId == 7)
        #expect(parsed.header.clientId == "golden")
        let request = resolved(
            try parsed.decode(R.self, from: frame.rawSpan), frame, R.api, line.version)
        let again = encodeRequest(
            request, version: line.version, correlationID: 7, clientID: "golden")
        #expect(again.bytes == line.bytes, "\(line.name) v\(line.version)")
        if line.full { expectNamedValues(request, "\(line.name) v\(line.version)") }
    }

    private func checkResponse<R: KafkaRequest>(_ type: R.Type, _ line: Line) throws {
        let frame = Array(line.bytes.dropFirst(4))
        let parsed = try ResponseFrame(frame.rawSpan)
        #expect(parsed.correlationId == 7)
        let response = resolved(
            try parsed.decode(R.self, version: line.version, from: frame.rawSpan), frame, R.api,
            line.version)
        let again = encodeResponse(response, api: R.api, version: line.version, correlationID: 7)
        #expect(again.bytes == line.bytes, "\(line.name) v\(line.version)")
        if line.full { expectNamedValues(response, "\(line.name) v\(line.version)") }
    }

    private func resolved<M: KafkaMessage>(
        _ message: M, _ frame: [UInt8], _ api: API, _ version: Int16
    ) -> M {
        var message = message
        var resolver = ResolvingCoder(
            version: version, flexible: api.isFlexible(version), frame: frame)
        message.code(&resolver)
        return message
    }

    /// Each field holds the value that belongs to its name, or its default where the version
    /// does not have it.
    private func expectNamedValues(_ message: any MessageStruct, _ place: String) {
        let defaults = Mirror(reflecting: type(of: message).init()).children
        for (field, unset) in zip(Mirror(reflecting: message).children, defaults) {
            expectNamed(field.value, field.label ?? "", "\(unset.value)", place)
        }
    }

    private func expectNamed(_ value: Any, _ label: String, _ unset: String, _ place: String) {
        if let nested = value as? any MessageStruct {
            if "\(value)" != unset { expectNamedValues(nested, place) }
        } else if let elements = value as? [any MessageStruct] {
            for element in elements { expectNamedValues(element, place) }
        } else {
            let text = "\(value)"
            let expected = NamedValue(label).texts
            #expect(text == unset || expected.contains(text), "\(place) \(label)")
        }
    }
}

/// What a field of this name holds in a fixture, as the text of any type it may have.
struct NamedValue {
    let texts: Set<String>

    init(_ label: String) {
        var hash: UInt32 = 0x811c_9dc5
        for byte in label.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        let wide = UInt64(hash)
        let long = Int64((wide << 24 | wide) & 0x7fff_ffff_ffff_ffff)
        let number = Int32(hash & 0x7fff_ffff)
        let word = wide << 32 | wide
        let id = Records.UUID(high: word, low: word)
        let values: [Any] = [
            Int8(hash & 0x7f), Int16(hash & 0x7fff), number, long, [number, 1], [long, 1], true, id,
            label,
            [UInt8(hash & 0x7f), 1], [label, ""], Array(label.utf8),
            Payload.bytes(Array(label.utf8)),
            ErrorCode(rawValue: Int16(hash & 0x7fff)),
            // Sixteen bits without a sign, and the bits of a double.
            UInt16(hash & 0x7fff), Int64(bitPattern: Double(hash).bitPattern),
        ]
        var texts = Set(values.map { "\($0)" })
        for optional: Any? in values { texts.insert("\(String(describing: optional))") }
        self.texts = texts
    }
}
