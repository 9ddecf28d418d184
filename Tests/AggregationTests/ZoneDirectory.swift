import Foundation

import Formats

/// The zones of the system's files by name, in any case of letters.
enum ZoneDirectory {
    private static let root = "/usr/share/zoneinfo"

    private static let names: [String: String] = {
        var names: [String: String] = [:]
        for name in FileManager.default.subpaths(atPath: root) ?? [] {
            names[name.lowercased()] = name
        }
        return names
    }()

    static func zone(_ name: String) -> Formats.TimeZone? {
        guard let exact = names[name.lowercased()],
            let data = FileManager.default.contents(atPath: root + "/" + exact)
        else { return nil }
        return TimeZoneFile.parse(Array(data), name: exact)
    }

    static func settings(_ name: String) -> TextSettings {
        TextSettings(timeZone: zone(name) ?? .utc, now: 0, zones: { zone($0) })
    }
}
