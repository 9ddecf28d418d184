/// Counts the events of a transaction as Debezium's envelopes number them: an update that moves the
/// key is two. Owned by an encoder, on its thread.
struct EventNumbers {
    private var transaction: LogSequenceNumber?
    private var xid: UInt32 = 0
    /// Second halves in this transaction: each is one event more.
    private var splits = 0
    /// Of this transaction; rows that were read are none.
    private(set) var events = 0

    /// True if the transaction is another than before.
    mutating func begins(_ transaction: SourceTransaction) -> Bool {
        // A message outside of transactions may end where a transaction's commit begins.
        guard transaction.commit != self.transaction || transaction.xid != xid else {
            return false
        }
        self.transaction = transaction.commit
        xid = transaction.xid
        splits = 0
        events = 0
        return true
    }

    /// The number of the next event in its transaction, and among those of its table.
    mutating func next(_ change: Change, _ plan: TablePlan?) -> (total: Int, ofTable: Int) {
        events += 1
        if change.isSecondHalf { splits += 1 }
        let total = change.order + splits
        guard let plan else { return (total, change.tableOrder) }
        if plan.transaction != transaction {
            plan.transaction = transaction
            plan.splits = 0
        }
        if change.isSecondHalf { plan.splits += 1 }
        plan.events = change.tableOrder + plan.splits
        return (total, plan.events)
    }
}

extension SourceTransaction {
    /// As envelopes name it.
    var identifier: String { "\(xid):\(commit.value)" }
}

extension Change {
    /// Whether it has a number in its transaction.
    var isNumbered: Bool { kind != .read && transaction.xid != 0 }
}
