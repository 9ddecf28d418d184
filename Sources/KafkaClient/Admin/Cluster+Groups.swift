import KafkaProtocol

/// A group as the cluster lists it.
public struct GroupListing: Sendable, Equatable {
    public let group: String
    /// "consumer" for consumers.
    public let protocolType: String
    /// Such as "Stable" or "Empty"; empty on old brokers.
    public let state: String
    /// "classic" or "consumer"; empty on old brokers.
    public let type: String
}

extension Cluster {
    /// All groups, from all brokers: each knows those that it keeps.
    public func listGroups() async throws(ClientError) -> [GroupListing] {
        try await onLoop { [self] () async throws(ClientError) in
            try await retrying { [self] () async throws(ClientError) in
                try await fetchMetadata([])
                var all: [String: GroupListing] = [:]
                for broker in knownBrokers {
                    let response = try await ask(ListGroupsRequest(), of: broker)
                    guard response.errorCode == .none else {
                        throw .refused(api: .listGroups, response.errorCode, detail: nil)
                    }
                    for group in response.groups {
                        all[group.groupId] = GroupListing(
                            group: group.groupId, protocolType: group.protocolType,
                            state: group.groupState, type: group.groupType)
                    }
                }
                return all.values.sorted { $0.group < $1.group }
            }
        }
    }

    /// A group, its members, and what they have; as the protocol gives it.
    public func describeGroup(
        _ group: String
    ) async throws(ClientError) -> DescribeGroupsResponse.DescribedGroup {
        try await onLoop { [self] () async throws(ClientError) in
            try await withCoordinator(of: group) { [self] broker async throws(ClientError) in
                let request = DescribeGroupsRequest.with { $0.groups = [group] }
                let response = try await ask(request, of: broker)
                guard let answer = response.groups.first else {
                    throw .group(group, .groupIdNotFound, detail: nil)
                }
                guard answer.errorCode == .none else {
                    throw .group(group, answer.errorCode, detail: answer.errorMessage)
                }
                return answer
            }
        }
    }

    /// Deletes a group without members, and its offsets.
    public func deleteGroup(_ group: String) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            try await withCoordinator(of: group) { [self] broker async throws(ClientError) in
                let request = DeleteGroupsRequest.with { $0.groupsNames = [group] }
                let code = try await ask(request, of: broker).results.first?.errorCode ?? .none
                guard code == .none else { throw .group(group, code, detail: nil) }
            }
        }
    }

    /// Deletes a group's offsets in some partitions.
    public func deleteOffsets(
        of group: String, in partitions: [TopicPartition]
    ) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            let request = OffsetDeleteRequest.with {
                $0.groupId = group
                $0.topics = Dictionary(grouping: partitions, by: \.topic).map { name, some in
                    .with {
                        $0.name = name
                        $0.partitions = some.map { one in
                            .with { $0.partitionIndex = one.partition }
                        }
                    }
                }
            }
            try await withCoordinator(of: group) { [self] broker async throws(ClientError) in
                let response = try await ask(request, of: broker)
                guard response.errorCode == .none else {
                    throw .group(group, response.errorCode, detail: nil)
                }
                for topic in response.topics {
                    for one in topic.partitions where one.errorCode != .none {
                        throw .partition(
                            TopicPartition(topic.name, one.partitionIndex), one.errorCode,
                            detail: nil)
                    }
                }
            }
        }
    }
}
