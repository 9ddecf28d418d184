import KafkaProtocol
import Platform

/// A partition to send to or read from, and where its leader listens.
struct BenchPartition: Sendable {
    /// Counts over all topics of the run.
    let number: Int
    let topic: String
    let index: Int32
    let leader: HostPort
}

/// The topics of one run on one cluster: made, found, deleted.
struct BenchTopics: Sendable {
    let partitions: [BenchPartition]
    let names: [String]
    private let bootstrap: [HostPort]
    private let security: BenchSecurity

    private static let patienceMilliseconds: Int32 = 30_000
    private static let pauseMilliseconds = 20

    /// Connects to the first broker that answers.
    private static func anyBroker(
        _ bootstrap: [HostPort], _ security: BenchSecurity
    ) throws(CommandFailure) -> WireConnection {
        var first: CommandFailure?
        for address in bootstrap {
            do throws(CommandFailure) {
                return try WireConnection(address, security)
            } catch {
                first = first ?? error
            }
        }
        throw first ?? CommandFailure("no broker is given")
    }

    /// Makes `load.topics` new topics named `rtd-bench-<id>` and waits for their leaders.
    init(_ bootstrap: [HostPort], _ load: BenchLoad, id: String) throws(CommandFailure) {
        self.bootstrap = bootstrap
        security = load.security
        let names = (0..<load.topics).map { load.topics == 1 ? id : "\(id)-\($0)" }
        self.names = names
        let controller = try Self.controller(bootstrap, security)
        let request = CreateTopicsRequest.with {
            $0.timeoutMs = Self.patienceMilliseconds
            $0.topics = names.map { name in
                .with {
                    $0.name = name
                    $0.numPartitions = Int32(load.partitions)
                    $0.replicationFactor = -1
                }
            }
        }
        let response = try controller.ask(request)
        for topic in response.topics where topic.errorCode != .none {
            let detail = topic.errorMessage ?? topic.errorCode.message
            throw CommandFailure("cannot create topic \"\(topic.name)\": \(detail)")
        }
        do throws(CommandFailure) {
            partitions = try Self.leaders(of: names, load, bootstrap)
        } catch {
            Self.delete(names, bootstrap, security)
            throw error
        }
    }

    private static func controller(
        _ bootstrap: [HostPort], _ security: BenchSecurity
    ) throws(CommandFailure) -> WireConnection {
        let broker = try anyBroker(bootstrap, security)
        let metadata = try broker.ask(MetadataRequest.with { $0.topics = [] })
        guard let found = metadata.brokers.first(where: { $0.nodeId == metadata.controllerId })
        else { return broker }
        let address = HostPort(host: found.host, port: UInt16(truncatingIfNeeded: found.port))
        return address == broker.address ? broker : try WireConnection(address, security)
    }

    private static func leaders(of names: [String], _ load: BenchLoad, _ bootstrap: [HostPort])
        throws(CommandFailure) -> [BenchPartition]
    {
        let broker = try anyBroker(bootstrap, load.security)
        let request = MetadataRequest.with {
            $0.allowAutoTopicCreation = false
            $0.topics = names.map { name in .with { $0.name = name } }
        }
        for _ in 0..<Int(patienceMilliseconds) / pauseMilliseconds {
            let found = complete(try broker.ask(request), names)
            if found.count == load.allPartitions { return found }
            Processes.pause(milliseconds: pauseMilliseconds)
        }
        throw CommandFailure("the partitions of the new topics got no leaders")
    }

    /// The partitions that have a leader, in the order of the names.
    private static func complete(_ metadata: MetadataResponse, _ names: [String])
        -> [BenchPartition]
    {
        var found: [BenchPartition] = []
        for name in names {
            guard let topic = metadata.topics.first(where: { $0.name == name }) else { continue }
            for partition in topic.partitions.sorted(by: { $0.partitionIndex < $1.partitionIndex })
            {
                guard
                    let leader = metadata.brokers.first(where: { $0.nodeId == partition.leaderId })
                else { continue }
                found.append(
                    BenchPartition(
                        number: found.count, topic: name, index: partition.partitionIndex,
                        leader: HostPort(
                            host: leader.host, port: UInt16(truncatingIfNeeded: leader.port))))
            }
        }
        return found
    }

    /// Deletes the topics; what fails is left to whoever runs the cluster, and said.
    func delete() {
        Self.delete(names, bootstrap, security)
    }

    private static func delete(
        _ names: [String], _ bootstrap: [HostPort], _ security: BenchSecurity
    ) {
        do throws(CommandFailure) {
            let controller = try controller(bootstrap, security)
            let request = DeleteTopicsRequest.with {
                $0.timeoutMs = patienceMilliseconds
                // Version 6 names topics in another field than those before.
                $0.topicNames = names
                $0.topics = names.map { name in .with { $0.name = name } }
            }
            let response = try controller.ask(request)
            for topic in response.responses where topic.errorCode != .none {
                throw CommandFailure(topic.errorMessage ?? topic.errorCode.message)
            }
        } catch {
            StandardError.write(
                line: "rtd: topics \(names.joined(separator: ", ")) are left: \(error.message)")
        }
    }
}
