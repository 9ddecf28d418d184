import KafkaProtocol

/// What one broker speaks: its answer to ApiVersions.
struct VersionTable: Sendable {
    private var ranges: [Int16: ClosedRange<Int16>] = [:]
    /// The level that the whole cluster is at, by feature (KIP-584).
    private var finalizedFeatures: [String: Int16] = [:]

    init() {}

    init(_ response: ApiVersionsResponse) {
        for entry in response.apiKeys where entry.minVersion <= entry.maxVersion {
            ranges[entry.apiKey] = entry.minVersion...entry.maxVersion
        }
        for feature in response.finalizedFeatures {
            finalizedFeatures[feature.name] = feature.maxVersionLevel
        }
    }

    /// Each transaction has an epoch of its own, which EndTxn gives, and what is written to joins
    /// it unasked (KIP-890, part 2).
    var transactionsHaveEpochs: Bool {
        finalizedFeatures["transaction.version", default: 0] >= 2
            && version(of: EndTxnRequest.api) ?? 0 >= 5
    }

    /// The highest version that both sides have and that is at most `limit`; nil for none.
    func version(of api: API, atMost limit: Int16 = .max) -> Int16? {
        guard let theirs = ranges[api.key.rawValue] else { return nil }
        let version = min(theirs.upperBound, api.versions.upperBound, limit)
        let least = max(theirs.lowerBound, api.versions.lowerBound)
        return version >= least ? version : nil
    }

    /// Says why `version(of:)` is nil.
    func explanation(for api: API) -> String {
        guard let theirs = ranges[api.key.rawValue] else { return "the broker does not list it" }
        return "it has versions \(theirs.lowerBound) to \(theirs.upperBound), rtd has "
            + "\(api.versions.lowerBound) to \(api.versions.upperBound)"
    }
}

extension Connection {
    /// Learns what the broker speaks; the first request on every connection.
    ///
    /// A broker that does not know our version of ApiVersions answers error 35 in version 0, with
    /// its own range (KIP-511); where the range is missing, version 0 is asked for, which all know.
    func negotiate(done: @escaping @Sendable (ClientError?) -> Void) {
        ask(version: ApiVersionsRequest.api.versions.upperBound, done: done)
    }

    private func ask(version: Int16, done: @escaping @Sendable (ClientError?) -> Void) {
        let request = ApiVersionsRequest.with {
            $0.clientSoftwareName = "rtd"
            $0.clientSoftwareVersion = configuration.softwareVersion
        }
        let timeout = configuration.connectTimeoutMilliseconds
        send(request, version: version, timeoutMilliseconds: timeout) { [self] result in
            switch result {
            case .success(let response) where response.errorCode == .none:
                versions = VersionTable(response)
                done(nil)
            case .success(let response):
                guard response.errorCode == .unsupportedVersion, version > 0 else {
                    return done(.refused(api: .apiVersions, response.errorCode, detail: nil))
                }
                let theirs = VersionTable(response).version(of: ApiVersionsRequest.api) ?? 0
                ask(version: min(theirs, version - 1), done: done)
            case .failure(.malformed) where version > 0 && isOpen:
                ask(version: 0, done: done)
            case .failure(let error):
                done(error)
            }
        }
    }
}
