import Bytes
import Formats

/// What changes of one kind in one table and transaction have in common in Debezium's envelope, as
/// bytes to be copied. `DebeziumEncoder` makes it at the second one, for that transaction only.
struct DebeziumFragments {
    /// What must be the same.
    struct Place {
        let plan: TablePlan
        let kind: Change.Kind
        let snapshot: SnapshotMark

        init(_ plan: TablePlan, _ change: Change) {
            self.plan = plan
            kind = change.kind
            snapshot = change.snapshot
        }

        @inline(__always)
        func covers(_ change: Change, _ plan: TablePlan) -> Bool {
            self.plan === plan && kind == change.kind && snapshot == change.snapshot
        }
    }

    let place: Place
    /// The fragments one behind the other: up to the position, from there to where it stands again,
    /// up to the time of processing, and from there up to the change's number, or to the end where
    /// it has none.
    let bytes: [UInt8]
    let middle: Int
    let operation: Int
    let identifier: Int
}
