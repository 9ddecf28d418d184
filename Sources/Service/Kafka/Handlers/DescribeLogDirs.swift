import KafkaProtocol
import LogStorage
import Platform
import Streaming

/// DescribeLogDirs, key 35, v1-5: bytes of each partition, and of the disk from v4 on (KIP-827).
enum DescribeLogDirsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...5

    private typealias TopicAnswer = DescribeLogDirsResponse.DescribeLogDirsTopic

    static func handle(
        _ request: DescribeLogDirsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeLogDirsRequest>
    ) {
        var response = DescribeLogDirsResponse()
        var directory = DescribeLogDirsResponse.DescribeLogDirsResult()
        directory.logDir = context.broker.directory
        if let space = context.broker.space {
            directory.totalBytes = space.total
            directory.usableBytes = space.free
        }
        let wanted = request.topics.map { topics in
            Dictionary(
                topics.map { ($0.topic, Set($0.partitions)) }, uniquingKeysWith: { $0.union($1) })
        }
        directory.topics = context.broker.topics.compactMap { topic in
            if let wanted, wanted[topic.name] == nil { return nil }
            return describe(topic, only: wanted?[topic.name])
        }
        response.results = [directory]
        reply.send(response)
    }

    private static func describe(_ topic: Topic, only: Set<Int32>?) -> TopicAnswer {
        var answer = TopicAnswer()
        answer.name = topic.name
        answer.partitions = topic.partitions.compactMap { partition in
            if let only, !only.isEmpty, !only.contains(partition.index) { return nil }
            var entry = DescribeLogDirsResponse.DescribeLogDirsPartition()
            entry.partitionIndex = partition.index
            entry.partitionSize = partition.log.sizeInBytes
            return entry
        }
        return answer
    }
}
