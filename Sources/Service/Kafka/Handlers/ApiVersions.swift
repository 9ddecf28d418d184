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
        reply.send(response)
    }

    private static let response = {
        var response = ApiVersionsResponse()
        response.apiKeys = HandlerTable.all.map(entry).sorted { $0.apiKey < $1.apiKey }
        response.finalizedFeaturesEpoch = 0
        return response
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
