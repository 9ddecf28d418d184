import Formats
import Platform

/// Time zones from the system's TZif files.
enum TimeZoneFiles {
    private static let directories = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"]
    private static let bytesMax = 1 << 20

    static func zone(named name: String, at place: Range<Int>?) throws(SQLError) -> TimeZone {
        if ["utc", "gmt", "z", "etc/utc"].contains(name.lowercased()) { return .utc }
        guard isSafe(name) else { throw unknown(name, place) }
        for directory in directories {
            let path = "\(directory)/\(name)"
            guard let bytes = try? StandardInput.readAll(path: path, limit: bytesMax) else {
                continue
            }
            if let zone = TimeZoneFile.parse(bytes, name: name) { return zone }
        }
        throw unknown(name, place)
    }

    /// Zones that were found by name; kernels of all threads ask, once a batch.
    private static let found = FoundZones()

    /// The zone of a name in any case of letters; nil: there is none.
    static func find(_ name: String) -> TimeZone? {
        found.zone(name) {
            for spelling in [name, capitalised(name), name.uppercased(), country(name)] {
                if let zone = try? zone(named: spelling, at: nil) { return zone }
            }
            return nil
        }
    }

    /// `america/new_york` as the files have it: `America/New_York`.
    private static func capitalised(_ name: String) -> String {
        var result = ""
        var isFirst = true
        for character in name.lowercased() {
            result += isFirst ? character.uppercased() : String(character)
            isFirst = character == "/" || character == "_" || character == "-"
        }
        return result
    }

    /// `us/pacific` as the files have it: `US/Pacific`.
    private static func country(_ name: String) -> String {
        let parts = name.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return name }
        return parts[0].uppercased() + "/" + capitalised(String(parts[1]))
    }

    /// A relative path below the directory, and nothing else.
    private static func isSafe(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix("/")
            && !name.split(separator: "/").contains("..")
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    private static func unknown(_ name: String, _ place: Range<Int>?) -> SQLError {
        SQLError(
            "invalid value for parameter \"TimeZone\": \"\(name)\"", .invalidParameterValue,
            at: place)
    }
}

/// Zones by the names that they were asked for, under a lock.
private final class FoundZones: @unchecked Sendable {
    private let lock = Lock()
    private var zones: [String: TimeZone?] = [:]
    private static let namesMax = 1000

    func zone(_ name: String, _ load: () -> TimeZone?) -> TimeZone? {
        lock.withLock {
            if let known = zones[name] { return known }
            if zones.count >= Self.namesMax { zones = [:] }
            let zone = load()
            zones[name] = .some(zone)
            return zone
        }
    }
}
