/// The broker properties that steer groups, with Kafka's defaults except where said.
public struct GroupConfiguration: Sendable {
    /// `group.min.session.timeout.ms`, `group.max.session.timeout.ms`.
    public var sessionTimeoutMillisecondsMin: Int32 = 6_000
    public var sessionTimeoutMillisecondsMax: Int32 = 1_800_000
    /// `group.max.size`; Kafka has no limit.
    public var groupSizeMax = Limits.membersPerGroupMax
    /// `group.initial.rebalance.delay.ms`; Kafka's 3000 costs three seconds on every first join.
    public var initialRebalanceDelayMilliseconds: Int64 = 0
    /// A new member that waits for a join longer than this is dropped and expected to try again:
    /// it cannot heartbeat yet, and its lost connection is not noticed.
    public var newMemberJoinTimeoutMilliseconds: Int64 = 300_000
    /// `offset.metadata.max.bytes`; counted in UTF-16 units, as Kafka does.
    public var offsetMetadataLengthMax = 4_096
    /// `offsets.retention.minutes`.
    public var offsetsRetentionMilliseconds: Int64 = 7 * 24 * 3_600_000
    /// `offsets.retention.check.interval.ms`.
    public var offsetsRetentionCheckIntervalMilliseconds: Int64 = 600_000

    /// `group.consumer.heartbeat.interval.ms`; Kafka's 5000 makes a rebalance take as long.
    public var consumerHeartbeatMilliseconds: Int32 = 1_000
    /// `group.consumer.session.timeout.ms`.
    public var consumerSessionMilliseconds: Int32 = 45_000
    /// `group.consumer.max.size`; Kafka has no limit.
    public var consumerSizeMax = Limits.membersPerGroupMax
    /// `group.consumer.assignors`: the first one holds where no member has a wish.
    public var assignors = ServerAssignor.allCases.map(\.rawValue)
    /// `group.consumer.migration.policy`.
    public var migratesToConsumer = true
    public var migratesToClassic = true
    /// `group.share.heartbeat.interval.ms`, `group.share.session.timeout.ms`.
    public var shareHeartbeatMilliseconds: Int32 = 1_000
    public var shareSessionMilliseconds: Int32 = 45_000
    /// Within what groups set those times themselves: `group.consumer.min.session.timeout.ms` and
    /// so on.
    public var consumerHeartbeatBounds: ClosedRange<Int32> = 1_000...15_000
    public var consumerSessionBounds: ClosedRange<Int32> = 45_000...60_000
    public var shareHeartbeatBounds: ClosedRange<Int32> = 1_000...15_000
    public var shareSessionBounds: ClosedRange<Int32> = 45_000...60_000
    /// `group.share.max.size`.
    public var shareSizeMax = 200

    public init() {}
}
