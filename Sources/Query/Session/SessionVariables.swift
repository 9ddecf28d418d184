import Aggregation
import Formats
import Platform
import SQL

/// What SET changes and SHOW shows, by PostgreSQL's names. Used by the session's thread.
struct SessionVariables {
    private(set) var timeZone = TimeZone.utc
    private var values: [String: String] = [:]
    /// What SET LOCAL has changed, as it was before; `.some(nil)`: it was not set.
    private var locals: [String: String?] = [:]
    private var statementStart: Int64 = 0
    /// Of the transaction block that is open, which now() gives.
    var transactionStart: Int64?
    /// What functions ask of the session.
    var services: (any SessionServices)?
    private var seeds = SystemRandomNumberGenerator()

    private static let spellings: [String: String] = [
        "timezone": "TimeZone", "datestyle": "DateStyle", "intervalstyle": "IntervalStyle",
    ]

    /// What else SHOW knows, for hints.
    private static let shown = ["TOPICS", "GROUPS", "CONFIGS", "TABLES", "VIEWS"]

    private static let known = SettingDescription.all

    /// Takes the time of a statement's start.
    mutating func startStatement(_ clock: any Clock) {
        statementStart = clock.wallMilliseconds * 1_000
    }

    var settings: SessionSettings {
        mutating get {
            var settings = SessionSettings(
                now: transactionStart ?? statementStart, timeZone: timeZone,
                randomSeed: seeds.next(), zones: { TimeZoneFiles.find($0) },
                clock: { SystemClock().wallMicroseconds })
            settings.statementStart = statementStart
            settings.services = services
            return settings
        }
    }

    /// The start of a statement, in microseconds.
    var now: Int64 { statementStart }

    mutating func set(_ setting: SettingSyntax) throws(SQLError) {
        let name = try check(setting)
        guard Self.known[name]?.isReadOnly != true else {
            throw SQLError(
                "parameter \"\(name)\" cannot be changed", .cannotChangeRuntimeParameter,
                at: setting.place)
        }
        if setting.isLocal {
            if locals[name] == nil { locals[name] = .some(values[name]) }
        } else {
            locals[name] = nil
        }
        guard let value = setting.value else { return try assign(name, nil) }
        let plain = value.lowercased().filter { !$0.isWhitespace }
        if let possible = Self.known[name]?.possible, !possible.contains(plain) {
            throw SQLError(
                "\(spelled(name)) \"\(value)\" is not supported", .featureNotSupported,
                at: setting.place, hint: "It is always \"\(Self.known[name]?.standard ?? "")\".")
        }
        try placed(setting.place) { () throws(SQLError) in
            try assign(name, name == "datestyle" ? "ISO, MDY" : value)
        }
    }

    /// RESET ALL
    mutating func resetAll() {
        locals = [:]
        values = [:]
        timeZone = .utc
    }

    /// A mode of the transaction that is open.
    mutating func setLocal(_ name: String, _ value: String) {
        if locals[name] == nil { locals[name] = .some(values[name]) }
        values[name] = value
    }

    /// ROLLBACK takes back what was set, not the time that it is.
    mutating func keepTimes(of other: SessionVariables) {
        statementStart = other.statementStart
        transactionStart = other.transactionStart
    }

    /// COMMIT: what SET LOCAL has changed is as it was.
    mutating func endLocals() {
        for (name, value) in locals { try? assign(name, value) }
        locals = [:]
    }

    /// statement_timeout; nil: none.
    var timeoutMilliseconds: Int64? {
        guard let value = values["statement_timeout"],
            let milliseconds = StatementTimer.milliseconds(value), milliseconds > 0
        else { return nil }
        return milliseconds
    }

    private mutating func assign(_ name: String, _ value: String?) throws(SQLError) {
        if name == "statement_timeout", let value {
            guard let milliseconds = StatementTimer.milliseconds(value) else {
                throw SQLError(
                    "invalid value for parameter \"statement_timeout\": \"\(value)\"",
                    .invalidParameterValue,
                    hint: "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", "
                        + "\"h\", and \"d\".")
            }
            values[name] = StatementTimer.text(milliseconds)
            return
        }
        guard name == "timezone" else {
            values[name] = value
            return
        }
        guard let value else {
            timeZone = .utc
            values[name] = nil
            return
        }
        let (zone, shown) = try SessionVariables.zone(value)
        timeZone = zone
        values[name] = shown
    }

    /// A zone's name, or hours east of UTC: `5`, `-3.5`, `interval +02:00`.
    private static func zone(_ value: String) throws(SQLError) -> (TimeZone, String) {
        let lower = value.lowercased()
        var seconds: Int64?
        if lower.hasPrefix("interval ") {
            let parsed = try TypeText.parse(String(value.dropFirst(9)), as: .interval)
            guard case .interval(let span) = parsed, span.months == 0, span.days == 0 else {
                throw SQLError(
                    "invalid value for parameter \"TimeZone\": \"\(value)\"", .invalidParameterValue
                )
            }
            seconds = span.microseconds / 1_000_000
        } else if let hours = Double(value), hours.isFinite, hours.magnitude < 168 {
            seconds = Int64(hours * 3_600)
        }
        guard let seconds else {
            if let zone = TimeZoneFiles.find(value) { return (zone, zone.name) }
            // `+07:00` is hours and minutes as POSIX counts them: positive is west.
            if TimeZoneRule(value) != nil || value.split(separator: ":").count == 2,
                let zone = try? TimeZone.named(value, { _ in nil })
            {
                return (zone, value)
            }
            return (try TimeZoneFiles.zone(named: value, at: nil), value)
        }
        let zone = TimeZone(fixedOffset: Int32(seconds))
        let west = TimeZone(fixedOffset: Int32(-seconds))
        return (zone, "<\(zone.name)>\(west.name)")
    }

