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
