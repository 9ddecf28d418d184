import Formats

/// What makes the rows of a kept query and the position of its state count together: a transaction
/// of the cluster that its topics lie in. Used by the query's thread; calls block.
///
/// Everything that outputs made `within` it have written since the last commit is in the next one.
public protocol ResultTransaction: AnyObject {
    /// Before the first row: takes the name, so that another run of the same query can commit
    /// nothing more and what it has left open is gone; gives the step that was committed last. nil:
    /// the cluster knows of none.
    ///
    /// `openMilliseconds`: for how long a transaction may be open.
    func begin(_ name: String, openMilliseconds: Int64) throws(SQLError) -> CommittedStep?

    /// Makes all that was written count, and with it the step and how far topics were read. When it
    /// throws, nobody knows yet whether it does; `begin` of the next run tells.
    func commit(_ step: CommittedStep, _ read: [ReadOffset]) throws(SQLError)

    /// What was written since the last commit shall not count. Nothing follows.
    func abandon()

    /// After the last commit.
    func end()
}

/// One saved step of a query, told apart from those of other runs.
public struct CommittedStep: Sendable, Equatable {
    public var number: UInt64
    /// Drawn for each step: two copies of one state that went on apart do not meet again.
    public var nonce: UInt64

    public init(number: UInt64, nonce: UInt64) {
        self.number = number
        self.nonce = nonce
    }

    /// As it stands in the metadata of committed offsets.
    public var text: String { "rtd-step \(number) \(nonce)" }

    /// nil: the text is something else's.
    public init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 3, parts[0] == "rtd-step", let number = UInt64(parts[1]),
            let nonce = UInt64(parts[2])
        else { return nil }
        self.init(number: number, nonce: nonce)
    }
}

/// How far a query has read a partition of a topic.
public struct ReadOffset: Sendable, Equatable {
    /// `host:port,...` of the cluster; nil: the session's.
    public var brokers: String?
    public var topic: String
    public var partition: Int32
    /// The offset that is read next.
    public var next: Int64

    public init(brokers: String?, topic: String, partition: Int32, next: Int64) {
        self.brokers = brokers
        self.topic = topic
        self.partition = partition
        self.next = next
    }
}

/// What INSERT INTO a topic promises.
public enum TopicDelivery: Sendable, Equatable {
    /// With --state each result once, else at least once.
    case best
    case atLeastOnce
    /// Asked for by name, so that without --state it is an error. `prefix`: of the transactional
    /// id.
    case exactlyOnce(prefix: String?)
}
