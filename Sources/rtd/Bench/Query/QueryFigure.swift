import Platform

/// What one query of `rtd bench query` or `rtd bench nexmark` has given.
struct QueryFigure {
    let name: String
    let events: Int
    let bytes: Int64
    /// Rows that the query wrote; nil if it did not say.
    let rows: Int?
    let nanoseconds: Int64
    let usage: ProcessUsage
    /// What it said when it failed.
    let failure: String?

    var seconds: Double { Double(nanoseconds) / 1e9 }
    var cpuSeconds: Double { Double(usage.cpuNanoseconds) / 1e9 }
    var eventsPerCPUSecond: Double { cpuSeconds > 0 ? Double(events) / cpuSeconds : 0 }
    var bytesPerCPUSecond: Double { cpuSeconds > 0 ? Double(bytes) / cpuSeconds : 0 }
}

/// Figures of queries as people and programs read them.
enum QueryFigureText {
    static func text(_ figures: [QueryFigure], _ format: BenchOptions.Format?) -> String {
        switch format {
        case .json: return figures.map { ResultText.json(fields($0)) + "\n" }.joined()
        case .csv:
            return (figures.first.map { ResultText.csvHeader(fields($0)) } ?? "")
                + figures.map { ResultText.csvRow(fields($0)) }.joined()
        case nil: return table(figures)
        }
    }

    private static func fields(
        _ figure: QueryFigure
    ) -> [(name: String, value: String?, isText: Bool)] {
        [
            ("query", figure.name, true), ("events", "\(figure.events)", false),
            ("bytes", "\(figure.bytes)", false), ("rows", figure.rows.map { "\($0)" }, false),
            ("seconds", Decimal.text(figure.seconds, digits: 3), false),
            ("cpu_seconds", Decimal.text(figure.cpuSeconds, digits: 3), false),
            (
                "events_per_cpu_second", Decimal.text(figure.eventsPerCPUSecond, digits: 0),
                false
            ),
            (
                "bytes_per_cpu_second", Decimal.text(figure.bytesPerCPUSecond, digits: 0), false
            ),
            ("rss_bytes", "\(figure.usage.residentBytesMax)", false),
            ("error", figure.failure, true),
        ]
    }

    private static func table(_ figures: [QueryFigure]) -> String {
        let titles = ["query", "rows", "seconds", "CPU s", "events/CPU s", "MB/CPU s", "RSS MB"]
        var lines = [titles]
        for figure in figures {
            guard figure.failure == nil else { continue }
            lines.append([
                figure.name, figure.rows.map { "\($0)" } ?? "-",
                Decimal.text(figure.seconds, digits: 3), Decimal.text(figure.cpuSeconds, digits: 3),
                Decimal.text(figure.eventsPerCPUSecond, digits: 0),
                Decimal.text(figure.bytesPerCPUSecond / 1e6, digits: 0),
                Decimal.text(Double(figure.usage.residentBytesMax) / 1e6, digits: 1),
            ])
        }
        let widths = titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for line in lines {
            let cells = line.enumerated().map { column, cell in
                column == 0
                    ? cell + String(repeating: " ", count: widths[0] - cell.count)
                    : Decimal.padded(cell, widths[column])
            }
            text += cells.joined(separator: "  ") + "\n"
        }
        for figure in figures {
            if let failure = figure.failure { text += "\(figure.name): \(failure)\n" }
        }
        return text
    }
}
