/// A topic's or directory's identity, 16 bytes on the wire; its text is base64url without padding.
public struct UUID: Hashable, Sendable {
    /// Bytes 0 to 7, big-endian.
    public var high: UInt64
    /// Bytes 8 to 15, big-endian.
    public var low: UInt64

    /// Kafka's "no id".
    public static let zero = UUID(high: 0, low: 0)

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Characters of the text form: 128 bits in sixes.
    static let textCount = 22
    static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Reads Kafka's text form; nil unless it is the 22 characters that `description` gives.
    public init?(_ text: String) {
        let characters = Array(text.utf8)
        guard characters.count == UUID.textCount else { return nil }
        var bits: UInt128 = 0
        for character in characters.dropLast() {
            guard let digit = UUID.alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt128(digit)
        }
        // The last character carries two bits; were its low four free, two texts meant one id.
        guard let last = characters.last.flatMap({ UUID.alphabet.firstIndex(of: $0) }),
            last & 0xf == 0
        else { return nil }
        bits = bits << 2 | UInt128(last >> 4)
        self.init(
            high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}

extension UUID: CustomStringConvertible {
    public var description: String {
        let bits = UInt128(high) << 64 | UInt128(low)
        var characters: [UInt8] = []
        for shift in stride(from: 122, through: 2, by: -6) {
            characters.append(UUID.alphabet[Int(truncatingIfNeeded: bits >> UInt128(shift)) & 63])
        }
        characters.append(UUID.alphabet[Int(truncatingIfNeeded: bits & 3) << 4])
        return String(decoding: characters, as: UTF8.self)
    }
}
