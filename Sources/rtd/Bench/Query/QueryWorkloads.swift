/// The queries of `rtd bench query`, over web events.
enum QueryWorkloads {
    static let names = texts.map(\.name)

    /// The query over the file of that path.
    static func text(_ name: String, _ path: String) -> String? {
        texts.first { $0.name == name }?.text(path)
    }

    private struct Workload: Sendable {
        let name: String
        let text: @Sendable (String) -> String
    }

    private static let texts = [
        Workload(name: "count") { "SELECT COUNT(*) FROM '\($0)'" },
        Workload(name: "group-by") {
            "SELECT status, COUNT(*), AVG(latency), MAX(latency) FROM '\($0)' GROUP BY status"
        },
        Workload(name: "filter") {
            "SELECT ts, user_id, url, latency FROM '\($0)' WHERE status = 500 AND latency > 4.5"
        },
        Workload(name: "project") {
            "SELECT ts, user_id, url, latency FROM '\($0)'"
        },
        Workload(name: "top-k") {
            "SELECT url, COUNT(*) AS n FROM '\($0)' GROUP BY url ORDER BY n DESC, url LIMIT 10"
        },
        Workload(name: "distinct") { "SELECT COUNT(DISTINCT user_id) FROM '\($0)'" },
        Workload(name: "approx-distinct") {
            "SELECT approx_count_distinct(user_id) FROM '\($0)'"
        },
        Workload(name: "tumble") {
            "SELECT window_start, COUNT(*) FROM TUMBLE('\($0)', ts, INTERVAL '10' SECOND) "
                + "GROUP BY window_start"
        },
        Workload(name: "nested") {
            "SELECT geo.country, COUNT(*) FROM '\($0)' GROUP BY geo.country"
        },
    ]
}
