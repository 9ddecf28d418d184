import Bytes
import Testing

@Suite struct CRC32CTests {
    @Test func `the check value of the standard is met`() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
    }

    @Test(arguments: [0, 1, 7, 8, 255, 768, 769, 2_304, 24_576, 24_577, 100_003])
    func `interleaved streams agree with one byte at a time`(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 131 ^ ($0 >> 3)) }
        var slow: UInt32 = 0
        for byte in bytes { slow = CRC32C.checksum([byte], continuing: slow) }
        #expect(CRC32C.checksum(bytes) == slow)
    }

    @Test func `a checksum can be continued`() {
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0) }
        let first = CRC32C.checksum(Array(bytes[..<30_001]))
        #expect(
            CRC32C.checksum(Array(bytes[30_001...]), continuing: first) == CRC32C.checksum(bytes))
    }
}
