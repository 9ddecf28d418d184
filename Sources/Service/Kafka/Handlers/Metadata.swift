import KafkaProtocol
import LogStorage
import Platform
import Records
import Streaming

/// Metadata, key 3, v0-13: brokers (this one), topics with their ids and leaders. Creates what it
/// is asked for and does not know, if the client allows it and auto.create.topics.enable is true.
/// The address told is the one the client has connected to.
enum MetadataHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...13

    static func handle(
        _ request: MetadataRequest, _ context: borrowing RequestContext,
        _ reply: Reply<MetadataRequest>
    ) {
        var response = base(context)
        guard let wanted = request.topics, !(context.version == 0 && wanted.isEmpty) else {
            response.topics = context.broker.topics.map { describe($0, context.broker) }
            return send(response, request, reply)
        }
        var missing: [String] = []
        // Named twice, a topic is told once.
        var told: Set<String> = []
        for topic in wanted {
            if let name = topic.name {
                guard told.insert(name).inserted else { continue }
                if let found = context.broker.topic(name) {
                    response.topics.append(describe(found, context.broker))
                } else {
                    missing.append(name)
                }
            } else if let found = context.broker.topic(id: topic.topicId) {
                response.topics.append(describe(found, context.broker))
            } else {
                response.topics.append(absent(nil, topic.topicId, .unknownTopicId))
            }
        }
        let creates =
            (context.version < 4 || request.allowAutoTopicCreation)
            && context.broker.brokerSettings.flag("auto.create.topics.enable")
        if missing.isEmpty || !creates {
            response.topics += missing.map { absent($0, .zero, fault(ofName: $0)) }
            return send(response, request, reply)
        }
        create(missing, response, context.broker, request, reply)
    }

    private static func send(
        _ response: MetadataResponse, _ request: MetadataRequest, _ reply: Reply<MetadataRequest>
    ) {
        var response = response
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
        if request.includeTopicAuthorizedOperations {
            for place in response.topics.indices where response.topics[place].errorCode == .none {
                response.topics[place].topicAuthorizedOperations = AuthorizedOperations.topic
            }
        }
        reply.send(response)
    }

    private static func fault(ofName name: String) -> ErrorCode {
        do throws(StreamingError) {
            try TopicName.check(name)
            return .unknownTopicOrPartition
        } catch {
            return ErrorCode(rawValue: error.code)
        }
    }

    /// Creates the topics one by one, then answers.
    private static func create(
        _ names: [String], _ response: MetadataResponse, _ broker: Broker,
        _ request: MetadataRequest, _ reply: Reply<MetadataRequest>
    ) {
        guard let name = names.first else { return send(response, request, reply) }
        broker.createTopic(Broker.NewTopic(name: name), validateOnly: false) { result in
            var response = response
            switch result {
            case .success(let topic): response.topics.append(describe(topic, broker))
            case .failure(.topicExists):
                // Made by someone else a moment ago, and perhaps gone again.
                response.topics.append(
                    broker.topic(name).map { describe($0, broker) }
                        ?? absent(name, .zero, .leaderNotAvailable))
            case .failure(let error):
                response.topics.append(absent(name, .zero, ErrorCode(rawValue: error.code)))
            }
            create(Array(names.dropFirst()), response, broker, request, reply)
        }
    }

    private static func base(_ context: borrowing RequestContext) -> MetadataResponse {
        var response = MetadataResponse()
        var broker = MetadataResponse.MetadataResponseBroker()
        broker.nodeId = context.broker.nodeID
        (broker.host, broker.port) = context.advertisedAddress
        response.brokers = [broker]
        response.clusterId = context.broker.clusterID.description
        response.controllerId = context.broker.nodeID
        return response
    }

    private static func absent(_ name: String?, _ id: UUID, _ code: ErrorCode)
        -> MetadataResponse.MetadataResponseTopic
    {
        var topic = MetadataResponse.MetadataResponseTopic()
        topic.name = name
        topic.topicId = id
        topic.errorCode = code
        return topic
    }

    private static func describe(_ found: Topic, _ broker: Broker)
        -> MetadataResponse.MetadataResponseTopic
    {
        var topic = MetadataResponse.MetadataResponseTopic()
        topic.name = found.name
        topic.topicId = found.id
        topic.isInternal = found.isInternal
        topic.partitions = found.partitions.map { partition in
            var answer = MetadataResponse.MetadataResponsePartition()
            answer.partitionIndex = partition.index
            answer.leaderId = broker.nodeID
            answer.leaderEpoch = partition.log.leaderEpoch
            answer.replicaNodes = [broker.nodeID]
            answer.isrNodes = [broker.nodeID]
            return answer
        }
        return topic
    }
}
