/// What the log, and the capture of changes, read from strangers, each a fuzzer of its own.
enum LogSurface: String, CaseIterable {
    case requests, responses, batches, codecs, internals, files, server, logins, changes, http

    func run(_ bytes: RawSpan) {
        switch self {
        case .requests: fuzzRequest(bytes)
        case .responses: fuzzResponse(bytes)
        case .batches: fuzzBatch(bytes)
        case .codecs: fuzzCodec(bytes)
        case .internals: fuzzInternalRecords(bytes)
        case .files: fuzzFiles(bytes)
        case .server: fuzzServer(bytes)
        case .logins: fuzzLogin(bytes)
        case .changes: fuzzChanges(bytes)
        case .http: fuzzHTTP(bytes)
        }
    }
}
