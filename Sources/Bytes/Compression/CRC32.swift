/// CRC-32 of gzip (IEEE 802.3, reflected 0xEDB88320), eight bytes a step by tables.
enum CRC32 {
    /// Table `k` holds, at `256 * k + byte`, what the byte adds when `k` zero bytes follow it.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
            tables[byte] = crc
        }
        for index in 256..<tables.count {
            let shorter = tables[index - 256]
            tables[index] = shorter >> 8 ^ tables[Int(shorter & 0xFF)]
        }
        return tables
    }()

    /// The checksum of `bytes` behind those whose checksum is `earlier`.
    static func checksum(_ bytes: SourceBytes, continuing earlier: UInt32 = 0) -> UInt32 {
        let tables = Self.tables
        var crc = ~earlier
        var at = 0
        while at &+ 8 <= bytes.count {
            let word = bytes.word64(at) ^ UInt64(crc)
            crc = 0
            for k in 0..<8 {
                let byte = Int(truncatingIfNeeded: word &>> UInt64(8 &* k)) & 0xFF
                crc ^= tables[(7 &- k) &* 256 &+ byte]
            }
            at &+= 8
        }
        while at < bytes.count {
            crc = crc &>> 8 ^ tables[Int(crc & 0xFF ^ UInt32(bytes[at]))]
            at &+= 1
        }
        return ~crc
    }
}
