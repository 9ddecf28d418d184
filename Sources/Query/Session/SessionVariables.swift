import Aggregation
import Formats
import Platform
import SQL

/// What SET changes and SHOW shows, by PostgreSQL's names.
struct SessionVariables {
    private(set) var timeZone = TimeZone.utc
    private var values: [String: String] = [:]
    private var statementStart: Int64 = 0
    private var seeds = SystemRandomNumberGenerator()

    /// With the values that they have; of those that would change results no other is taken.
    private static let known: [String: String] = [
        "timezone": "UTC", "datestyle": "ISO, MDY", "intervalstyle": "postgres",
        "bytea_output": "hex", "client_encoding": "UTF8", "server_encoding": "UTF8",
        "extra_float_digits": "1", "standard_conforming_strings": "on", "search_path": "public",
        "application_name": "", "statement_timeout": "0", "client_min_messages": "notice",
        "server_version": "15.0", "integer_datetimes": "on", "lc_collate": "C.UTF-8",
        "work_mem": "4MB",
    ]

    /// What else SHOW knows, for hints.
    private static let shown = ["TOPICS", "GROUPS", "CONFIGS", "TABLES", "VIEWS"]

    private static let spellings: [String: String] = [
        "timezone": "TimeZone", "datestyle": "DateStyle", "intervalstyle": "IntervalStyle",
    ]

    /// What a setting may be, in lower case and without spaces, where another value would promise
    /// what does not happen.
    private static let possible: [String: Set<String>] = [
        "datestyle": ["iso", "iso,mdy", "mdy", "mdy,iso"], "intervalstyle": ["postgres"],
        "bytea_output": ["hex"], "client_encoding": ["utf8", "utf-8", "unicode"],
        "extra_float_digits": ["1", "2", "3"],
        "standard_conforming_strings": ["on", "true", "yes", "1"],
        "statement_timeout": ["0", "0ms", "0s"],
    ]

    private static let readOnly: Set<String> = [
        "server_encoding", "server_version", "integer_datetimes", "lc_collate",
    ]

    /// Takes the time of a statement's start.
    mutating func startStatement(_ clock: any Clock) {
        statementStart = clock.wallMilliseconds * 1_000
    }

    var settings: SessionSettings {
        mutating get {
            SessionSettings(
                now: statementStart, timeZone: timeZone, randomSeed: seeds.next(),
                zones: { TimeZoneFiles.find($0) },
                clock: { SystemClock().wallMilliseconds * 1_000 })
        }
    }

    mutating func set(_ setting: SettingSyntax) throws(SQLError) {
        let name = try check(setting)
        guard !Self.readOnly.contains(name) else {
            throw SQLError(
                "parameter \"\(name)\" cannot be changed", .cannotChangeRuntimeParameter,
                at: setting.place)
        }
        guard let value = setting.value else {
            values[name] = nil
            if name == "timezone" { timeZone = .utc }
            return
        }
        let plain = value.lowercased().filter { !$0.isWhitespace }
        if let possible = Self.possible[name], !possible.contains(plain) {
            let spelled = Self.spellings[name] ?? name
            throw SQLError(
                "\(spelled) \"\(value)\" is not supported", .featureNotSupported, at: setting.place,
                hint: "It is always \"\(Self.known[name] ?? "")\".")
        }
        if name == "timezone" { timeZone = try TimeZoneFiles.zone(named: value, at: setting.place) }
        values[name] = name == "datestyle" ? "ISO, MDY" : value
    }

    /// The shown name and value.
    func show(_ setting: SettingSyntax) throws(SQLError) -> (String, String) {
        let name = try check(setting)
        let value = values[name] ?? Self.known[name] ?? ""
        return (Self.spellings[name] ?? name, value)
    }

    var all: [(String, String)] {
        Self.known.keys.sorted().map {
            (Self.spellings[$0] ?? $0, values[$0] ?? Self.known[$0] ?? "")
        }
    }

    private func check(_ setting: SettingSyntax) throws(SQLError) -> String {
        let folded = setting.name.text.lowercased()
        let name = folded == "time zone" ? "timezone" : folded
        guard Self.known[name] != nil else {
            throw SQLError(
                "unrecognized configuration parameter \"\(setting.name.text)\"",
                .undefinedObject, at: setting.name.place
            ).suggesting(Self.known.keys.sorted() + Self.shown, for: setting.name.text)
        }
        return name
    }
}
