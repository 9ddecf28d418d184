import Records

extension Broker: TopicDirectory {
    public func shape(ofTopic name: String) -> TopicShape? { topic(name).map(TopicShape.init) }

    public func shape(ofTopic id: UUID) -> TopicShape? { topic(id: id).map(TopicShape.init) }

    public var subscribableTopics: [String] {
        topics.filter { !$0.isInternal }.map(\.name)
    }

    public func topics(matching pattern: String, among names: [String]) -> Set<String>? {
        environment.namesMatching(pattern, names)
    }
}

extension TopicShape {
    init(_ topic: Topic) {
        self.init(id: topic.id, name: topic.name, partitionCount: Int32(topic.partitions.count))
    }
}
