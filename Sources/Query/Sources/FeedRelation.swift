import Aggregation
import Formats
import Platform

/// Stdin or a file that is followed as a relation. Its columns come from the rows that lie at its
/// start.
public final class FeedRelation: SampledRelation, EnvelopeRecords, KnownColumnsRelation {
    public let name: String
    public let time: TimeDeclaration? = nil
    public let isEndless: Bool
    public let isAppendOnly = true
    public let key: [Int]? = nil
    public let estimatedRows: Int? = nil
    private let feed: InputFeed
    private let schema: InputSchema
    private let isStrict: Bool
    private let follow: Follow?
    public let emptyColumns: [String]?
    public let isBroken: Bool

    /// A feed that goes on at a place of a file, as far as that is still there.
    typealias Follow = @Sendable (FilePlace) throws(SQLError) -> InputFeed

    public var envelopes: EnvelopeSchema? { schema.envelopes }
    public var known: KnownColumns { schema.known }
    public var columns: [RelationColumn] { schema.columns }
    public var givesJSONText: Bool { schema.isJSON }

    private init(
        _ feed: InputFeed, _ sample: SampleInProgress.Result, isStrict: Bool, isEndless: Bool,
        _ follow: Follow?
    ) {
        let schema = sample.schema
        emptyColumns = sample.emptyColumns
        isBroken = sample.isBroken
        self.follow = schema.isResumable ? follow : nil
        name = feed.name
        self.feed = feed
        self.schema = schema
        self.isStrict = isStrict
        self.isEndless = isEndless
    }

    /// For rows that may not come.
    private static let longWait: Int64 = 1_000_000_000
    private static let shortWait: Int64 = 50_000_000

    /// Of a pipe whose columns are known.
    private static let sampledBytesMax = 128 * 1024

    /// Waits for the first rows, until every wanted name has had a value. A name may be another
    /// relation's or the query's own, so rows that are there are not held for it longer than a
    /// second.
    static func make(
        _ feed: InputFeed, options: InputOptions, isEndless: Bool = false,
        stop: StopFlag, note: @Sendable (String) -> Void, follow: Follow? = nil
    ) throws(SQLError) -> FeedRelation {
        try feed.rewind(nil)
        if let known = options.known, !options.readsEnvelopes {
            return FeedRelation(
                feed, SampleInProgress.Result(schema: InputSchema(known)),
                isStrict: options.isStrict, isEndless: isEndless, follow)
        }
        let bytes = InputBlock(capacity: 0, headroom: 0)
        // --strict gives the same for the same bytes: it looks at no row that is not needed.
        let rowsMin = options.isStrict && feed.size == nil ? 1 : InputSample.fileRowsMin
        var sample = SampleInProgress(options, rowsMin: rowsMin)
        var seen = bytes
        var waits = 0
        var waited: Int64 = 0
        sampling: while !sample.isDone, !stop.isSet {
            // A pipe is waited for only as long as something is not known; what has come is looked
            // at, but no more than a piece of it.
            let isWaiting = !sample.isSufficient || feed.size != nil
            if !isWaiting, seen.count >= sampledBytesMax { break }
            // In short waits, so that Ctrl-C is seen at once.
            switch try feed.take(nanoseconds: isWaiting ? shortWait : 0) {
            case .nothing:
                waited += shortWait
                guard !isWaiting || waited >= longWait else { continue }
                waited = 0
                if sample.hasRows { break sampling }
                waits += 1
                if waits == 1 {
                    note("waiting for rows on \(feed.name) to learn the columns of the query")
                }
            case .block(let block, _):
                waited = 0
                seen = seen.count == 0 ? block : InputBlock(joining: seen, block)
                sample.observe(seen, isLast: false)
            case .end:
                sample.observe(seen, isLast: true)
                break sampling
            }
        }
        if stop.isSet { feed.endHere() }
        sample.isDamaged = feed.damage != nil
        var result = sample.finish(adding: options.expected, options.expectedPaths)
        if !result.missing.isEmpty {
            let names = result.missing.map { "\"\($0)\"" }.joined(separator: ", ")
            note("no row of \(feed.name) has had \(names) yet; null until one has")
        }
        if result.schema.isCut, options.wanted == nil {
            throw InputSample.tooManyColumns(feed.name)
        }
        if let known = options.known {
            result.schema = InputSchema(known, sampled: result.schema)
        }
        return FeedRelation(
            feed, result, isStrict: options.isStrict, isEndless: isEndless, follow)
    }

    public var mayWait: Bool { feed.size == nil }
    public var isReadOnce: Bool { true }

    public func narrowClashes() -> Bool { schema.narrowClashes() }

    public func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        try feed.rewind(context.signal)
        return FeedSource(
            feed, schema, schema.readColumns(scan), isStrict: isStrict, context: context, follow)
    }
}

