import Bytes
import LogStorage
import Platform
import Records

/// What share groups have done in the partitions that they read (KIP-932): hands records out to
/// members, takes their word for them, and keeps it in an internal topic.
///
/// Called from any loop. What an acknowledgement changes is told once it is durable.
public final class ShareGroups: @unchecked Sendable {
    /// `group.share.*`, and what a group sets itself.
    struct Settings {
        var deliveriesMax: Int16
        var lockMilliseconds: Int64
        var inFlightMax: Int64
        var start: ShareStart
        var isCommittedOnly: Bool
    }

    private final class Entry {
        var partition: SharePartition
        let waits = FetchWaits()

        init(_ partition: SharePartition) {
            self.partition = partition
        }
    }

    /// Records in a member's hands, and the batches that they are in.
    public struct Fetched: Sendable {
        public var slice: LogSlice
        public var acquired: [(first: Int64, last: Int64, deliveries: Int16)]
    }

    /// Some records with a verdict for all or for each, by Kafka's numbers.
    public struct Acknowledgement: Sendable {
        public var first: Int64
        public var last: Int64
        public var verdicts: [Int8]

        public init(first: Int64, last: Int64, verdicts: [Int8]) {
            self.first = first
            self.last = last
            self.verdicts = verdicts
        }
    }

    private let clock: any Clock
    private let commits: GroupCommit
    let log: InternalLog
    private let brokerSettings: BrokerSettings
    private let lockBounds: ClosedRange<Int64>
    private let lock = Lock()
    private var entries: [SharePlace: Entry] = [:]
    private var configs: [String: [String: String]] = [:]

    init(
        settings: BrokerSettings, log: InternalLog, commits: GroupCommit, clock: any Clock
    ) {
        brokerSettings = settings
        lockBounds = GroupTime.shareLock.bounds(settings)
        self.log = log
        self.commits = commits
        self.clock = clock
    }

    private var now: Int64 { clock.monotonicNanoseconds / 1_000_000 }

    /// Replays the topic; before anything else is called.
    func load() throws(StreamingError) {
        var isReadable = true
        try log.load { record, _ in
            do throws(MalformedBytes) {
                try load(record)
            } catch {
                isReadable = false
            }
        }
        guard isReadable else {
            throw .storage("\(Broker.shareTopic) holds a record that cannot be read")
        }
    }

    private func load(_ record: InternalRecord) throws(MalformedBytes) {
        switch try ShareKey.decode(record.key) {
        case nil: return
        case .place(let place)?:
            guard let value = record.value else { return entries[place] = nil }
            entries[place] = Entry(try SharePartition(value))
        case .configs(let group)?:
            guard let value = record.value else { return configs[group] = nil }
            configs[group] = try ShareConfigsRecord.decode(value)
        }
    }

    private func settings(of group: String) -> Settings {
        let own = configs[group] ?? [:]
        func number(_ name: String, _ brokers: String) -> Int64 {
            own[name].flatMap { Int64($0) } ?? brokerSettings.number(brokers)
        }
        return Settings(
            deliveriesMax: Int16(
                clamping: number(
                    "share.delivery.count.limit", "group.share.delivery.count.limit")),
            lockMilliseconds: min(
                max(
                    number("share.record.lock.duration.ms", "group.share.record.lock.duration.ms"),
                    lockBounds.lowerBound),
                lockBounds.upperBound),
            inFlightMax: number(
                "share.partition.max.record.locks", "group.share.partition.max.record.locks"),
            start: own["share.auto.offset.reset"].flatMap { ShareStart($0) } ?? .latest,
            isCommittedOnly: own["share.isolation.level"] == "read_committed")
    }

    /// How long a member may keep a record, in milliseconds.
    public func lockMilliseconds(of group: String) -> Int64 {
        lock.withLock { settings(of: group).lockMilliseconds }
    }

    // MARK: Records

    /// A group begins to read these partitions: where, is decided and kept now.
    public func begin(
        group: String, _ partitions: [(topic: Topic, partition: Int32)],
        done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        change(done) {
            var records: [InternalRecord] = []
            let settings = self.settings(of: group)
            for (topic, number) in partitions {
                let place = SharePlace(group: group, topic: topic.id, partition: number)
                guard entries[place] == nil, let found = topic.partition(number) else { continue }
                let start = start(of: settings, in: found)
                let entry = Entry(SharePartition(start: start))
                entries[place] = entry
                records.append(record(place, entry))
            }
            return records
        }
    }

    private func start(of settings: Settings, in partition: Partition) -> Int64 {
        switch settings.start {
        case .earliest: partition.log.startOffset
        case .latest: partition.log.highWatermark
        case .ago(let milliseconds):
            (try? partition.offset(at: max(0, clock.wallMilliseconds - milliseconds)))?.0
                ?? partition.log.highWatermark
        }
    }

