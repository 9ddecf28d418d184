import Records

/// What the group coordinator must know of topics, which it shares among members itself.
public protocol TopicDirectory: AnyObject, Sendable {
    func shape(ofTopic name: String) -> TopicShape?
    func shape(ofTopic id: UUID) -> TopicShape?
    /// Those of clients; the server's own are nobody's to subscribe to by a pattern.
    var subscribableTopics: [String] { get }
    /// The names that match a regular expression as a whole; nil if it is none.
    func topics(matching pattern: String, among names: [String]) -> Set<String>?
}

/// A topic as far as its partitions can be shared.
public struct TopicShape: Equatable, Sendable {
    public let id: UUID
    public let name: String
    public let partitionCount: Int32

    public init(id: UUID, name: String, partitionCount: Int32) {
        self.id = id
        self.name = name
        self.partitionCount = partitionCount
    }

    /// All of the topic.
    var partitions: Set<Int32> { Set(0..<partitionCount) }
}
