/// What is captured, from where, and how it begins and ends. The command fills it in.
public struct CaptureConfiguration: Sendable {
    /// The slot that the server keeps for this capture.
    public enum Slot: Sendable, Equatable {
        /// Gone with the connection, like the publication that is made for it: for pipes, nothing
        /// is left behind, and a lost connection ends the capture.
        case temporary
        /// Made if it is missing and kept: the capture continues where its output ends.
        case durable(name: String)
    }

    /// When the rows that the tables already have are read.
    public enum Snapshot: Sendable, Equatable {
        /// If there is nothing to continue: `after` is nil.
        case initial
        case never
        /// The rows, then the end.
        case only
        /// At each start.
        case always
    }

    /// Where the capture ends by itself.
    public enum End: Sendable, Equatable {
        case never
        /// All that was committed when it started.
        case now
        /// The transactions whose commit record ends at or before this position.
        case position(LogSequenceNumber)
    }

    public var address: PostgresAddress
    public var slot: Slot
    /// A publication that exists; nil makes one of the slot's name for the tables that are
    /// selected.
    public var publication: String?
    public var tables: TableSelection
    /// Patterns of tables that the slot has captured until now and that are given up.
    public var givenUp: [String] = []
    public var snapshot: Snapshot
    public var end: End
    /// Where the output ends: what it has is not given again. nil for an empty output.
    public var after: CapturePosition?
    /// Columns that stand in for the primary key, by `schema.table`.
    public var keys: [String: [String]] = [:]
    /// What the output hides of the values: it must leave keys apart.
    public var masks: [ColumnMask] = []
    /// Rows to read while the stream goes on.
    public var backfills: [BackfillRequest] = []
    /// Connections that read the snapshot of a large table at once.
    public var snapshotWorkers = 1
    /// Rows of a chunk; nil chooses by their size.
    public var backfillChunkRows: Int?
    /// The output remembers nothing, so that a slot that is there is what it continues.
    public var continuesSlot = false
    /// The slot is made one that sends transactions when they are prepared.
    public var isTwoPhase = false
    /// Values that updates leave out are looked up in the tables.
    public var fillsUnchanged = false
    /// Statements that change the schema are events, by an event trigger that is made.
    public var capturesStatements = false
    /// Conditions in SQL that select rows, by `schema.table`.
    public var filters: [String: String] = [:]
    /// Regular expressions (behind `~`) for the prefixes of logical messages; empty: all.
    public var includedPrefixes: [String] = []
    public var excludedPrefixes: [String] = []
    /// A pattern of tables of which one must be there.
    public var outbox: String?
    /// Transactions that the server streams before they commit are kept in memory up to so many
    /// bytes, then in files of the directory.
    public var spoolMemoryBytes = Limits.spoolMemoryBytes
    public var spoolDirectory = "/tmp"
    /// The slot is dropped, and the capture fails, when the server keeps more log than this for it.
    public var retainedBytesMax: Int64?
    public var statusIntervalNanoseconds: Int64 = Limits.statusIntervalNanoseconds
    /// How long a lost connection of a durable slot is retried; the first contact with
    /// `retryFirst`.
    public var retryNanoseconds: Int64 = Limits.retryNanoseconds
    public var retriesFirstContact = false

    public init(
        _ address: PostgresAddress, slot: Slot = .temporary, publication: String? = nil,
        tables: TableSelection = TableSelection(), snapshot: Snapshot = .initial,
        end: End = .never, after: CapturePosition? = nil
    ) {
        self.address = address
        self.slot = slot
        self.publication = publication
        self.tables = tables
        self.snapshot = snapshot
        self.end = end
        self.after = after
    }
}

extension CaptureConfiguration {
    /// Whether logical messages of a prefix are wanted.
    func takesMessages(_ prefix: String) -> Bool {
        let matches = { (pattern: String) in
            NamePattern.expression(in: pattern)
                .map { NamePattern.matches(expression: $0, prefix) } ?? (pattern == prefix)
        }
        return (includedPrefixes.isEmpty || includedPrefixes.contains(where: matches))
            && !excludedPrefixes.contains(where: matches)
    }
}

/// What an output holds: every transaction whose commit record ends at or before `end`, and of the
/// one that follows the first `changes` changes.
public struct CapturePosition: Sendable, Equatable {
    public var end: LogSequenceNumber
    /// The transaction of which a part is there, by where its commit record begins; nil if none.
    public var partial: Partial?
    /// Backfills that are not done.
    public var backfills: [BackfillState] = []
    /// Whose log it is of; nil if that was not kept.
    public var server: SourceServer?
    /// Of a publication that was given; nil if that was not kept.
    public var tables: FollowedTables?

    public struct Partial: Sendable, Equatable {
        public var commit: LogSequenceNumber
        public var changes: Int

        public init(commit: LogSequenceNumber, changes: Int) {
            self.commit = commit
            self.changes = changes
        }
    }

    public init(
        end: LogSequenceNumber, partial: Partial? = nil, backfills: [BackfillState] = [],
        server: SourceServer? = nil, tables: FollowedTables? = nil
    ) {
        self.end = end
        self.partial = partial
        self.backfills = backfills
        self.server = server
        self.tables = tables
    }

    /// Where what is there ends: behind the begin of the commit of which a part is there.
    var reach: LogSequenceNumber {
        partial.map { LogSequenceNumber($0.commit.value &+ 1) } ?? end
    }
}

extension LogSequenceNumber {
    /// `16/B374D848`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ (1...8).contains($0.utf8.count) }),
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 != UInt8(ascii: "+") && $0 != 0x2D } }),
            let high = UInt64(parts[0], radix: 16), let low = UInt64(parts[1], radix: 16)
        else { return nil }
        self.init(high << 32 | low)
    }
}
