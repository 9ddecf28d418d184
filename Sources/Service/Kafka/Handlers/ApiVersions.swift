import KafkaProtocol

/// ApiVersions, key 18, v0-4: what this server speaks, from the table of handlers. A version that
/// is not known is answered in v0 with error 35 and the range of this API (KIP-511), so that the
/// client can ask again; the dispatcher sees to that before the body is read.
enum ApiVersionsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...4

    static func handle(
        _ request: ApiVersionsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ApiVersionsRequest>
    ) {
        reply.send(context.version >= 4 ? response : olderResponse)
    }

    private static let response = {
        var response = ApiVersionsResponse()
        response.apiKeys = HandlerTable.all.map(entry).sorted { $0.apiKey < $1.apiKey }
        response.supportedFeatures = [
            .with {
                $0.name = "transaction.version"
                $0.maxVersion = 2
            }
        ]
        response.finalizedFeaturesEpoch = 0
        // Transactions of KIP-890, part 2: each has an epoch of its own.
        response.finalizedFeatures = [
            .with {
                $0.name = "transaction.version"
                $0.minVersionLevel = 2
                $0.maxVersionLevel = 2
            }
        ]
        return response
    }()

    /// Clients before version 4 take a feature that begins at 0 for an error (KAFKA-17011).
    private static let olderResponse = {
        var older = response
        older.supportedFeatures = []
        return older
    }()

    /// The answer to a version from the future.
    static let unsupported = {
        var response = ApiVersionsResponse()
        response.errorCode = .unsupportedVersion
        response.apiKeys = HandlerTable.all.filter { $0.key == .apiVersions }.map(entry)
        return response
    }()

    private static func entry(_ handler: HandlerEntry) -> ApiVersionsResponse.ApiVersion {
        var version = ApiVersionsResponse.ApiVersion()
        version.apiKey = handler.key.rawValue
        version.minVersion = handler.advertised.lowerBound
        version.maxVersion = handler.advertised.upperBound
        return version
    }
}
