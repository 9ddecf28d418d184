import ChangeDataCapture

/// The numbers of a capture as Prometheus reads them: the same as those of the progress line.
struct CaptureMetrics: Sendable {
    let database: String
    let slot: String

    func text(_ progress: CaptureProgress, wallMilliseconds: Int64) -> String {
        var text = ""
        for sample in Self.samples(progress, wallMilliseconds) {
            let name = "rtd_cdc_\(sample.name)"
            let kind = sample.name.hasSuffix("_total") ? "counter" : "gauge"
            text += "# HELP \(name) \(sample.help)\n# TYPE \(name) \(kind)\n"
            text += "\(name){\(labels)} \(sample.value)\n"
        }
        text += "# HELP rtd_cdc_phase What the capture does: 1 at one of them.\n"
        text += "# TYPE rtd_cdc_phase gauge\n"
        for (name, phase) in Self.phases {
            let value = progress.phase == phase ? 1 : 0
            text += "rtd_cdc_phase{\(labels),phase=\"\(name)\"} \(value)\n"
        }
        return text
    }

    private static let phases: [(String, CaptureProgress.Phase)] = [
        ("connecting", .connecting), ("snapshot", .snapshot), ("streaming", .streaming),
    ]

    private var labels: String {
        "database=\"\(Self.escaped(database))\",slot=\"\(Self.escaped(slot))\""
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    private struct Sample {
        let name: String
        let help: String
        let value: String

        init(_ name: String, _ help: String, _ value: some BinaryInteger) {
            self.name = name
            self.help = help
            self.value = "\(value)"
        }

        init(_ name: String, _ help: String, seconds: Double) {
            self.name = name
            self.help = help
            value = "\(seconds)"
        }
    }

    private static func samples(
        _ progress: CaptureProgress, _ wallMilliseconds: Int64
    ) -> [Sample] {
        [
            Sample(
                "snapshot_rows_total", "Rows that the snapshot has read.", progress.snapshotRows),
            Sample(
                "snapshot_rows_expected", "Rows of the tables by the server's statistics.",
                progress.snapshotRowsExpected),
            Sample("snapshot_tables", "Tables of the snapshot.", progress.snapshotTables),
            Sample(
                "snapshot_tables_done_total", "Tables that the snapshot has read.",
                progress.snapshotTablesDone),
            Sample(
                "backfill_rows_total", "Rows that backfills have given.", progress.backfillRows),
            Sample(
                "backfill_running", "1 while rows are read anew.",
                progress.backfill.isEmpty ? 0 : 1),
            Sample(
                "backfill_rows_done", "Rows of the backfill that runs that were given.",
                progress.backfillDone),
            Sample(
                "backfill_rows_expected", "Its rows by the server's statistics; 0: not known.",
                progress.backfillExpected),
            Sample("changes_total", "Changes of the stream.", progress.changes),
            Sample("transactions_total", "Transactions of the stream.", progress.transactions),
            Sample("received_bytes_total", "Bytes of the stream.", progress.bytes),
            Sample(
                "position_bytes", "End of the last transaction that was given, in the log.",
                progress.position.value),
            Sample(
                "acknowledged_position_bytes", "What the server was told is durable.",
                progress.acknowledged.value),
            Sample(
                "server_position_bytes", "Where the server's log ended when it last said so.",
                progress.serverPosition.value),
            Sample("lag_bytes", "Log that was not given yet.", progress.lagBytes),
            Sample(
                "lag_seconds", "Age of the last transaction while there is more; else 0.",
                seconds: progress.lagSeconds(wallMilliseconds: wallMilliseconds)),
        ]
    }
}

extension CaptureProgress {
    var lagBytes: Int64 {
        max(
            0,
            Int64(truncatingIfNeeded: serverPosition.value)
                - Int64(truncatingIfNeeded: position.value))
    }

    func lagSeconds(wallMilliseconds: Int64) -> Double {
        guard lagBytes > 0, commitMicroseconds > 0 else { return 0 }
        return max(0, Double(wallMilliseconds - commitMicroseconds / 1_000) / 1_000)
    }
}