    /// Hands records out to a member; nil if there are none for it now.
    public func fetch(
        group: String, member: String, _ topic: Topic, _ number: Int32, recordsMax: Int,
        bytesMax: Int
    ) throws(StreamingError) -> Fetched? {
        guard let partition = topic.partition(number) else {
            throw .unknownPartition(topic: topic.name, partition: number)
        }
        let place = SharePlace(group: group, topic: topic.id, partition: number)
        return try lock.withLock { () throws(StreamingError) -> Fetched? in
            guard let entry = entries[place] else { return nil }
            let settings = self.settings(of: group)
            _ = entry.partition.advance(to: partition.log.startOffset)
            _ = entry.partition.retreat(to: partition.log.endOffset)
            let from = entry.partition.nextOffset
            let end =
                settings.isCommittedOnly
                ? partition.log.lastStableOffset : partition.log.highWatermark
            guard from < end,
                let slice = try partition.read(
                    from: from,
                    bytesMax: settings.isCommittedOnly
                        ? min(bytesMax, Limits.committedShareBytes) : bytesMax,
                    atLeastOne: true, committedOnly: settings.isCommittedOnly)
            else { return nil }
            if settings.isCommittedOnly {
                for range in try AbortedRanges.of(slice, in: partition.log) {
                    entry.partition.discard(range, upTo: slice.nextOffset)
                }
            }
            let acquired = entry.partition.acquire(
                upTo: slice.nextOffset, countMax: Int64(recordsMax),
                inFlightMax: settings.inFlightMax, member: member,
                deadline: now + settings.lockMilliseconds)
            guard !acquired.isEmpty else { return nil }
            return Fetched(
                slice: slice, acquired: acquired.map { ($0.first, $0.last, $0.deliveries) })
        }
    }

    /// A member's word for some records of a partition. INVALID_RECORD_STATE if it does not hold
    /// them; `done` once what it says is durable.
    public func acknowledge(
        group: String, member: String, topic: UUID, partition: Int32,
        _ acknowledgements: [Acknowledgement],
        done: @escaping @Sendable (ShareRefusal?) -> Void
    ) {
        let place = SharePlace(group: group, topic: topic, partition: partition)
        var woken: Entry?
        changeOrRefuse({ refusal, error in
            done(refusal ?? error.map { ShareRefusal.storage($0) })
        }) {
            guard let entry = entries[place] else { return (.invalidRecordState, []) }
            var refusal: ShareRefusal?
            let settings = self.settings(of: group)
            for one in acknowledgements {
                let verdicts = one.verdicts.compactMap(SharePartition.Verdict.init(rawValue:))
                if verdicts.count < one.verdicts.count || verdicts.isEmpty {
                    refusal = .invalidRequest
                } else if !entry.partition.acknowledge(
                    one.first, one.last, verdicts, member: member,
                    deliveriesMax: settings.deliveriesMax,
                    deadline: now + settings.lockMilliseconds)
                {
                    refusal = .invalidRecordState
                }
            }
            woken = entry
            return (refusal, [record(place, entry)])
        }
        woken?.waits.wakeAll()
    }

    /// A member has gone, or has ended its session: what it held is free.
    public func release(group: String, member: String) {
        letGo { place, limit in
            guard place.group == group else { return { _ in false } }
            return { $0.release(member: member, deliveriesMax: limit) }
        }
    }

    /// Called about once a second: locks run out.
    func tick() {
        let now = now
        letGo { _, limit in { $0.expire(now: now, deliveriesMax: limit) } }
    }

    private func letGo(
        _ step: (SharePlace, Int16) -> (inout SharePartition) -> Bool
    ) {
        var woken: [Entry] = []
        change({ _ in }) {
            var records: [InternalRecord] = []
            for (place, entry) in entries where entry.partition.inFlightCount > 0 {
                let limit = settings(of: place.group).deliveriesMax
                guard step(place, limit)(&entry.partition) else { continue }
                records.append(record(place, entry))
                woken.append(entry)
            }
            return records
        }
        for entry in woken { entry.waits.wakeAll() }
    }

    /// A fetch of a member waits for records that others let go; appends wake it by the partition.
    public func add(_ wait: FetchWait, group: String, topic: UUID, partition: Int32) {
        let place = SharePlace(group: group, topic: topic, partition: partition)
        lock.withLock { entries[place]?.waits }?.add(wait)
    }

    public func remove(_ wait: FetchWait, group: String, topic: UUID, partition: Int32) {
        let place = SharePlace(group: group, topic: topic, partition: partition)
        lock.withLock { entries[place]?.waits }?.remove(wait)
    }

    // MARK: Administration

