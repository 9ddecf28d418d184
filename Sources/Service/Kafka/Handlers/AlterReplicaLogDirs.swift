import KafkaProtocol
import Streaming

/// AlterReplicaLogDirs, key 34, v1-2: all is in one directory already. Others are
/// LOG_DIR_NOT_FOUND, partitions that are not here REPLICA_NOT_AVAILABLE, as in Kafka.
enum AlterReplicaLogDirsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...2

    static func handle(
        _ request: AlterReplicaLogDirsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<AlterReplicaLogDirsRequest>
    ) {
        let broker = context.broker
        var results: [String: [AlterReplicaLogDirsResponse.PartitionResult]] = [:]
        for directory in request.dirs {
            for wanted in directory.topics {
                let topic = broker.topic(wanted.name)
                results[wanted.name, default: []] += wanted.partitions.map { number in
                    .with {
                        $0.partitionIndex = number
                        if directory.path != broker.directory {
                            $0.errorCode = .logDirNotFound
                        } else if topic?.partition(number) == nil {
                            $0.errorCode = .replicaNotAvailable
                        }
                    }
                }
            }
        }
        reply.send(
            .with { response in
                response.results = results.sorted { $0.key < $1.key }.map { name, partitions in
                    .with {
                        $0.topicName = name
                        $0.partitions = partitions
                    }
                }
            })
    }
}
