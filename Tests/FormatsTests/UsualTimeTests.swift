import Testing

@testable import Formats

@Suite struct UsualTimeTests {
    private static let types: [DataType] = [.date, .timestamp, .timestamptz]

    private func usual(_ text: String, _ type: DataType, _ reader: inout UsualTime) -> Int64? {
        let bytes = Buffer<UInt8>(Array(text.utf8) + [UInt8](repeating: 0, count: 16))
        let view = unsafe StringView(bytes.base, count: text.utf8.count)
        return withExtendedLifetime(bytes) { reader.value(view) }
    }

    private func careful(_ text: String, _ type: DataType) -> Int64? {
        var text = text
        return text.withUTF8 { bytes in
            unsafe TextTime.parse(UnsafeRawBufferPointer(bytes)).flatMap {
                TextTime.value($0, type)
            }
        }
    }

    @Test func `the common forms are read at once, as the careful reader reads them`() {
        var timestamp = UsualTime(.timestamp)
        var zoned = UsualTime(.timestamptz)
        for day in ["2024-02-29", "2024-02-29", "0001-01-01", "9999-12-31", "1970-01-01"] {
            for time in ["00:00:00", "23:59:59", "09:08:07"] {
                for fraction in ["", ".001", ".987", ".123456", ".000009"] {
                    for mark in [" ", "T"] {
                        let text = day + mark + time + fraction
                        let expected = careful(text, .timestamp)
                        #expect(expected != nil)
                        #expect(usual(text, .timestamp, &timestamp) == expected, "\(text)")
                        #expect(usual(text, .timestamptz, &zoned) == expected, "\(text)")
                        #expect(usual(text + "Z", .timestamptz, &zoned) == expected, "\(text)Z")
                        #expect(usual(text + "Z", .timestamp, &timestamp) == nil, "\(text)Z")
                    }
                }
            }
        }
    }

    /// Seed 7.
    @Test func `whatever it reads, the careful reader reads the same`() {
        let letters = Array("0123456789999:::---..TTZz +5\u{e9}")
        var random = SeededNumbers(seed: 7)
        for type in Self.types {
            var reader = UsualTime(type)
            var read = 0
            for _ in 0..<20_000 {
                let base = random.pick([
                    "2024-05-01 10:20:30", "2024-05-01T23:59:59.999", "2023-02-28 00:00:00.123456Z",
                    "2024-02-30 10:20:30.1", "1999-12-31T12:00:00Z", "2024-05-01T24:00:00.000",
                ])
                var text = Array(base)
                for _ in 0..<random.below(3) {
                    text[random.below(text.count)] = random.pick(letters)
                }
                if random.below(8) == 0 { text.removeLast(random.below(4)) }
                let written = String(text)
                guard let value = usual(written, type, &reader) else { continue }
                read += 1
                #expect(value == careful(written, type), "\(written) as \(type)")
            }
            #expect(type == .date ? read == 0 : read > 1_000)
        }
    }
}

/// SplitMix64.
private struct SeededNumbers {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func below(_ limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((z ^ (z >> 31)) >> 1) % limit
    }

    mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }
}
