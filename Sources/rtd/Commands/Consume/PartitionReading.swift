import KafkaClient

/// One partition that is read: what of it, and how far it has come. On the task that prints.
final class PartitionReading: @unchecked Sendable {
    let id: TopicPartition
    /// Ties of a merged output are broken by it: topics as they were typed, then partitions.
    let rank: Int
    let source: RecordSource
    var range: ReadingRange
    /// Where the next batches that are taken begin.
    var position: Int64
    /// Where to read on when what was printed has been written.
    var printed: Int64
    /// Where to read on after what has been written to stdout.
    var written: Int64
    /// The end of the log as the last fetch told it.
    var highWatermark: Int64
    /// What the group knows.
    var committed: Int64

    init(_ id: TopicPartition, rank: Int, _ range: ReadingRange) {
        self.id = id
        self.rank = rank
        self.range = range
        source = RecordSource(topic: id.topic, partition: id.partition)
        position = range.start
        printed = range.start
        written = range.start
        committed = range.start
        highWatermark = range.logEnd
    }

    /// Nothing more of it has to be fetched.
    var isComplete: Bool { range.isEmpty || range.end.map { position >= $0 } ?? false }
}
