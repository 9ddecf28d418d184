/// A consumer's place in a group, by the classic protocol or by that of KIP-848. On the cluster's
/// loop; `GroupConsumer` drives it.
protocol GroupMembership: AnyObject, Sendable {
    var configuration: GroupConfiguration { get }
    /// The share is to be given up, and `join` called again.
    var mustRejoin: Bool { get }
    /// This member was removed: its partitions may be others' already.
    var isLost: Bool { get }
    var failure: ClientError? { get }
    /// Called when one of the three has changed.
    var changed: @Sendable () -> Void { get set }

    /// Joins, and gives the partitions that this member is to read; heartbeats begin.
    func join() async throws(ClientError) -> [TopicPartition]
    /// Asks for partitions of these topics instead.
    func subscribe(_ topics: [String])
    func commit(_ offsets: [TopicPartition: CommittedOffset]) async throws(ClientError)
    /// The same as a part of a producer's transaction.
    func commit(
        _ offsets: [TopicPartition: CommittedOffset], in producer: Producer
    ) async throws(ClientError)
    /// Stops the heartbeats and tells the group.
    func leave() async
}
