import Platform

/// What one way of reading the same changes has given.
struct CaptureFigure {
    let name: String
    let changes: Int
    let bytes: Int
    let nanoseconds: Int64
    let clientNanoseconds: Int64
    /// nil: the server's process is not visible from here.
    let walsenderNanoseconds: Int64?

    var perSecond: Double { Double(changes) * 1e9 / Double(max(1, nanoseconds)) }

    /// Microseconds a change, which are seconds a million.
    func each(_ nanoseconds: Int64) -> Double {
        Double(nanoseconds) / 1_000 / Double(max(1, changes))
    }
}

/// Figures of `rtd bench cdc` as people and programs read them.
struct CaptureFigures {
    var source = ""
    var backlog = ""
    var figures: [CaptureFigure] = []
    /// From the commit to stdout and to a reader of the topic, with the commits a second.
    var latencies: [(name: String, rate: Int, Histogram)] = []

    func text(_ format: BenchOptions.Format?) -> String {
        switch format {
        case .json: ResultText.json(fields) + "\n"
        case .csv: ResultText.csvHeader(fields) + ResultText.csvRow(fields)
        case nil: plain
        }
    }

    /// What the walsender could give if nothing else took its time.
    private var ceiling: CaptureFigure? {
        figures.first { $0.name == "receive" && $0.walsenderNanoseconds != nil }
    }

    private var plain: String {
        var lines = ["source     \(source)", "changes    \(backlog)"]
        for figure in figures {
            let share = figures.first.map { figure.perSecond / $0.perSecond } ?? 1
            var line =
                Self.padded(figure.name, 11)
                + "\(ProgressLine.scaled(figure.perSecond)) changes/s "
                + "(\(Decimal.text(share, digits: 2)) of receive), CPU s a million: client "
                + Decimal.text(figure.each(figure.clientNanoseconds), digits: 2)
            if let walsender = figure.walsenderNanoseconds {
                line += ", walsender \(Decimal.text(figure.each(walsender), digits: 2))"
            }
            lines.append(line)
        }
        if let ceiling, let walsender = ceiling.walsenderNanoseconds {
            let each = ceiling.each(walsender)
            lines.append(
                "ceiling    \(ProgressLine.scaled(1e6 / each)) changes/s: the walsender takes "
                    + "\(Decimal.text(each, digits: 2)) us of one core a change")
        }
        for (name, rate, latencies) in latencies {
            let percentiles = BenchResult.percentiles.map { _, key, fraction in
                let name = key.split(separator: "_").joined(separator: ".")
                return "\(name) "
                    + Decimal.text(Double(latencies.value(at: fraction)) / 1e6, digits: 2)
            }
            lines.append(
                Self.padded("latency", 11) + "commit to \(name): "
                    + percentiles.joined(separator: ", ")
                    + ", max \(Decimal.text(Double(latencies.max) / 1e6, digits: 2)) ms at "
                    + "\(rate) transactions/s")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private var fields: [(name: String, value: String?, isText: Bool)] {
        var fields: [(name: String, value: String?, isText: Bool)] = [
            ("workload", "cdc", true), ("source", source, true),
            ("changes", figures.first.map { "\($0.changes)" }, false),
            ("stream_bytes", figures.first.map { "\($0.bytes)" }, false),
        ]
        for figure in figures {
            let key = figure.name.split(separator: " ").joined(separator: "_")
            fields += [
                (
                    "\(key)_seconds", Decimal.text(Double(figure.nanoseconds) / 1e9, digits: 6),
                    false
                ),
                ("\(key)_changes_per_second", Decimal.text(figure.perSecond, digits: 1), false),
                (
                    "\(key)_client_cpu_us_per_change",
                    Decimal.text(figure.each(figure.clientNanoseconds), digits: 3), false
                ),
                (
                    "\(key)_walsender_cpu_us_per_change",
                    figure.walsenderNanoseconds.map { Decimal.text(figure.each($0), digits: 3) },
                    false
                ),
            ]
        }
        for (name, rate, latencies) in latencies {
            fields.append(("\(name)_transactions_per_second", "\(rate)", false))
            for (_, key, fraction) in BenchResult.percentiles {
                let value = Double(latencies.value(at: fraction)) / 1e6
                fields.append(("\(name)_latency_\(key)_ms", Decimal.text(value, digits: 6), false))
            }
        }
        return fields
    }
}
