import PostgresProtocol

/// The publications that captures make for a slot: one of its name, and one of inserts. They say so
/// in their comments; what has such a name and does not is somebody's own, and left alone.
public enum OwnPublications {
    /// Of a slot whose rows are being read, and behind that.
    static let lacksRows = "rtd: its rows are not read yet"
    static let hasRows = "rtd: made for the slot of its name"

    /// The statement that makes one what it is.
    static func comment(_ name: String, _ text: String) -> String {
        "COMMENT ON PUBLICATION \(quotedName(name)) IS \(quotedText(text))"
    }

    static func inserts(of slot: String) -> String { "\(slot.prefix(55))_inserts" }

    /// Those that are there of a slot's two names, and whether a capture has made them.
    public static func find(
        of slot: String, _ connection: PostgresConnection
    ) throws(CaptureError) -> [(name: String, isOwn: Bool)] {
        let inserts = inserts(of: slot)
        // Those of older captures have no comment, but one that publishes inserts beside them.
        let rows = try connection.rows(
            """
            SELECT p.pubname, obj_description(p.oid, 'pg_publication') LIKE 'rtd: %'
            OR EXISTS (SELECT 1 FROM pg_publication i WHERE i.pubname = \(quotedText(inserts))
              AND (obj_description(i.oid, 'pg_publication') LIKE 'rtd: %'
                OR i.pubinsert AND NOT i.pubupdate AND NOT i.pubdelete))
            FROM pg_publication p
            WHERE p.pubname IN (\(quotedText(slot)), \(quotedText(inserts))) ORDER BY 1
            """, doing: "look for the publications of slot \"\(slot)\"")
        return rows.map { ($0[0] ?? "", $0[1] == "t") }
    }
}

extension CaptureSession {
    /// Publications of the slot's names that somebody else has made are neither changed nor used.
    func checkOwnership() throws(CaptureError) {
        guard configuration.publication == nil, !isTemporary else { return }
        let found = try OwnPublications.find(of: slotName, try statements())
        guard let other = found.first(where: { !$0.isOwn }) else { return }
        throw .setting(
            CaptureReport(
                "publication \"\(other.name)\" is there, and no capture has made it",
                hint: "--publication \(other.name) captures what it publishes; --slot NAME or "
                    + "--topic-prefix NAME makes one of another name"))
    }
}
