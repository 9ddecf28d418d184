extension TimeZone {
    /// The zone that AT TIME ZONE and to_char mean by a name: an abbreviation (`PST`), a file's
    /// name (`Europe/Berlin`), POSIX's form (`EST5EDT`, `UTC+2`) or hours west of UTC (`+02`).
    public static func named(
        _ name: String, _ zones: (String) -> TimeZone?
    ) throws(SQLError) -> TimeZone {
        let lower = name.lowercased()
        if let hours = TimeWord.zones[lower] {
            return TimeZone(fixedOffset: Int32(hours * 3600), name: name.uppercased())
        }
        if let zone = zones(name) { return zone }
        if let rule = TimeZoneRule(name) {
            return TimeZone(
                name: name, firstOffset: rule.standard, firstAbbreviation: rule.standardName,
                rule: rule)
        }
        // A number alone counts as POSIX counts: positive is west.
        let text = Array(lower.utf8)
        let isSigned = text.first == UInt8(ascii: "+") || text.first == UInt8(ascii: "-")
        if let west = try? TimeDecoder.displacement(isSigned ? text[...] : [0x2b] + text[...]) {
            return TimeZone(fixedOffset: -west)
        }
        throw SQLError("time zone \"\(name)\" not recognized", .invalidParameterValue)
    }
}
