import Bytes
import KafkaProtocol
import Testing

/// The four traps in agreeing on versions, each of which breaks a real client.
struct NegotiationTests {
    @Test func `produce is listed from version 0 and served from 3`() throws {
        #expect(ProduceRequest.api.advertised == 0...13)
        #expect(ProduceRequest.api.versions == 3...13)
        let old: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff]
        #expect(throws: WireError.unsupportedVersion(.produce, 2)) {
            try MessageCatalog.decodeRequest(old.rawSpan)
        }
    }

    @Test func `the versions are those of Kafka 4 exactly`() {
        let kafka: [APIKey: ClosedRange<Int16>] = [
            .produce: 0...13, .fetch: 4...18, .listOffsets: 1...11, .metadata: 0...13,
            .offsetCommit: 2...10, .offsetFetch: 1...10, .findCoordinator: 0...6,
            .joinGroup: 0...9, .heartbeat: 0...4, .leaveGroup: 0...5, .syncGroup: 0...5,
            .describeGroups: 0...6, .listGroups: 0...5, .apiVersions: 0...4,
            .createTopics: 2...7, .deleteTopics: 1...6, .deleteRecords: 0...2,
            .initProducerId: 0...5, .offsetForLeaderEpoch: 2...4, .describeConfigs: 1...4,
            .alterConfigs: 0...2, .describeLogDirs: 1...5, .createPartitions: 0...3,
            .deleteGroups: 0...2, .incrementalAlterConfigs: 0...1, .offsetDelete: 0...0,
            .describeCluster: 0...2, .describeTopicPartitions: 0...0,
            .addPartitionsToTxn: 0...5, .addOffsetsToTxn: 0...4, .endTxn: 0...5,
            .txnOffsetCommit: 0...5, .describeProducers: 0...0, .describeTransactions: 0...0,
            .listTransactions: 0...2, .saslHandshake: 0...1, .saslAuthenticate: 0...2,
            .describeUserScramCredentials: 0...0, .alterUserScramCredentials: 0...0,
            .consumerGroupHeartbeat: 0...1,
            .consumerGroupDescribe: 0...1, .shareGroupHeartbeat: 1...1,
            .shareGroupDescribe: 1...1, .shareFetch: 1...2, .shareAcknowledge: 1...2,
            .describeShareGroupOffsets: 0...1, .alterShareGroupOffsets: 0...0,
            .deleteShareGroupOffsets: 0...0, .electLeaders: 0...2,
            .listPartitionReassignments: 0...0, .listConfigResources: 0...1,
            .describeAcls: 1...3, .createAcls: 1...3, .deleteAcls: 1...3,
            .alterReplicaLogDirs: 1...2, .alterPartitionReassignments: 0...1,
            .describeClientQuotas: 0...1, .describeQuorum: 0...2,
        ]
        #expect(MessageCatalog.requests.count == kafka.count)
        for type in MessageCatalog.requests {
            #expect(type.api.advertised == kafka[type.api.key], "\(type.api.key)")
            #expect(type.api.key.api == type.api)
        }
    }

    @Test func `an unknown version of ApiVersions is answered in version 0`() throws {
        // Version 99 with fields that no one knows yet; only the header can be read.
        let request: [UInt8] = [0, 18, 0, 99, 0, 0, 0, 42, 0, 1, 0x63, 0xff, 0xff, 0xff, 0xff]
        let parsed = try RequestFrame(request.rawSpan)
        #expect(parsed.header.correlationId == 42)
        #expect(parsed.header.clientId == "c")
        #expect(throws: WireError.unsupportedVersion(.apiVersions, 99)) {
            try parsed.decode(ApiVersionsRequest.self, from: request.rawSpan)
        }
        let answer = ApiVersionsResponse.with {
            $0.errorCode = .unsupportedVersion
            $0.apiKeys = [
                .with {
                    $0.apiKey = 18
                    $0.maxVersion = 4
                }
            ]
        }
        let sent = encodeResponse(
            answer, api: ApiVersionsRequest.api, version: 99, correlationID: 42)
        #expect(
            sent.bytes == [
                0, 0, 0, 16, 0, 0, 0, 42, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4,
            ])
        // A client that asked in version 4 finds the newest version that is spoken.
        let frame = Array(sent.bytes.dropFirst(4))
        let read = try ResponseFrame(frame.rawSpan).decode(
            ApiVersionsRequest.self, version: 4, from: frame.rawSpan)
        #expect(read == answer)
    }

    @Test func `the header of an ApiVersions response never has tagged fields`() {
        let sent = encodeResponse(
            ApiVersionsResponse(), api: ApiVersionsRequest.api, version: 3, correlationID: 1)
        // Size, correlation id, then the error code at once.
        #expect(sent.bytes == [0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0])
        let other = encodeResponse(
            HeartbeatResponse(), api: HeartbeatRequest.api, version: 4, correlationID: 1)
        #expect(other.bytes == [0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func `a first request needs no negotiation and may be Metadata 0`() throws {
        // Null client id; no topics, which in version 0 means all of them.
        let request: [UInt8] = [0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]
        let (header, body) = try MessageCatalog.decodeRequest(request.rawSpan)
        #expect(header.clientId == nil)
        let metadata = try #require(body as? MetadataRequest)
        #expect(metadata.topics == nil)
        #expect(metadata.allowAutoTopicCreation)
    }
}
