import ChangeDataCapture

/// What SIGUSR1 makes a capture say of itself on stderr: a line for each thing that is under way.
enum CaptureStateText {
    static func lines(_ progress: CaptureProgress, wallMilliseconds: Int64) -> [String] {
        switch progress.phase {
        case .connecting: return ["connecting"]
        case .snapshot:
            return [
                "reading rows: \(progress.snapshotRows)"
                    + (progress.snapshotRowsExpected > 0
                        ? " of about \(progress.snapshotRowsExpected)" : "")
                    + ", \(progress.snapshotTablesDone) of \(progress.snapshotTables) tables"
            ]
        case .streaming: break
        }
        let seconds = progress.lagSeconds(wallMilliseconds: wallMilliseconds)
        var lines = [
            "streaming: \(progress.changes) changes in \(progress.transactions) transactions, at "
                + "\(progress.position), kept up to \(progress.acknowledged), the server is at "
                + "\(progress.serverPosition), lag \(progress.lagBytes) bytes, \(Int(seconds)) s"
        ]
        if !progress.backfill.isEmpty {
            lines.append(
                "backfill of \(progress.backfill)"
                    + (progress.isBackfillPaused ? " is paused" : "")
                    + ": \(progress.backfillDone) rows"
                    + (progress.backfillExpected > 0
                        ? " of about \(progress.backfillExpected)" : "")
                    + (progress.backfillsWaiting > 0
                        ? ", \(progress.backfillsWaiting) more wait" : ""))
        }
        if progress.prepared > 0 {
            lines.append("\(progress.prepared) prepared transactions wait for their end")
        }
        return lines
    }
}