    /// The shown name and value.
    func show(_ setting: SettingSyntax) throws(SQLError) -> (String, String) {
        let name = try check(setting)
        return (spelled(name), value(name) ?? "")
    }

    /// nil: there is no such setting.
    func value(_ name: String) -> String? {
        let folded = name.lowercased()
        return values[folded] ?? Self.known[folded]?.standard
    }

    /// Name, value and description, by name.
    var all: [(String, String, String)] {
        Self.known.keys.sorted().map { name in
            (spelled(name), value(name) ?? "", Self.known[name]?.summary ?? "")
        }
    }

    private func spelled(_ name: String) -> String { Self.spellings[name] ?? name }

    private func check(_ setting: SettingSyntax) throws(SQLError) -> String {
        let folded = setting.name.text.lowercased()
        let name = folded == "time zone" ? "timezone" : folded
        // Names of applications have a dot in them, and come to be when they are set; so do those
        // by which scripts tune RisingWave.
        if name.contains(".") || name.hasPrefix("rw_"), setting.isAssignment || values[name] != nil
        {
            return name
        }
        guard Self.known[name] != nil else {
            throw SQLError(
                "unrecognized configuration parameter \"\(setting.name.text)\"",
                .undefinedObject, at: setting.name.place
            ).suggesting(Self.known.keys.sorted() + Self.shown, for: setting.name.text)
        }
        return name
    }
}

/// A setting: its value where nobody has set it, and what it may be.
struct SettingDescription {
    let standard: String
    let summary: String
    /// In lower case and without spaces, where another value would promise what does not happen.
    var possible: Set<String>?
    var isReadOnly = false

    init(_ standard: String, _ summary: String) {
        self.standard = standard
        self.summary = summary
    }

    private static func fixed(_ standard: String, _ summary: String) -> SettingDescription {
        var setting = SettingDescription(standard, summary)
        setting.isReadOnly = true
        return setting
    }

    private static func only(
        _ standard: String, _ summary: String, _ possible: Set<String>
    ) -> SettingDescription {
        var setting = SettingDescription(standard, summary)
        setting.possible = possible
        return setting
    }

    static let all: [String: SettingDescription] = {
        let on: Set<String> = ["on", "true", "yes", "1"]
        let none: Set<String> = ["0", "0ms", "0s"]
        let levels: Set<String> = [
            "readuncommitted", "readcommitted", "repeatableread", "serializable",
        ]
        let own: [String: SettingDescription] = [
            "application_name": .init("", "Name of the application, for people."),
            "bytea_output": .only("hex", "Format of bytea as text.", ["hex"]),
            "client_encoding": .only(
                "UTF8", "Encoding of the client's text.", ["utf8", "utf-8", "unicode"]),
            "client_min_messages": .init("notice", "Messages that the client is told."),
            "datestyle": .only(
                "ISO, MDY", "Format of dates and times.", ["iso", "iso,mdy", "mdy", "mdy,iso"]),
            "default_transaction_isolation": .only(
                "read committed", "Isolation of new transactions.", levels),
            "default_transaction_read_only": .only(
                "off", "Whether new transactions change nothing.", ["off", "false", "no", "0"]),
            "extra_float_digits": .only(
                "1", "Digits of floating-point numbers as text.", ["1", "2", "3"]),
            "idle_in_transaction_session_timeout": .only(
                "0", "How long a transaction may be idle.", none),
            "integer_datetimes": .fixed("on", "Times are whole microseconds."),
            "intervalstyle": .only("postgres", "Format of intervals.", ["postgres"]),
            "is_superuser": .fixed("on", "Whether the user may do everything."),
            "lc_collate": .fixed("C.UTF-8", "Order of text."),
            "lc_ctype": .fixed("C.UTF-8", "Classes of characters."),
            "lock_timeout": .only("0", "How long a lock is waited for.", none),
            "search_path": .init("public", "Schemas of names without one."),
            "server_encoding": .fixed("UTF8", "Encoding of stored text."),
            "server_version": .fixed(
                FunctionRegistry.serverVersion, "PostgreSQL's version of the dialect."),
            "server_version_num": .fixed("150000", "The same as a number."),
            "session_authorization": .fixed("rtd", "The user of the session."),
            "standard_conforming_strings": .only(
                "on", "Backslashes in '...' are plain characters.", on),
            "statement_timeout": .init("0", "How long a statement may run."),
            "timezone": .init("UTC", "Zone of timestamps with time zone as text."),
            "transaction_isolation": .only(
                "read committed", "Isolation of the transaction.", levels),
            "transaction_read_only": .init("off", "Whether the transaction changes nothing."),
            "work_mem": .init("4MB", "Not used; --memory bounds a query."),
        ]
        return withoutEffect.mapValues {
            SettingDescription($0, "Accepted; nothing follows from it.")
        }
        .merging(own) { _, own in own }
    }()
}
