import KafkaProtocol
import Records

/// What a broker remembers of a consumer's fetches, so that a request names only what has changed
/// (KIP-227).
struct FetchSession {
    /// What a request says of a partition.
    struct Wanted: Equatable {
        var offset: Int64
        var leaderEpoch: Int32
        /// A topic that is made again has another; zero on old brokers.
        var topicID: UUID
    }

    private var id: Int32 = 0
    /// 0 opens a session.
    private var epoch: Int32 = 0
    private var remembered: [TopicPartition: Wanted] = [:]
    private var usesTopicIDs = false

    /// Forgets the session; the next request opens another.
    mutating func reset() { self = FetchSession() }

    /// Fills a request that asks for exactly `wanted`.
    mutating func prepare(
        _ request: inout FetchRequest, _ wanted: [TopicPartition: Wanted], version: Int16,
        partitionBytesMax: Int32
    ) {
        let byID = version >= 13
        if byID != usesTopicIDs { reset() }
        usesTopicIDs = byID
        var changed = wanted
        if epoch > 0 {
            changed = wanted.filter { remembered[$0.key] != $0.value }
            // By name a topic's namesake takes its place in the session; by id both would be in it.
            let gone = remembered.filter { id, known in
                wanted[id].map { byID && $0.topicID != known.topicID } ?? true
            }
            request.forgottenTopicsData = gone.map { id, known in
                .with {
                    $0.topic = id.topic
                    $0.topicId = known.topicID
                    $0.partitions = [id.partition]
                }
            }
        }
        request.sessionId = id
        request.sessionEpoch = version >= 7 ? epoch : -1
        request.topics = Dictionary(grouping: changed, by: \.key.topic).map { name, entries in
            .with {
                $0.topic = name
                $0.topicId = entries.first?.value.topicID ?? .zero
                $0.partitions = entries.map { partition, wanted in
                    .with {
                        $0.partition = partition.partition
                        $0.fetchOffset = wanted.offset
                        $0.currentLeaderEpoch = wanted.leaderEpoch
                        $0.partitionMaxBytes = partitionBytesMax
                    }
                }
            }
        }
        remembered = wanted
    }

    /// The broker has answered without an error of its own.
    mutating func answered(_ response: FetchResponse) {
        // A broker without room for the session gives id 0: every request is a full one.
        guard response.sessionId != 0 else { return reset() }
        id = response.sessionId
        epoch = epoch == .max ? 1 : epoch + 1
    }
}
