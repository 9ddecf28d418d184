import Platform

// Holding partitions back. All may be called from any thread and hold for what is assigned then.
extension Consumer {
    /// Fetches no further than these offsets, which are exclusive.
    public func stop(at ends: [TopicPartition: Int64]) {
        loop.post { [self] in
            for (id, end) in ends { partitions[id]?.end = end }
        }
    }

    /// Fetches nothing more of a partition for now; what was fetched already still comes.
    public func pause(_ id: TopicPartition) {
        loop.post { [self] in partitions[id]?.isPaused = true }
    }

    /// Takes a pause back.
    public func resume(_ id: TopicPartition) {
        loop.post { [self] in
            guard let partition = partitions[id], partition.isPaused else { return }
            partition.isPaused = false
            pump()
        }
    }
}
