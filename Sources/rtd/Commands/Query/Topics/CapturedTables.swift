import KafkaClient
import Query

/// The tables of one capture that a statement reads: all stand at one cut, and those that are
/// followed go on to the next one together. Used by the query's thread.
final class CapturedTables {
    private let partition: TopicPartition
    private let thread: ClusterThread
    /// Of the topic of cuts.
    private let next: Int64
    /// The cut that the tables are read up to.
    private(set) var cut: CutRecord
    private var feed: TopicFeed?
    private var members: [any FollowedTable] = []
    /// Newer than `cut`.
    private var newest: CutRecord?
    /// The driver has seen that all have reached the cut.
    private var mayAdvance = true

    init(
        _ partition: TopicPartition, _ cut: CutRecord, next: Int64, _ thread: ClusterThread
    ) {
        self.partition = partition
        self.cut = cut
        self.next = next
        self.thread = thread
    }

    func join(_ table: any FollowedTable) { members.append(table) }

    func leave(_ table: any FollowedTable) {
        members.removeAll { $0 === table }
        if members.isEmpty {
            feed?.close()
            feed = nil
        }
    }

    /// Every table was read up to the cut.
    var isSettled: Bool { members.allSatisfy(\.isAtCut) }

    /// A step may have ended here.
    func passBoundary() { mayAdvance = true }

    /// Goes on to the newest cut; false if there is none beyond, or not all are here.
    func advance(_ signal: SourceSignal) throws(ClientError) -> Bool {
        if feed == nil {
            feed = try TopicFeed(thread, [partition: next], ends: nil, signal)
        }
        while let fetched = try feed?.take() {
            newest = CutTopic.cuts(in: fetched, slot: cut.slot).last(where: \.isWhole) ?? newest
        }
        guard mayAdvance, let newest, isSettled else { return false }
        cut = newest
        self.newest = nil
        mayAdvance = false
        return true
    }
}

/// A captured table that is followed.
protocol FollowedTable: AnyObject {
    /// All up to the cut was handed out.
    var isAtCut: Bool { get }
}
