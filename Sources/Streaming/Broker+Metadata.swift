import LogStorage
import Platform
import Records

extension Broker {
    /// Reads the metadata log, then opens what it names and removes what it does not.
    func loadMetadata(_ opener: PartitionOpener) throws(StreamingError) {
        var found: [UUID: MetadataRecord] = [:]
        var latest: [String: UUID] = [:]
        var removed: Set<UUID> = []
        try metadata.load { record, _ in
            switch MetadataRecord(record) {
            // Behind its removal nothing makes a topic again: versions before 0.2 could write so.
            case .topic(let id, _, _, _) where removed.contains(id): break
            case .topic(let id, let name, let partitions, let configs):
                found[id] = .topic(id: id, name: name, partitions: partitions, configs: configs)
                latest[name] = id
            case .topicRemoved(let id):
                found[id] = nil
                removed.insert(id)
            case .brokerConfigs(let configs): settings.restore(configs)
            case .producerIDs(let next):
                nextProducerID = next
                reservedProducerID = next
            case nil: report("\(Self.metadataTopic): a record of a newer version is skipped")
            }
        }
        var isClear = metadata.damaged == nil
        var topics: [(wanted: PartitionOpener.Wanted, configs: [String: String])] = []
        for case .topic(let id, let name, let count, let configs) in found.values {
            guard latest[name] == id else {
                report("\(name): an older topic of this name is left out, its files \(id) stay")
                isClear = false
                continue
            }
            let wanted = PartitionOpener.Wanted(
                id: id, name: name, partitions: 0...max(0, count - 1),
                settings: settings.topicSettings(configs))
            topics.append((wanted, configs))
        }
        for (topic, partitions) in zip(topics, try opener.open(topics.map(\.wanted))) {
            register(
                Topic(
                    id: topic.wanted.id, name: topic.wanted.name, configs: topic.configs,
                    settings: topic.wanted.settings, partitions: partitions, isInternal: false))
        }
        // A directory may be of a topic whose record is among the damaged ones.
        if isClear { removeLeftovers() }
    }

    /// Directories that no record names: of a topic whose creation or removal a crash cut short.
    private func removeLeftovers() {
        let kept = Set(byID.keys.map { PartitionOpener.directory(directory, $0) })
        do throws(SystemError) {
            for name in try fileSystem.list(directory + "/topics") {
                let path = "\(directory)/topics/\(name)"
                if !kept.contains(path) { try fileSystem.removeTree(path) }
            }
        } catch {
            report("\(error)")
        }
    }

    /// Appends to the metadata log; `done` once it is durable, from another thread.
    func persist(
        _ record: MetadataRecord, done: @escaping @Sendable (Result<Void, StreamingError>) -> Void
    ) {
        let end: Int64
        do throws(StreamingError) {
            end = try lock.withLock { () throws(StreamingError) -> Int64 in
                try metadata.write([record.record])
                changesUnderWay += 1
                return metadata.partition.log.endOffset
            }
        } catch {
            return done(.failure(error))
        }
        commits.commit(metadata.partition.log, upTo: end) { [self] result in
            done(result.mapError { StreamingError($0) })
            lock.withLock { changesUnderWay -= 1 }
        }
    }

    /// All that the metadata log has to say now.
    private var snapshot: [InternalRecord] {
        var records: [MetadataRecord] = [
            .producerIDs(next: reservedProducerID), .brokerConfigs(settings.dynamic),
        ]
        for topic in byName.values where !topic.isInternal {
            records.append(
                .topic(
                    id: topic.id, name: topic.name, partitions: Int32(topic.partitions.count),
                    configs: topic.configs))
        }
        return records.map(\.record)
    }

    /// Writes snapshots of the internal logs that have grown; called now and then.
    public func compactInternalLogs() {
        do throws(StreamingError) {
            let written = try lock.withLock { () throws(StreamingError) -> Range<Int64>? in
                // A change that is appended but not applied would be missing from the snapshot.
                guard metadata.wantsSnapshot && changesUnderWay == 0 else { return nil }
                return try metadata.writeSnapshot(snapshot)
            }
            if let written { metadata.forgetOlder(than: written) }
            try groups.compact()
            try transactions.compact()
            try shares.compact()
        } catch {
            report("an internal topic cannot be compacted: \(error)")
        }
    }

    /// Replaces the broker's own configs; called in their turn, `inTurn`.
    public func setBrokerConfigs(
        _ configs: [String: String], validateOnly: Bool,
        done: @escaping @Sendable (Result<Void, StreamingError>) -> Void
    ) {
        do throws(StreamingError) {
            for (name, value) in configs.sorted(by: { $0.key < $1.key }) {
                let definition = try BrokerConfigs.named(name)
                guard definition.dynamic else {
                    throw .invalidConfig("\(name) can only be set at start.")
                }
                try definition.check(value)
            }
        } catch {
            return done(.failure(error))
        }
        if validateOnly { return done(.success(())) }
        persist(.brokerConfigs(configs)) { [self] result in
            if case .success = result { applyBrokerConfigs(configs) }
            done(result)
        }
    }

    private func applyBrokerConfigs(_ configs: [String: String]) {
        lock.withLock {
            settings.dynamic = configs
            for (name, topic) in byName where !topic.isInternal {
                let changed = topic.under(settings)
                byName[name] = changed
                apply(to: changed)
            }
        }
    }

    /// A producer id that no one has had, once the block it is of is durable.
    public func allocateProducerID(
        done: @escaping @Sendable (Result<Int64, StreamingError>) -> Void
    ) {
        let id = lock.withLock { () -> Int64? in
            guard nextProducerID < reservedProducerID else {
                producerIDWaits.append(done)
                return nil
            }
            nextProducerID += 1
            return nextProducerID - 1
        }
        if let id { return done(.success(id)) }
        let block = lock.withLock { () -> Int64? in
            guard !reservingProducerIDs else { return nil }
            reservingProducerIDs = true
            return reservedProducerID + Limits.producerIDBlock
        }
        guard let block else { return }
        persist(.producerIDs(next: block)) { [self] in reserved(block, $0) }
    }

    private func reserved(_ block: Int64, _ result: Result<Void, StreamingError>) {
        let waits = lock.withLock {
            reservingProducerIDs = false
            if case .success = result { reservedProducerID = block }
            defer { producerIDWaits = [] }
            return producerIDWaits
        }
        for wait in waits {
            if case .failure(let error) = result {
                wait(.failure(error))
            } else {
                allocateProducerID(done: wait)
            }
        }
    }
}
