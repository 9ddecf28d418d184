import Bytes
import Platform
import PostgresProtocol

extension PostgresConnection {
    /// The rows of a statement (the last one's, of several), as text. `doing` names it in errors:
    /// "read the catalog".
    public func rows(
        _ sql: String, doing: String, whileWaiting: (() throws(CaptureError) -> Void)? = nil
    ) throws(CaptureError) -> [[String?]] {
        try ask(sql)
        var rows: [[String?]] = []
        var failure: ServerReport?
        while true {
            switch try nextMessage(doing, whileWaiting: whileWaiting) {
            case .columns: rows = []
            case .row(let values):
                guard rows.count < Limits.catalogRowsMax else {
                    throw .malformed(CaptureReport("too many rows to \(doing)"))
                }
                rows.append(values.map { $0.map { String(decoding: $0, as: UTF8.self) } })
            case .error(let report):
                // A FATAL error is the last word: the connection ends behind it.
                if report.severity == "FATAL" { throw CaptureError.of(report, doing: doing) }
                failure = failure ?? report
            case .ready:
                if let failure { throw CaptureError.of(failure, doing: doing) }
                return rows
            case .complete, .emptyQuery, .parameter, .other: break
            default: throw unexpected(doing)
            }
        }
    }

    public func execute(_ sql: String, doing: String) throws(CaptureError) {
        _ = try rows(sql, doing: doing)
    }

    /// One value of one row; nil is null or no row.
    func value(_ sql: String, doing: String) throws(CaptureError) -> String? {
        try rows(sql, doing: doing).first?.first ?? nil
    }

    /// COPY ... TO STDOUT: gives each piece (a row with its line end) as it comes. What `body`
    /// throws ends the connection, as the server would go on sending.
    func copy(_ sql: String, doing: String, _ body: (RawSpan) throws -> Void) throws {
        try ask(sql)
        var failure: ServerReport?
        while true {
            while let frame = try nextFrame() {
                if frame.tag == UInt8(ascii: "d") {
                    let bytes = buffer
                    do { try body(bytes.rawSpan.extracting(frame.body)) } catch {
                        close()
                        throw error
                    }
                    continue
                }
                let message: BackendMessage
                let buffer = buffer
                do throws(ProtocolError) {
                    message = try BackendMessage.read(
                        frame.tag, buffer.rawSpan.extracting(frame.body))
                } catch { throw CaptureError.of(error, doing: doing, address) }
                switch message {
                case .error(let report): failure = failure ?? report
                case .ready:
                    if let failure { throw CaptureError.of(failure, doing: doing) }
                    return
                case .copyOut, .copyDone, .complete, .notice, .parameter, .other: break
                default: throw unexpected(doing)
                }
            }
            let hasCome = try receive(waitNanoseconds: 1_000_000_000)
            if isStopped { throw CaptureError.connection(CaptureReport("stopped")) }
            if !hasCome { try lookAfter() }
        }
    }

    /// Nothing has come for a second. A statement may take hours, so that its silence tells
    /// nothing: after a while another connection is asked whether the server is still at it.
    func lookAfter() throws(CaptureError) {
        let clock = SystemClock()
        let silence = clock.monotonicNanoseconds - max(asked, heard)
        guard version > 0 else {
            guard silence > Int64(address.connectTimeoutSeconds) * 1_000_000_000 else { return }
            throw lost("no answer within \(address.connectTimeoutSeconds) s")
        }
        guard let backend, silence > silenceMax else { return }
        let other: PostgresConnection
        do throws(CaptureError) { other = try PostgresConnection.open(address) } catch {
            if case .connection = error { throw lost("the server was silent for long") }
            asked = clock.monotonicNanoseconds
            return
        }
        defer { other.close() }
        let state = try other.value(
            "SELECT state FROM pg_stat_activity WHERE pid = \(backend)", doing: "look after it")
        if state == "active" || state == "fastpath function call" {
            asked = clock.monotonicNanoseconds
            return
        }
        // It has answered; perhaps just now.
        if try receive(waitNanoseconds: 1_000_000_000) { return }
        throw lost("the server was silent for \(silence / 1_000_000_000) s")
    }

    /// Sends a command that answers CopyBoth, and comes back when it has.
    func startCopyBoth(_ command: String, doing: String) throws(CaptureError) {
        try send(FrontendMessage.query(command))
        while true {
            switch try nextMessage(doing) {
            case .copyBoth: return
            case .error(let report): throw CaptureError.of(report, doing: doing)
            case .parameter, .other: continue
            default: throw unexpected(doing)
            }
        }
    }

    func unexpected(_ doing: String) -> CaptureError {
        .malformed(
            CaptureReport(
                "\(address.description) sent a message that does not belong there (\(doing))"))
    }
}

/// An identifier in double quotes, a text in single ones.
func quotedName(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        + "\""
}

func quotedText(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
}
