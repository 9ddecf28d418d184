import KafkaProtocol
import Platform
import Streaming
import Testing

@testable import Service

/// Requests of administration, as a cluster of one answers them.
@Suite struct AdministrationTests {
    private func configs(_ rig: SimulatedServer, _ client: SimulatedClient, broker: String) throws
        -> [DescribeConfigsResponse.DescribeConfigsResourceResult]
    {
        let request = DescribeConfigsRequest.with {
            $0.includeSynonyms = true
            $0.resources = [
                .with {
                    $0.resourceType = 4
                    $0.resourceName = broker
                }
            ]
        }
        return try rig.ask(request, version: 4, on: client)?.results.first?.configs ?? []
    }

    @Test func `the broker tells where it listens and keeps its data, to read only`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        let found = try configs(rig, client, broker: "1")
        let values = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0) })
        for (name, value) in [
            "advertised.listeners": "PLAINTEXT://127.0.0.1:9092",
            "listeners": "PLAINTEXT://127.0.0.1:9092",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT", "log.dirs": "/data",
            "log.dir": "/data", "process.roles": "broker,controller",
            "sasl.enabled.mechanisms": "", "offsets.topic.num.partitions": "1",
        ] {
            #expect(values[name]?.value == value, "\(name)")
            #expect(values[name]?.readOnly == true, "\(name)")
        }
        #expect(values["num.io.threads"]?.readOnly == false)
        // The default of all brokers is what somebody has set.
        #expect(try configs(rig, client, broker: "").isEmpty)
    }

    @Test func `connections of one address beyond its limit are closed, until one has left`() throws
    {
        let rig = try SimulatedServer(["max.connections.per.ip": "2"])
        let clients = (0..<3).map { _ in rig.connect() }
        rig.loop.run(milliseconds: 100)
        #expect(clients.map(\.isClosed) == [false, false, true])
        clients[0].stream?.close()
        rig.loop.run(milliseconds: 100)
        let next = rig.connect()
        #expect(try rig.ask(ApiVersionsRequest(), version: 3, on: next) != nil)
        #expect(rig.server.connectionCount == 2)
    }

    @Test func `a limit of connections that is set while it runs holds for the next one`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        let request = IncrementalAlterConfigsRequest.with {
            $0.resources = [
                .with {
                    $0.resourceType = 4
                    $0.resourceName = "1"
                    $0.configs = [
                        .with {
                            $0.name = "max.connections"
                            $0.value = "1"
                        }
                    ]
                }
            ]
        }
        let answer = try rig.ask(request, version: 1, on: client)
        #expect(answer?.responses.map(\.errorCode) == [ErrorCode.none])
        let other = rig.connect()
        rig.loop.run(milliseconds: 100)
        #expect(other.isClosed)
    }

    @Test func `where nobody logs in nobody adds users, except for those that are forgotten`()
        throws
    {
        let request = AlterUserScramCredentialsRequest.with {
            $0.upsertions = [
                .with {
                    $0.name = "alice"
                    $0.mechanism = 1
                    $0.iterations = 4_096
                    $0.salt = [1, 2, 3]
                    $0.saltedPassword = [UInt8](repeating: 7, count: 32)
                }
            ]
        }
        for (isTransient, code) in [(false, ErrorCode.securityDisabled), (true, ErrorCode.none)] {
            let rig = try SimulatedServer(usersAreTransient: isTransient)
            let client = rig.connect()
            let answer = try rig.ask(request, version: 0, on: client)
            #expect(answer?.results.map(\.errorCode) == [code])
            let told = try rig.ask(
                DescribeUserScramCredentialsRequest(), version: 0, on: client)
            #expect(told?.errorCode == ErrorCode.none)
            #expect(told?.results.map(\.user) == (isTransient ? ["alice"] : []))
        }
    }

    // MARK: A cluster of one

    private func topic(_ rig: SimulatedServer, _ client: SimulatedClient) throws {
        let request = MetadataRequest.with { $0.topics = [.with { $0.name = "t" }] }
        _ = try rig.ask(request, version: 12, on: client)
    }

    @Test func `the metadata has one voter, who leads`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        func ask(_ topic: String, _ partition: Int32) throws
            -> DescribeQuorumResponse.PartitionData?
        {
            let request = DescribeQuorumRequest.with {
                $0.topics = [
                    .with {
                        $0.topicName = topic
                        $0.partitions = [.with { $0.partitionIndex = partition }]
                    }
                ]
            }
            return try rig.ask(request, version: 2, on: client)?.topics.first?.partitions.first
        }
        let found = try ask("__cluster_metadata", 0)
        #expect(found?.errorCode == ErrorCode.none)
        #expect(found?.leaderId == 1)
        #expect(found?.currentVoters.map(\.replicaId) == [1])
        #expect(found?.highWatermark == found?.currentVoters.first?.logEndOffset)
        #expect(try ask("__cluster_metadata", 1)?.errorCode == .unknownTopicOrPartition)
        #expect(try ask("t", 0)?.errorCode == .unknownTopicOrPartition)
    }

    @Test(
        arguments: [
            (0, [1], 0), (0, [2], 39), (0, [1, 2], 39), (0, [1, 1], 39), (0, [], 39), (0, nil, 85),
            (9, [1], 3),
        ] as [(Int32, [Int32]?, Int16)])
    func `partitions stay where they are`(
        partition: Int32, replicas: [Int32]?, expected: Int16
    ) throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        try topic(rig, client)
        let request = AlterPartitionReassignmentsRequest.with {
            $0.topics = [
                .with {
                    $0.name = "t"
                    $0.partitions = [
                        .with {
                            $0.partitionIndex = partition
                            $0.replicas = replicas
                        }
                    ]
                }
            ]
        }
        let answer = try rig.ask(request, version: 1, on: client)
        #expect(answer?.responses.first?.partitions.map(\.errorCode.rawValue) == [expected])
    }

    @Test func `all is in the one directory`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        try topic(rig, client)
        let request = AlterReplicaLogDirsRequest.with {
            $0.dirs = ["/data", "/elsewhere"].map { path in
                .with {
                    $0.path = path
                    $0.topics = [
                        .with {
                            $0.name = "t"
                            $0.partitions = path == "/data" ? [0, 9] : [1]
                        }
                    ]
                }
            }
        }
        let answer = try rig.ask(request, version: 2, on: client)
        #expect(answer?.results.count == 1)
        #expect(answer?.results.first?.partitions.map(\.errorCode.rawValue) == [0, 9, 57])
    }

    @Test func `nobody has a quota`() throws {
        let rig = try SimulatedServer()
        let answer = try rig.ask(
            DescribeClientQuotasRequest(), version: 1, on: rig.connect())
        #expect(answer?.errorCode == ErrorCode.none)
        #expect(answer?.entries == [])
    }

    // MARK: Share groups

    @Test func `a share group that nobody has joined can be given its place`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        try topic(rig, client)
        func alter(_ group: String) throws -> ErrorCode? {
            let request = AlterShareGroupOffsetsRequest.with {
                $0.groupId = group
                $0.topics = [
                    .with {
                        $0.topicName = "t"
                        $0.partitions = [.with { $0.startOffset = 5 }]
                    }
                ]
            }
            return try rig.ask(request, version: 0, on: client)?.errorCode
        }
        #expect(try alter("new") == ErrorCode.none)
        let described = try rig.ask(
            DescribeShareGroupOffsetsRequest.with { $0.groups = [.with { $0.groupId = "new" }] },
            version: 1, on: client)
        #expect(
            described?.groups.first?.topics.first?.partitions.first { $0.partitionIndex == 0 }?
                .startOffset == 5)
        let listed = try rig.ask(ListGroupsRequest(), version: 5, on: client)
        #expect(listed?.groups.map(\.groupType) == ["share"])
        #expect(try alter("") == .invalidGroupId)
        #expect(try alter(String(repeating: "x", count: 2_000)) == .invalidGroupId)
    }
}
