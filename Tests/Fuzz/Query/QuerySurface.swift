/// What queries read from strangers, each a fuzzer of its own.
enum QuerySurface: String, CaseIterable {
    case json, csv, sql, regex

    func run(_ bytes: RawSpan) {
        switch self {
        case .json: fuzzJSON(bytes)
        case .csv: fuzzCSV(bytes)
        case .sql: fuzzSQL(bytes)
        case .regex: fuzzRegex(bytes)
        }
    }
}
