/// What ends a capture at its source: a message, and the way out, as a person reads them.
public enum CaptureError: Error, Sendable {
    /// The server cannot be reached, or the connection was lost and did not come back.
    case connection(CaptureReport)
    /// The server does not let this user in.
    case authentication(CaptureReport)
    /// The server answers an error, with its SQLSTATE.
    case server(CaptureReport, state: String)
    /// The server sent what its protocol does not allow.
    case malformed(CaptureReport)
    /// Something about the database must be changed first: `wal_level`, rights, a slot, a key.
    case setting(CaptureReport)
    /// The slot has lost what was not read yet, or its log grew past the limit: only a new snapshot
    /// helps.
    case slotLost(CaptureReport)
    /// A file of this machine: the spool, the password file.
    case file(CaptureReport)
    /// A wrong address or option.
    case usage(CaptureReport)

    static func wrongWidth(_ table: CapturedTable) -> CaptureError {
        .malformed(
            CaptureReport("a row of \(table.schema).\(table.name) has another number of columns"))
    }

    public var report: CaptureReport {
        switch self {
        case .connection(let report), .authentication(let report), .server(let report, _),
            .malformed(let report), .setting(let report), .slotLost(let report), .file(let report),
            .usage(let report):
            report
        }
    }
}

/// The words of an error: the message without a full stop, detail and hint as sentences.
public struct CaptureReport: Sendable, Equatable {
    public var message: String
    public var detail: String?
    public var hint: String?

    public init(_ message: String, detail: String? = nil, hint: String? = nil) {
        self.message = message
        self.detail = detail
        self.hint = hint
    }
}

extension CaptureError: CustomStringConvertible {
    /// One line: message, detail in parentheses, hint behind a semicolon.
    public var description: String {
        let report = report
        var line = report.message
        if let detail = report.detail { line += " (\(detail))" }
        if let hint = report.hint { line += "; \(hint)" }
        return line
    }
}
