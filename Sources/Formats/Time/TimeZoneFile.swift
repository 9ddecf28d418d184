import Bytes

/// Reads a TZif file (RFC 8536), versions 1 to 4; nil if it is none.
public enum TimeZoneFile {
    private struct Header {
        var utcCount = 0
        var standardCount = 0
        var leapCount = 0
        var timeCount = 0
        var typeCount = 0
        var characterCount = 0

        func size(_ timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + characterCount
                + leapCount * (timeSize + 4) + standardCount + utcCount
        }
    }

    public static func parse(_ bytes: [UInt8], name: String) -> TimeZone? {
        guard bytes.count >= 44, let first = header(bytes, 0) else { return nil }
        let version = bytes[4]
        if version == 0 { return zone(bytes, 44, first, 4, nil, name) }
        // The second block has the same times in 64 bits, and the rule behind it.
        let start = 44 + first.size(4)
        guard let second = header(bytes, start) else { return nil }
        let end = start + 44 + second.size(8)
        guard end < bytes.count, bytes[end] == 0x0a else { return nil }
        let footer = bytes[(end + 1)...].prefix { $0 != 0x0a }
        let rule = TimeZoneRule(String(decoding: footer, as: UTF8.self))
        return zone(bytes, start + 44, second, 8, rule, name)
    }

    private static func integer(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int64 {
        var value: Int64 = bytes[at] >= 0x80 ? -1 : 0
        for offset in 0..<size { value = value << 8 | Int64(bytes[at + offset]) }
        return value
    }

    private static func header(_ bytes: [UInt8], _ at: Int) -> Header? {
        guard bytes.count - at >= 44, bytes[at..<at + 4].elementsEqual("TZif".utf8) else {
            return nil
        }
        func count(_ index: Int) -> Int { Int(integer(bytes, at + 20 + index * 4, 4)) }
        let header = Header(
            utcCount: count(0), standardCount: count(1), leapCount: count(2), timeCount: count(3),
            typeCount: count(4), characterCount: count(5))
        let limit = bytes.count
        guard (0...limit).contains(header.timeCount), (1...256).contains(header.typeCount),
            (0...limit).contains(header.characterCount), (0...limit).contains(header.leapCount),
            (0...256).contains(header.standardCount), (0...256).contains(header.utcCount)
        else { return nil }
        return header
    }

    private static func zone(
        _ bytes: [UInt8], _ start: Int, _ header: Header, _ timeSize: Int, _ rule: TimeZoneRule?,
        _ name: String
    ) -> TimeZone? {
        guard start + header.size(timeSize) <= bytes.count else { return nil }
        let types = start + header.timeCount * (timeSize + 1)
        let names = types + header.typeCount * 6
        func type(_ index: Int) -> (offset: Int32, name: String)? {
            guard index < header.typeCount else { return nil }
            let at = types + index * 6
            let nameStart = Int(bytes[at + 5])
            guard nameStart <= header.characterCount else { return nil }
            let text = bytes[(names + nameStart)..<(names + header.characterCount)]
                .prefix { $0 != 0 }
            return (Int32(integer(bytes, at, 4)), String(decoding: text, as: UTF8.self))
        }
        var transitions: [Int64] = []
        var offsets: [Int32] = []
        var abbreviations: [String] = []
        for index in 0..<header.timeCount {
            let time = integer(bytes, start + index * timeSize, timeSize)
            guard let kind = type(Int(bytes[start + header.timeCount * timeSize + index])),
                transitions.last.map({ $0 < time }) ?? true
            else { return nil }
            transitions.append(time)
            offsets.append(kind.offset)
            abbreviations.append(kind.name)
        }
        guard let first = type(0) else { return nil }
        return TimeZone(
            name: name, transitions: transitions, offsets: offsets, abbreviations: abbreviations,
            firstOffset: first.offset, firstAbbreviation: first.name, rule: rule)
    }
}
