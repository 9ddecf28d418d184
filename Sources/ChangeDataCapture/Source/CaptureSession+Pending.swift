// Rows that are still to be read, of a slot whose output remembers nothing: a pipe's.
extension CaptureSession {
    /// In the transaction that asks for them: what was acknowledged is not sent again.
    func note(_ request: BackfillRequest, in memory: inout SourceMemory) {
        guard configuration.continuesSlot, keepsMemory else { return }
        memory.pending[request.text] = ""
    }

    /// What an earlier run has not read; it is begun anew, when all transactions that are open now
    /// have ended: one of them may be older than the table's place in the publication.
    func pendingStates() throws(CaptureError) -> [BackfillState] {
        guard configuration.continuesSlot, keepsMemory, !memory.pending.isEmpty else { return [] }
        let newest = try newestTransaction()
        return memory.pending.keys.sorted().compactMap { text in
            BackfillRequest(text).map { BackfillState($0, behind: newest) }
        }
    }

    /// What the marks that were just written will ask for again: it is not to be read before, but
    /// it is known from here on that rows are missing.
    func outdatedStates(_ known: [BackfillState]) throws(CaptureError) -> [BackfillState] {
        var states: [BackfillState] = []
        for name in outdated.sorted() {
            let request = BackfillRequest(table: name)
            guard !known.contains(where: { $0.request == request }),
                let table = try table(named: name)
            else { continue }
            let behind = table.rowKey.isEmpty ? try newestTransaction() : nil
            states.append(BackfillState(request, behind: behind))
        }
        return states
    }

    private func newestTransaction() throws(CaptureError) -> UInt32? {
        try statements().value(
            "SELECT (txid_snapshot_xmax(txid_current_snapshot()) - 1) % 4294967296",
            doing: "look for open transactions"
        ).flatMap { UInt32($0) }
    }

    /// Writes down what is read, or asked for by others, meanwhile.
    func notePending(_ backfill: Backfill) throws {
        guard configuration.continuesSlot, keepsMemory else { return }
        var next = memory
        if backfill.accepted >= requested { next.pending = [:] }
        // A row that is read again by itself is one of those that are read anyway.
        for state in backfill.states where !state.request.isSingle {
            next.pending[state.request.text] = ""
        }
        guard next.pending != memory.pending else { return }
        // The rows go before what says that they are read.
        try sink.pause(at: nil)
        try keep(next, with: [])
        memory = next
    }
}
