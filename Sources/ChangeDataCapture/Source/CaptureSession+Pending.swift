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
        let newest = try statements().value(
            "SELECT (txid_snapshot_xmax(txid_current_snapshot()) - 1) % 4294967296",
            doing: "look for open transactions")
        return memory.pending.keys.sorted().compactMap { text in
            BackfillRequest(text).map {
                BackfillState($0, behind: newest.flatMap { UInt32($0) })
            }
        }
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
