/// Base64 of RFC 4648 with padding, strict both ways, as SCRAM has it.
public enum StrictBase64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xff, count: 256)
        for (value, letter) in alphabet.enumerated() { table[Int(letter)] = UInt8(value) }
        return table
    }()

    public static func text(_ bytes: [UInt8]) -> String {
        var letters: [UInt8] = []
        letters.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for byte in group { word = word << 8 | UInt32(byte) }
            word <<= UInt32(8 * (3 - group.count))
            for index in 0..<4 {
                let letter = alphabet[Int(word >> UInt32(18 - 6 * index) & 63)]
                letters.append(index <= group.count ? letter : UInt8(ascii: "="))
            }
        }
        return String(decoding: letters, as: UTF8.self)
    }

    /// Nil for anything but whole groups of the alphabet with their padding at the end.
    public static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        let letters = Array(text.utf8)
        guard letters.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(letters.count / 4 * 3)
        for start in stride(from: 0, to: letters.count, by: 4) {
            let isLast = start + 4 == letters.count
            let padding =
                !isLast || letters[start + 3] != UInt8(ascii: "=")
                ? 0 : letters[start + 2] != UInt8(ascii: "=") ? 1 : 2
            var word: UInt32 = 0
            for index in 0..<(4 - padding) {
                let value = values[Int(letters[start + index])]
                guard value < 64 else { return nil }
                word = word << 6 | UInt32(value)
            }
            word <<= UInt32(6 * padding)
            // Bits beyond the last byte would be a second spelling of the same bytes.
            guard word & (padding == 0 ? 0 : padding == 1 ? 0xff : 0xffff) == 0 else { return nil }
            for index in 0..<(3 - padding) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * index)))
            }
        }
        return bytes
    }
}
