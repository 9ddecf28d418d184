import Testing

@testable import Aggregation

@Suite struct ByteMarksTests {
    @Test func `a bit stands for each place of a byte, of texts of any length`() {
        for length in 0...200 {
            let text = (0..<length).map { UInt8(($0 * 7 + length) % 5) + 0x61 }
            for byte: UInt8 in 0x60...0x66 {
                for start in stride(from: 0, to: length, by: 64) {
                    let marks = text.withUnsafeBytes { bytes in
                        unsafe ByteMarks.of(byte, in: bytes, from: start)
                    }
                    var expected: UInt64 = 0
                    for place in start..<min(length, start + 64) where text[place] == byte {
                        expected |= 1 << UInt64(place - start)
                    }
                    #expect(marks == expected, "\(length) \(byte) \(start)")
                }
            }
        }
    }
}
