import KafkaProtocol

/// What has configs: a topic, a broker or a group.
public enum ConfigResource: Sendable, Hashable {
    case topic(String)
    case broker(Int32)
    case group(String)

    var type: Int8 {
        switch self {
        case .topic: 2
        case .broker: 4
        case .group: 32
        }
    }

    var name: String {
        switch self {
        case .topic(let name), .group(let name): name
        case .broker(let node): "\(node)"
        }
    }
}

/// A change of one config, for the rest see KIP-339.
public enum ConfigChange: Sendable, Equatable {
    case set(String)
    /// Back to the default.
    case delete
    /// Adds to, or takes from, a list.
    case append(String)
    case subtract(String)

    var operation: Int8 {
        switch self {
        case .set: 0
        case .delete: 1
        case .append: 2
        case .subtract: 3
        }
    }

    var value: String? {
        switch self {
        case .set(let value), .append(let value), .subtract(let value): value
        case .delete: nil
        }
    }
}

extension Cluster {
    /// The configs of a topic or broker, defaults included.
    public func describeConfigs(
        _ resource: ConfigResource
    ) async throws(ClientError) -> [DescribeConfigsResponse.DescribeConfigsResourceResult] {
        try await onLoop { [self] () async throws(ClientError) in
            let request = DescribeConfigsRequest.with {
                $0.includeSynonyms = true
                $0.resources = [
                    .with {
                        $0.resourceType = resource.type
                        $0.resourceName = resource.name
                    }
                ]
            }
            return try await retrying { [self] () async throws(ClientError) in
                let answer = try await askOwner(of: resource, request).results.first
                guard let answer else { return [] }
                try check(answer.errorCode, answer.errorMessage, resource, .describeConfigs)
                return answer.configs
            }
        }
    }

    /// Changes some configs and leaves the others (KIP-339).
    public func alterConfigs(
        _ resource: ConfigResource, _ changes: [String: ConfigChange]
    ) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            let request = IncrementalAlterConfigsRequest.with {
                $0.resources = [
                    .with {
                        $0.resourceType = resource.type
                        $0.resourceName = resource.name
                        $0.configs = changes.sorted { $0.key < $1.key }.map { name, change in
                            .with {
                                $0.name = name
                                $0.configOperation = change.operation
                                $0.value = change.value
                            }
                        }
                    }
                ]
            }
            try await retrying { [self] () async throws(ClientError) in
                guard let answer = try await askOwner(of: resource, request).responses.first else {
                    return
                }
                try check(
                    answer.errorCode, answer.errorMessage, resource, .incrementalAlterConfigs)
            }
        }
    }

    /// A broker answers for its own configs; any broker for a topic's, the controller changes them.
    private func askOwner<R: KafkaRequest>(
        of resource: ConfigResource, _ request: R
    ) async throws(ClientError) -> R.Response {
        if case .broker(let node) = resource, let broker = broker(node) {
            return try await ask(request, of: broker)
        }
        if R.api.key == .describeConfigs { return try await askAny(request) }
        return try await askController(request)
    }

    private func check(
        _ code: ErrorCode, _ detail: String?, _ resource: ConfigResource, _ api: APIKey
    ) throws(ClientError) {
        guard code != .none else { return }
        switch resource {
        case .topic(let name):
            if code == .unknownTopicOrPartition { throw .unknownTopic(name) }
            throw .topic(name, code, detail: detail)
        case .broker: throw .refused(api: api, code, detail: detail)
        case .group(let name): throw .group(name, code, detail: detail)
        }
    }
}
