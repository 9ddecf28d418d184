import KafkaClient

/// Merges partitions whose ends are known by timestamp, ties by topic, partition and offset; the
/// records of a partition keep their order. On the task that prints.
///
/// A record is printed once every partition that is not complete has shown its next one. The
/// partition that others wait for is fetched on; the rest are held back when much of them waits.
struct PartitionMerge {
    private let feed: RecordFeed
    private let laneBytesMax: Int
    private var lanes: [TopicPartition: MergeLane] = [:]
    /// Lanes with a record, the smallest first, as a binary heap.
    private var heap: [MergeLane] = []
    /// Lanes without a record that are not complete.
    private var starving = 0

    init(_ readings: [PartitionReading], _ feed: RecordFeed) {
        self.feed = feed
        laneBytesMax = Self.laneBytes(of: readings.count)
        for reading in readings where !reading.isComplete {
            lanes[reading.id] = MergeLane(reading)
            starving += 1
        }
    }

    /// How much of each partition is fetched ahead.
    static func laneBytes(of count: Int) -> Int {
        min(
            max(ConsumeLimits.lanesBytes / max(count, 1), ConsumeLimits.laneBytesMin),
            ConsumeLimits.laneBytesMax)
    }

    /// Takes a fetch in; the reading's position is behind it already.
    mutating func append(
        _ fetched: FetchedBatches, into output: RecordOutput
    ) throws(ConsumeError) {
        guard let lane = lanes[fetched.partition] else { return }
        let wasStarving = lane.head == nil
        lane.append(fetched)
        if lane.waitingBytes > laneBytesMax, !lane.isPaused {
            lane.isPaused = true
            feed.pause(fetched.partition)
        }
        if wasStarving {
            starving -= 1
            try enter(lane, output)
        }
        try run(into: output)
    }

    /// A partition turned out to be complete without a further fetch.
    mutating func completed(_ id: TopicPartition, into output: RecordOutput) throws(ConsumeError) {
        guard let lane = lanes[id], lane.head == nil else { return }
        starving -= 1
        try run(into: output)
    }

    /// Prints as far as the order is known.
    private mutating func run(into output: RecordOutput) throws(ConsumeError) {
        while starving == 0, !output.isComplete, let lane = heap.first {
            try output.print(lane, before: secondKey)
            if lane.head == nil {
                removeTop()
                try enter(lane, output)
            } else {
                siftDown()
            }
        }
    }

    /// Puts a lane without a record where it belongs.
    private mutating func enter(
        _ lane: MergeLane, _ output: RecordOutput
    ) throws(ConsumeError) {
        try output.advance(lane)
        if lane.isPaused, lane.waitingBytes < laneBytesMax / 2 + 1 {
            lane.isPaused = false
            feed.resume(lane.reading.id)
        }
        if lane.head != nil {
            insert(lane)
        } else if !lane.reading.isComplete {
            starving += 1
        }
    }
}

// The heap.
extension PartitionMerge {
    /// The key of the record that comes after those of the first lane.
    private var secondKey: MergeKey? {
        guard heap.count > 1 else { return nil }
        guard heap.count > 2, let left = heap[1].key, let right = heap[2].key else {
            return heap[1].key
        }
        return min(left, right)
    }

    private func precedes(_ a: MergeLane, _ b: MergeLane) -> Bool {
        guard let first = a.key, let second = b.key else { return a.key != nil }
        return first < second
    }

    private mutating func insert(_ lane: MergeLane) {
        heap.append(lane)
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard precedes(heap[index], heap[parent]) else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func removeTop() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        siftDown()
    }

    private mutating func siftDown() {
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, precedes(heap[child + 1], heap[child]) { child += 1 }
            guard precedes(heap[child], heap[index]) else { return }
            heap.swapAt(index, child)
            index = child
        }
    }
}