/// Decodes what the feed's thread has read; never waits.
final class FeedSource: Source {
    private var feed: InputFeed
    private let schema: InputSchema
    private let isStrict: Bool
    private let context: SourceContext
    private let follow: FeedRelation.Follow?
    /// Of a file that is followed.
    private(set) var places = FilePlaces()
    private var reader: any RowReader
    private var pending: PendingMisfit?
    private var isRewindable = true
    private var hasEnded = false
    /// 1 where the rest of the input could not be read.
    private var skippedBytes = 0
    /// What was read is read again by another source.
    private var isRestarting = false

    init(
        _ feed: InputFeed, _ schema: InputSchema, _ columns: [ReadColumn], isStrict: Bool,
        context: SourceContext, _ follow: FeedRelation.Follow?
    ) {
        self.feed = feed
        self.follow = follow
        self.schema = schema
        self.isStrict = isStrict
        self.context = context
        reader = schema.reader(columns, name: feed.name, context: context)
    }

    var skippedCount: Int { reader.brokenRows + skippedBytes }

    /// A file at stdin ends; whatever else is there may take its time.
    var maySleep: Bool { feed.size == nil }
    func name(ofPartition partition: Int) -> String { feed.name }

    func endWithWhatHasCome() -> Bool {
        feed.endHere()
        return true
    }

    func close() {
        guard !isRestarting, !context.isReadAgain else { return }
        feed.stopKeeping()
        feed.stop()
    }

    func next() throws(SQLError) -> SourceEvent {
        if isRewindable && !context.mayRestart() {
            isRewindable = false
            feed.stopKeeping()
        }
        while true {
            if let event = try event(of: try reader.next()) { return event }
        }
    }

    /// nil: the reader is to be asked again.
    private func event(of result: ReadResult) throws(SQLError) -> SourceEvent? {
        switch result {
        case .rows(let batch): return .batch(batch, partition: 0)
        case .misfit(let misfit):
            isRestarting = true
            pending = try policy.decide(misfit)
            isRestarting = false
            if pending != nil { return .misfit }
            reader.coerce(misfit)
            return nil
        case .needsInput: return try supply()
        }
    }

    private var policy: MisfitPolicy {
        let name = feed.name
        return MisfitPolicy(
            schema, isStrict: isStrict, canRestart: isRewindable, context: context
        ) { "\(name) line \($0.line)" }
    }

    func goOn(with scan: ScanPlan?) {
        let policy = policy
        defer { pending = nil }
        guard let scan else {
            guard let pending else { return }
            policy.settle(pending, isWidened: false)
            reader.coerce(pending.misfit)
            return
        }
        let new = schema.reader(schema.readColumns(scan), name: feed.name, context: context)
        new.takeOver(from: reader)
        reader = new
        if let pending { policy.settle(pending, isWidened: true) }
    }

    /// Hands the reader what has come; if nothing has, what it has decoded, or that there is
    /// nothing.
    private func supply() throws(SQLError) -> SourceEvent? {
        if !hasEnded {
            switch try feed.take() {
            case .block(let block, let place):
                if let place {
                    if place.isFileStart { reader.fileBegan() }
                    places.add(block.count, place)
                }
                reader.supply(block, isLast: false)
                return nil
            case .end:
                hasEnded = true
                let nothing = InputBlock(capacity: 0)
                nothing.seal()
                reader.supply(nothing, isLast: true)
                return nil
            case .nothing: break
            }
        }
        // What is left may hold a misfit as any row may.
        if let rest = try reader.flush() { return try event(of: rest) }
        guard hasEnded else { return .idle }
        if skippedBytes == 0, let damage = feed.damage {
            skippedBytes = try context.passOver(damage)
        }
        return .end
    }
}

// The state of a file that is followed.
extension FeedSource {
    var isResumable: Bool { follow != nil }

    /// The file and the place in it behind the rows that were handed out, the line there, and
    /// whether a line of names may follow.
    var position: [UInt8]? {
        guard reader.pendingRows == 0 else { return nil }
        var state = OutputBuffer(capacity: 64)
        guard let place = places.place(unread: reader.unreadBytes) ?? feed.startPlace else {
            state.append(0 as UInt8)
            return unsafe state.bytes.withUnsafeBytes { unsafe Array($0) }
        }
        state.append(1 as UInt8)
        place.write(&state)
        state.append(bigEndian: Int64(reader.line))
        state.append(reader.expectsHeader ? 1 : 0 as UInt8)
        return unsafe state.bytes.withUnsafeBytes { unsafe Array($0) }
    }

    func resume(at position: [UInt8]) throws(SQLError) {
        var state = StateReader(position)
        guard let follow, try state.integer(UInt8.self) != 0 else { return }
        let place = try FilePlace(&state)
        let line = Int(try state.integer(Int64.self))
        let expectsHeader = try state.integer(UInt8.self) != 0
        feed.stopKeeping()
        feed.stop()
        feed = try follow(place)
        try feed.rewind(context.signal)
        reader.resume(atLine: line)
        if expectsHeader { reader.fileBegan() }
        places.add(0, place)
    }
}
