/// Why a slot is of no use any more, as `pg_replication_slots` tells it.
public enum SlotLoss {
    /// An expression over `pg_replication_slots` for `reason`; null while the slot is of use, and
    /// before PostgreSQL 16, where there is one reason only.
    public static func expression(version: Int) -> String {
        if version >= 170_000 { return "invalidation_reason" }
        // Slots on standbys came with 16, which does not tell what stood in their way.
        return version >= 160_000 ? "CASE WHEN conflicting THEN 'conflict' END" : "NULL::text"
    }

    /// What has happened to a slot whose `wal_status` is "lost".
    public static func text(_ reason: String?) -> String {
        switch reason {
        case "idle_timeout":
            "was given up by the server: nobody read it for idle_replication_slot_timeout"
        case "rows_removed":
            "was given up by the standby: its primary has removed rows of the catalog that it "
                + "needs (hot_standby_feedback = on keeps them)"
        case "conflict":
            "was given up by the standby: its primary has removed rows of the catalog that it "
                + "needs, or had another wal_level than logical"
        case "wal_level_insufficient":
            "was given up by the standby: its primary had another wal_level than logical"
        default: "has lost its log: it exceeded max_slot_wal_keep_size"
        }
    }
}
