/// All requests that this target describes, for look-up by number, traces and fuzzing.
public enum MessageCatalog {
    public static let requests: [any KafkaRequest.Type] = [
        ProduceRequest.self, FetchRequest.self, ListOffsetsRequest.self,
        MetadataRequest.self, OffsetCommitRequest.self, OffsetFetchRequest.self,
        FindCoordinatorRequest.self, JoinGroupRequest.self, HeartbeatRequest.self,
        LeaveGroupRequest.self, SyncGroupRequest.self, DescribeGroupsRequest.self,
        ListGroupsRequest.self, ApiVersionsRequest.self, CreateTopicsRequest.self,
        DeleteTopicsRequest.self, DeleteRecordsRequest.self, InitProducerIdRequest.self,
        OffsetForLeaderEpochRequest.self, DescribeConfigsRequest.self, AlterConfigsRequest.self,
        DescribeLogDirsRequest.self, CreatePartitionsRequest.self, DeleteGroupsRequest.self,
        IncrementalAlterConfigsRequest.self, OffsetDeleteRequest.self, DescribeClusterRequest.self,
        DescribeTopicPartitionsRequest.self, AddPartitionsToTxnRequest.self,
        AddOffsetsToTxnRequest.self, EndTxnRequest.self, TxnOffsetCommitRequest.self,
        DescribeProducersRequest.self, DescribeTransactionsRequest.self,
        ListTransactionsRequest.self, SaslHandshakeRequest.self, SaslAuthenticateRequest.self,
        DescribeUserScramCredentialsRequest.self, AlterUserScramCredentialsRequest.self,
        ConsumerGroupHeartbeatRequest.self,
        ConsumerGroupDescribeRequest.self, ShareGroupHeartbeatRequest.self,
        ShareGroupDescribeRequest.self, ShareFetchRequest.self, ShareAcknowledgeRequest.self,
        DescribeShareGroupOffsetsRequest.self, AlterShareGroupOffsetsRequest.self,
        DeleteShareGroupOffsetsRequest.self, ElectLeadersRequest.self,
        ListPartitionReassignmentsRequest.self, ListConfigResourcesRequest.self,
        DescribeAclsRequest.self, CreateAclsRequest.self, DeleteAclsRequest.self,
        AlterReplicaLogDirsRequest.self, AlterPartitionReassignmentsRequest.self,
        DescribeClientQuotasRequest.self, DescribeQuorumRequest.self,
    ]

    private static let requestsByKey: [(any KafkaRequest.Type)?] = APIKey.allCases.map { key in
        requests.first { $0.api.key == key }
    }

    /// A header is read before its message is known, so this look-up is by index.
    private static let apisByKey: [API?] = requestsByKey.map { $0?.api }

    static func api(of key: APIKey) -> API? { apisByKey[Int(key.rawValue)] }

    static func request(of key: Int16) throws(WireError) -> any KafkaRequest.Type {
        guard let known = APIKey(rawValue: key), let type = requestsByKey[Int(known.rawValue)]
        else { throw .unsupportedAPI(key) }
        return type
    }

    /// Reads a request of any kind, given without the four bytes of its size. No bytes trap: it is
    /// what a fuzzer is pointed at.
    public static func decodeRequest(
        _ frame: RawSpan
    ) throws(WireError) -> (header: RequestHeader, body: any KafkaRequest) {
        let parsed = try RequestFrame(frame)
        func decode<R: KafkaRequest>(_ type: R.Type) throws(WireError) -> any KafkaRequest {
            try parsed.decode(type, from: frame)
        }
        return (parsed.header, try decode(try request(of: parsed.header.apiKey)))
    }

    /// Reads the answer to a request of any kind, as `decodeRequest` does.
    public static func decodeResponse(
        _ frame: RawSpan, key: Int16, version: Int16
    ) throws(WireError) -> any KafkaMessage {
        let parsed = try ResponseFrame(frame)
        func decode<R: KafkaRequest>(_ type: R.Type) throws(WireError) -> any KafkaMessage {
            try parsed.decode(type, version: version, from: frame)
        }
        return try decode(try request(of: key))
    }
}
