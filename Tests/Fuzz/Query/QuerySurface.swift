/// What queries read from strangers, each a fuzzer of its own.
enum QuerySurface: String, CaseIterable {
    case json, csv, rows, text, regex, sql, sessions

    func run(_ bytes: RawSpan) {
        switch self {
        case .json: fuzzJSON(bytes)
        case .csv: fuzzCSV(bytes)
        case .rows: fuzzRows(bytes)
        case .text: fuzzText(bytes)
        case .regex: fuzzRegex(bytes)
        case .sql: fuzzSQL(bytes)
        case .sessions: fuzzSession(bytes)
        }
    }
}
