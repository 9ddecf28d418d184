import PostgresProtocol

/// Whose log a position is of: outputs keep it beside their position, for positions are numbers
/// that every server has.
public struct SourceServer: Sendable, Equatable, CustomStringConvertible {
    /// PostgreSQL's system identifier, which initdb makes up and standbys share.
    public var system: String
    /// Another one after each promotion; 0 of a standby, whose own changes beneath a stream.
    public var timeline: UInt32

    public init(system: String, timeline: UInt32) {
        self.system = system
        self.timeline = timeline
    }

    /// `7412345678901234567/1`.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let timeline = UInt32(parts[1]) else {
            return nil
        }
        self.init(system: String(parts[0]), timeline: timeline)
    }

    public var description: String { "\(system)/\(timeline)" }

    /// Why the server `now` does not go on behind `end` of this one's log; nil if it does.
    /// `history` is where its own has left older timelines.
    func gap(
        to now: SourceServer, history: [UInt32: LogSequenceNumber], behind end: LogSequenceNumber
    ) -> String? {
        guard system == now.system else {
            return "it is of another server (system identifier \(system), not \(now.system))"
        }
        guard timeline != 0, now.timeline != 0, timeline != now.timeline else { return nil }
        guard let left = history[timeline] else {
            return "it is of timeline \(timeline), which the server's timeline \(now.timeline) "
                + "does not come from"
        }
        guard end > left else { return nil }
        return "the server has left its timeline \(timeline) before that, at \(left), in a "
            + "fail-over or from a backup"
    }

    /// Reads a timeline's history file: a line for each it comes from, such as
    /// `1<TAB>0/3000000<TAB>no recovery target specified`.
    static func history(_ text: String) -> [UInt32: LogSequenceNumber] {
        var found: [UInt32: LogSequenceNumber] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "\t")
            guard words.count >= 2, let timeline = UInt32(words[0]),
                let end = LogSequenceNumber(words[1])
            else { continue }
            found[timeline] = end
        }
        return found
    }
}

extension CaptureSession {
    private static let doing = "ask which server it is"

    /// At each connection of a slot that is kept: whether the server goes on with the log behind
    /// `end`, if there is such a position.
    func recognizeServer(behind end: LogSequenceNumber?) throws(CaptureError) {
        guard !isTemporary, let replication else { return }
        let row = try replication.rows("IDENTIFY_SYSTEM", doing: Self.doing).first ?? []
        guard row.count >= 2, let system = row[0], let number = row[1].flatMap({ UInt32($0) })
        else { throw replication.unexpected(Self.doing) }
        let isStandby =
            try statements().value("SELECT pg_is_in_recovery()", doing: Self.doing) == "t"
        let now = SourceServer(system: system, timeline: isStandby ? 0 : number)
        if let end, let server, server != now {
            var history: [UInt32: LogSequenceNumber] = [:]
            if server.system == now.system, now.timeline > 1 {
                let rows = try replication.rows(
                    "TIMELINE_HISTORY \(now.timeline)", doing: Self.doing)
                history = SourceServer.history(rows.first?.last?.flatMap { $0 } ?? "")
            }
            if let reason = server.gap(to: now, history: history, behind: end) {
                throw .slotLost(
                    CaptureReport(
                        "the output ends at \(end) of a log that this server does not go on with: "
                            + reason, hint: "--snapshot always begins anew"))
            }
        }
        server = now
        sink.follows(now)
    }
}