    /// How far a group is in a partition.
    public struct Place: Sendable, Equatable {
        public var topic: UUID
        public var partition: Int32
        /// The first record that is not done with.
        public var start: Int64
        /// Records behind it that are.
        public var done: Int64 = 0

        public init(topic: UUID, partition: Int32, start: Int64) {
            self.topic = topic
            self.partition = partition
            self.start = start
        }
    }

    public func places(of group: String) -> [Place] {
        lock.withLock {
            entries.filter { $0.key.group == group }.map { key, entry in
                var place = Place(
                    topic: key.topic, partition: key.partition, start: entry.partition.start)
                place.done = entry.partition.doneCount
                return place
            }
        }
    }

    /// A group that nobody is in goes on at these places, whatever it has done.
    public func begin(
        group: String, at places: [Place], done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        change(done) {
            places.map { place in
                let key = SharePlace(
                    group: group, topic: place.topic, partition: place.partition)
                let entry = Entry(SharePartition(start: place.start))
                entries[key] = entry
                return record(key, entry)
            }
        }
    }

    /// What the group sets itself.
    public func configs(of group: String) -> [String: String] {
        lock.withLock { configs[group] ?? [:] }
    }

    /// Groups that set something themselves.
    public var configuredGroups: [String] { lock.withLock { Array(configs.keys) } }

    public func setConfigs(
        _ values: [String: String], of group: String,
        done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        change(done) {
            configs[group] = values.isEmpty ? nil : values
            let value = values.isEmpty ? nil : ShareConfigsRecord.encode(values)
            return [InternalRecord(key: ShareKey.configs(of: group), value: value)]
        }
    }

    /// Topics or groups are gone, and so is what was done in them.
    func forget(
        _ isGone: (SharePlace) -> Bool,
        done: @escaping @Sendable (StreamingError?) -> Void = { _ in }
    ) {
        change(done) {
            let gone = entries.keys.filter(isGone)
            for place in gone { entries[place] = nil }
            return gone.map { InternalRecord(key: $0.bytes, value: nil) }
        }
    }

    public func forget(group: String) { forget { $0.group == group } }

    public func forget(
        group: String, topics: Set<UUID>, done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        forget({ $0.group == group && topics.contains($0.topic) }, done: done)
    }

    private func record(_ place: SharePlace, _ entry: Entry) -> InternalRecord {
        InternalRecord(key: place.bytes, value: entry.partition.bytes)
    }

    /// Makes a change under the lock, appends its records in the order of the changes, and calls
    /// `done` once they are durable.
    private func change(
        _ done: @escaping @Sendable (StreamingError?) -> Void, _ make: () -> [InternalRecord]
    ) {
        changeOrRefuse({ _, error in done(error) }) { (nil, make()) }
    }

    /// The same for a change that may be refused, in part at least.
    private func changeOrRefuse(
        _ done: @escaping @Sendable (ShareRefusal?, StreamingError?) -> Void,
        _ make: () -> (ShareRefusal?, [InternalRecord])
    ) {
        let (refusal, result) = lock.withLock {
            () -> (ShareRefusal?, Result<Int64?, StreamingError>) in
            let (refusal, records) = make()
            guard !records.isEmpty else { return (refusal, .success(nil)) }
            do throws(StreamingError) {
                try log.write(records)
                return (refusal, .success(log.partition.log.endOffset))
            } catch {
                return (refusal, .failure(error))
            }
        }
        switch result {
        case .failure(let error): done(refusal, error)
        case .success(nil): done(refusal, nil)
        case .success(let end?):
            commits.commit(log.partition.log, upTo: end) { result in
                if case .failure(let error) = result {
                    done(refusal, StreamingError(error))
                } else {
                    done(refusal, nil)
                }
            }
        }
    }

    /// Begins a new segment with all that holds now, if much has been appended.
    func compact() throws(StreamingError) {
        let snapshot = try lock.withLock { () throws(StreamingError) -> Range<Int64>? in
            guard log.wantsSnapshot else { return nil }
            var records = entries.map { record($0.key, $0.value) }
            for (group, values) in configs {
                records.append(
                    InternalRecord(
                        key: ShareKey.configs(of: group), value: ShareConfigsRecord.encode(values)))
            }
            return try log.writeSnapshot(records)
        }
        if let snapshot { log.forgetOlder(than: snapshot) }
    }
}

/// Why a member's word for records is not taken.
public enum ShareRefusal: Error, Sendable, Equatable {
    case invalidRecordState
    case invalidRequest
    case storage(StreamingError)

    /// Kafka's number for it.
    public var code: Int16 {
        switch self {
        case .invalidRecordState: 121
        case .invalidRequest: 42
        case .storage(let error): error.code
        }
    }
}
