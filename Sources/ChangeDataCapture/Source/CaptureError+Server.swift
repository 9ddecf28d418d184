import PostgresProtocol

extension CaptureError {
    /// What the server says, with the cure that a person has for it. `doing` is what was asked:
    /// "log in", "create the publication".
    static func of(_ report: ServerReport, doing: String) -> CaptureError {
        let message = "cannot \(doing): \(report.message)"
        let known = CaptureReport(
            message, detail: report.detail.map(withStop),
            hint: cure(report) ?? report.hint.map(withStop))
        switch report.sqlState {
        case "28P01", "28000": return .authentication(known)
        // Who ends long statements means the stream too: PostgreSQL's own receivers go on.
        case "57014" where doing == "stream": return .connection(known)
        // A standby's log goes on whoever reads; what that means for the slot the next try is told.
        case "40001" where doing == "stream": return .connection(known)
        case "57P01", "57P02", "57P03", "08006", "08003", "57P05": return .connection(known)
        case "42501", "53400", "0A000", "58P01": return .setting(known)
        case "55000":
            return report.message.hasPrefix("cannot read from logical replication slot")
                || report.message.mentions("can no longer get changes from replication slot")
                || (report.detail ?? "").mentions("invalidated")
                ? .slotLost(known) : .setting(known)
        default: return .server(known, state: report.sqlState)
        }
    }

    static func of(_ error: ProtocolError, doing: String, _ address: PostgresAddress)
        -> CaptureError
    {
        switch error {
        case .server(let report): return of(report, doing: doing)
        case .malformed(let what):
            return .malformed(
                CaptureReport("\(address.description) sent \(what)", hint: "is it PostgreSQL?"))
        case .noPassword:
            return .authentication(
                CaptureReport(
                    "\(address.description) asks for the password of \"\(address.user)\"",
                    hint: passwordPlaces))
        case .unsupportedAuthentication(let name):
            return .authentication(
                CaptureReport(
                    "\(address.description) asks for a login by \(name)",
                    hint: "scram-sha-256, md5, password and trust are spoken here (pg_hba.conf)"))
        case .noChannelBinding:
            return .authentication(
                CaptureReport(
                    "\(address.description) offers no login that is bound to TLS "
                        + "(SCRAM-SHA-256-PLUS), and channel_binding=require wants one"))
        case .unprovenServer:
            return .authentication(
                CaptureReport("\(address.description) did not prove that it knows the password"))
        }
    }

    static let olderPublication =
        "it must be older than the slot: drop the slot (rtd cdc URL --slots --drop NAME) "
        + "and begin with a new snapshot"

    static let passwordPlaces =
        "it is taken from the address, PGPASSWORD, --password-file or ~/.pgpass"

    private static func withStop(_ text: String) -> String {
        text.hasSuffix(".") || text.isEmpty ? text : text + "."
    }

    private static func cure(_ report: ServerReport) -> String? {
        let message = report.message
        switch report.sqlState {
        case "28P01": return passwordPlaces
        case "28000" where message.mentions("pg_hba"):
            return "pg_hba.conf of the server decides who may come from where"
        case "42501" where message.mentions("replication"):
            return "ALTER ROLE ... REPLICATION gives the role that right"
        case "42501" where message.mentions("owner of table"):
            return "let the owner make a publication and name it with --publication"
        case "42501" where message.mentions("permission denied for database"):
            return "GRANT CREATE ON DATABASE lets the role make a publication; --publication names "
                + "one that is there"
        case "42501" where message.mentions("row-level security"):
            return "ALTER ROLE ... BYPASSRLS lets the snapshot see all rows"
        case "42501" where message.mentions("permission denied for table"):
            return "GRANT SELECT lets the snapshot read it, or leave it out with --exclude"
        case "53400" where message.mentions("slots"):
            return "raise max_replication_slots, or drop a forgotten slot (rtd cdc URL --slots)"
        case "53300" where message.mentions("max_wal_senders"): return "raise max_wal_senders"
        case "53300": return "raise max_connections, or --retry D waits for one that is free"
        case "25006" where message.mentions("PUBLICATION"):
            return "a standby makes none: make it on the primary, and name it with --publication"
        case "55000" where message.mentions("wal_level"):
            return "ALTER SYSTEM SET wal_level = logical, then restart the server"
        case "55000"
        where (report.detail ?? "").mentions("invalidated")
            || message.mentions("can no longer get changes"):
            return "drop it (rtd cdc URL --slots --drop NAME) and begin with a new snapshot"
        case "55006": return "end the other consumer, or wait for wal_sender_timeout"
        case "42704" where message.mentions("publication"):
            return olderPublication
        default: return nil
        }
    }

    /// Whether trying again may help.
    var isPassing: Bool {
        switch self {
        case .connection: true
        case .server(_, let state): state == "55006" || state == "53300"
        default: false
        }
    }
}

extension String {
    /// Whether the text is part of this one; the standard library alone has no such search.
    fileprivate func mentions(_ text: String) -> Bool {
        var rest = utf8[...]
        while rest.count >= text.utf8.count {
            if rest.starts(with: text.utf8) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
