import Bytes
import Formats
import Platform
import PostgresProtocol

/// Turns the messages of a replication stream into calls of a sink: transactions in the order of
/// their commits, each change once.
///
/// A machine without I/O, but for the spool and what `describe` asks. It lives as long as the
/// capture: after a reconnection the stream begins again somewhere before, and what was given
/// already is passed over, by where commit records lie and by the number of the change.
final class ChangeAssembler {
    /// A table that the stream has announced.
    final class Entry {
        let relation: LogicalRelation
        let table: CapturedTable
        let isSelected: Bool
        /// Of the transaction that is being given.
        var order = 0
        var transaction = 0
        var isAnnounced = false

        init(_ relation: LogicalRelation, _ table: CapturedTable, isSelected: Bool) {
            self.relation = relation
            self.table = table
            self.isSelected = isSelected
        }
    }

    /// The transaction whose changes come now.
    struct Open {
        var transaction: SourceTransaction
        var order = 0
        /// So many of its changes were given before.
        var given = 0
        var isKnown = false
        var hasBegun = false
        /// So many of its passage's decisions, and of its tables that were altered, are behind it.
        var decided = 0
        var altered = 0
    }

    let sink: any ChangeSink
    let spool: TransactionSpool
    private let selection: TableSelection
    /// Looks up what only the catalog knows; the number is the description's version.
    private let describe: (LogicalRelation, Int) throws(CaptureError) -> CapturedTable
    /// Transactions whose commit record ends after this are not wanted.
    var last: LogSequenceNumber?
    /// A backfill that is asked for before the end is a part of what is wanted: the end comes
    /// behind it.
    var endsBehindBackfills = false
    /// Told of marks, transactions and the changes of the table that it reads.
    var backfill: Backfill?
    /// Of this capture.
    var slot = ""
    /// Called when the schema was changed by whomever.
    var statementSeen: () -> Void = {}
    /// Looks up the values that an update leaves out, and gives the whole row; nil if there is
    /// none any more.
    var fill: ((CapturedTable, Range<Int>, RawSpan, UInt32) throws(CaptureError) -> [UInt8]?)?
    /// Called for a type of users that the server announces: it may have changed.
    var typeSeen: (UInt32) -> Void = { _ in }
    private var staleTypes: Set<UInt32> = []
    /// Whether logical messages of a prefix are wanted.
    var takesMessages: (String) -> Bool = { _ in true }
    /// Looks up a table by the name that a mark gives it; nil: there is none any more.
    var tableNamed: (String) throws(CaptureError) -> CatalogTable? = { _ in nil }
    /// Whether rows that the output has of a table that is announced anew are not what the table
    /// has now; nil: they are. True: for the first time.
    var alteration: (CapturedTable, Bool) throws(CaptureError) -> Alteration? = { _, _ in nil }
    /// What that table is; 0 if there is none.
    var watched: UInt32 = 0
    var entries: [UInt32: Entry] = [:]
    var recent: (oid: UInt32, entry: Entry)?
    var isFirst: Set<UInt32> = []
    /// Names under which the sink was given rows.
    var announcedNames: Set<String> = []
    /// Tables whose new names the stream has told of before a mark did.
    var renamedTables: Set<UInt32> = []
    var pending: Open?
    /// What the transaction that is being given has made of tables and of the rows that the output
    /// has: it is the same again when the transaction is begun again.
    var passage = Passage()
    private var streamed: UInt32?
    /// The transaction that comes because it is prepared, and those that have come.
    var preparing: UInt32?
    var prepared: [UInt32: Prepared] = [:]
    /// Where a slot that sends those is told how far it may forget: not behind what waits, nor what
    /// this connection has not come to.
    var mayAcknowledge: ((LogSequenceNumber) -> Void)?
    var seen = LogSequenceNumber(0)
    private var number = 0

    /// What the sink was given: whole transactions, and a part of the next.
    private(set) var given: CapturePosition
    /// Nothing more is wanted.
    private(set) var isAtEnd = false
    var changes: Int64 = 0
    private(set) var transactions: Int64 = 0
    private(set) var commitMicroseconds: Int64 = 0

    init(
        sink: any ChangeSink, spool: TransactionSpool, selection: TableSelection,
        after: CapturePosition, last: LogSequenceNumber?,
        describe: @escaping (LogicalRelation, Int) throws(CaptureError) -> CapturedTable
    ) {
        self.sink = sink
        self.spool = spool
        self.selection = selection
        self.given = after
        self.last = last
        self.describe = describe
    }

    /// Whether the stream is between two transactions: what lies before holds nothing for the sink.
    var isIdle: Bool { pending == nil && preparing == nil }

    /// A table that the snapshot has announced; the stream's first word of it need not be looked up
    /// if it says the same.
    func know(_ table: CatalogTable) {
        let entry = Entry(table.relation, table.table, isSelected: true)
        entry.isAnnounced = true
        announcedNames.insert(table.name)
        entries[table.relation.oid] = entry
        isFirst.insert(table.relation.oid)
    }

    /// The connection was lost: what it had begun is begun again.
    func restarted() {
        if let pending, pending.hasBegun || pending.given > 0 {
            given.partial = .init(
                commit: pending.transaction.commit, changes: max(pending.order, pending.given))
        }
        if pending != nil { takeBackTables() }
        pending = nil
        streamed = nil
        restartPrepared()
        spool.dropAll()
    }

    /// The server is at `position`, and nothing is open: true if that is the end.
    func reached(_ position: LogSequenceNumber) -> Bool {
        if isIdle {
            passed(position)
            if let last, position >= last { isAtEnd = true }
        }
        return isAtEnd
    }

    func endHere() { isAtEnd = true }

    func forgetRecent() { recent = nil }

    func received(_ bytes: RawSpan, at position: UInt64) throws {
        if streamed != nil { return try receivedInStream(bytes, at: position) }
        if let xid = preparing { return try receivedInPrepared(bytes, at: position, of: xid) }
        if let row = try readRow(bytes) { return try give(row, bytes, position) }
        switch try read(bytes, inStream: false) {
        case .row(let row): try give(row, bytes, position)
        case .begin(let begin):
            guard pending == nil else { throw misplaced("a transaction inside of another") }
            self.begin(commit: begin.final, xid: begin.xid, time: begin.time)
        case .commit(let commit): try self.commit(commit)
        case .streamStart(let xid, _):
            guard pending == nil else { throw misplaced("a stream inside of a transaction") }
            streamed = xid
            spool.start(xid)
        case .streamCommit(let xid, let commit): try replay(xid, commit)
        case .streamAbort(let xid, let subxid): spool.abort(xid, subxid)
        case .streamStop: throw misplaced("the end of a stream")
        case .beginPrepare(let prepare): try beginPrepare(prepare)
        case .streamPrepare(let prepare): streamPrepared(prepare)
        case .commitPrepared(let xid, let commit, let gid):
            try commitPrepared(xid, commit, gid: gid)
        case .rollbackPrepared(let xid, _, let end, _): rolledBackPrepared(xid, end: end)
        case .prepare: throw misplaced("the end of a prepared transaction")
        case let other: try handle(other, bytes, position)
        }
    }

    private func receivedInStream(_ bytes: RawSpan, at position: UInt64) throws {
        if bytes.byteCount == 1, try isStop(bytes) {
            streamed = nil
            return spool.stop()
        }
        // Read once here, so that what is malformed is found at once.
        switch try read(bytes, inStream: true) {
        case .row, .relation, .type, .truncate, .message:
            try spool.append(bytes, at: position)
        case .origin: break
        default: throw misplaced("a message inside of a stream")
        }
    }

    private func isStop(_ bytes: RawSpan) throws -> Bool {
        if case .streamStop = try read(bytes, inStream: true) { return true }
        return false
    }

    /// What may stand in a transaction beside rows, sent directly or spooled.
    private func handle(_ message: LogicalMessage, _ bytes: RawSpan, _ position: UInt64) throws {
        switch message {
        case .relation(let relation): try announced(relation, at: position)
        case .truncate(let truncate): try give(truncate, bytes, position)
        case .message(let content): try give(content, bytes)
        case .type(let oid, _, _):
            // It stands before the relations that have it.
            typeSeen(oid)
            staleTypes.insert(oid)
        case .origin: break
        default: throw misplaced("a message inside of a stream")
        }
    }

    private func readRow(_ bytes: RawSpan) throws(CaptureError) -> LogicalRow? {
        do throws(ProtocolError) {
            return try LogicalRow.read(bytes, inStream: false)
        } catch {
            guard case .malformed(let what) = error else { throw misplaced("\(error)") }
            throw misplaced(what)
        }
    }

    func read(_ bytes: RawSpan, inStream: Bool) throws(CaptureError) -> LogicalMessage {
        do throws(ProtocolError) {
            return try LogicalMessage.read(bytes, inStream: inStream)
        } catch {
            guard case .malformed(let what) = error else { throw misplaced("\(error)") }
            throw misplaced(what)
        }
    }

    func misplaced(_ what: String) -> CaptureError {
        .malformed(CaptureReport("the replication stream has \(what) where none belongs"))
    }
}

// Transactions.
extension ChangeAssembler {
    private func begin(commit: UInt64, xid: UInt32, time: Int64) {
        let commit = LogSequenceNumber(commit)
        if let last, commit >= last {
            isAtEnd = true
            return
        }
        number += 1
        var opened = Open(
            transaction: SourceTransaction(xid: xid, commit: commit, end: commit, time: time))
        opened.isKnown = commit < given.end
        if let partial = given.partial, partial.commit == commit { opened.given = partial.changes }
        pending = opened
        begin(passageOf: commit)
    }

    private func commit(_ commit: LogicalCommit) throws {
        guard let ended = pending else { throw misplaced("a commit") }
        pending = nil
        let end = LogSequenceNumber(commit.end)
        defer { passed(end) }
        guard !ended.isKnown else { return }
        // Of two that both fit the limit by their begin, only the first ends before it.
        if ended.hasBegun || ended.given > 0 {
            try sink.commit(
                SourceTransaction(
                    xid: ended.transaction.xid, commit: ended.transaction.commit, end: end,
                    time: commit.time), changes: ended.order)
            transactions += 1
        }
        commitMicroseconds = commit.time
        given = CapturePosition(end: max(end, given.end))
        if let backfill { tell(backfill, of: ended.transaction.xid) }
        if let last, end >= last { isAtEnd = true }
    }

    /// Gives what was spooled of a transaction; `inStream`: its messages carry its number.
    func replay(_ xid: UInt32, _ commit: LogicalCommit, inStream: Bool = true) throws {
        guard pending == nil else { throw misplaced("the commit of a stream") }
        begin(commit: commit.commit, xid: xid, time: commit.time)
        guard let opened = pending else { return }
        if opened.isKnown {
            pending = nil
            // Relations are announced once: they count even if the changes do not.
            try spool.replay(xid) { bytes, _, _ in
                if case .relation(let relation) = try read(bytes, inStream: inStream) {
                    try announced(relation)
                }
            }
            return passed(LogSequenceNumber(commit.end))
        }
        try spool.replay(xid) { bytes, position, aborted in
            let message = try read(bytes, inStream: inStream)
            switch message {
            case .row(let row):
                if let part = row.xid, aborted.contains(part) { return }
                try give(row, bytes, position)
            case .truncate(let truncate):
                if let part = truncate.xid, aborted.contains(part) { return }
                try give(truncate, bytes, position)
            case .message(let content):
                if let part = content.xid, aborted.contains(part) { return }
                try give(content, bytes)
            // The server announces a relation once for the whole transaction, also in a part that
            // is rolled back.
            default: try handle(message, bytes, position)
            }
        }
        try self.commit(commit)
    }

    func announced(_ relation: LogicalRelation, at position: UInt64 = 0) throws {
        if relation.oid == watched { backfill?.spoil() }
        let known = entries[relation.oid]
        recent = nil
        let mayDiffer = relation.columns.contains { staleTypes.contains($0.type) }
        staleTypes.removeAll()
        if !mayDiffer, let known, isFirst.remove(relation.oid) != nil,
            isSame(known.relation, relation)
        {
            return
        }
        let isSelected = selection.selects(schema: relation.schema, table: relation.name)
        let table = try describe(relation, (known?.table.version ?? 0) + 1)
        if let known, isSame(known.relation, relation), known.table.key == table.key,
            !mayDiffer || hasSameTypes(known.table, table)
        {
            return
        }
        let entry = made(relation, table, isSelected: isSelected)
        // It may be its key.
        if known != nil { statementSeen() }
        if let known { (entry.order, entry.transaction) = (known.order, known.transaction) }
        entries[relation.oid] = entry
        guard isSelected, pending?.isKnown == false else { return }
        if let known,
            known.relation.name != relation.name || known.relation.schema != relation.schema
        {
            try renamed(entry, at: position)
        } else {
            try altered(entry, isFirst: known == nil, at: position)
        }
    }

    /// What the output has under its new name is not the table, or not all of it.
    private func renamed(_ entry: Entry, at position: UInt64) throws {
        let name = "\(entry.table.schema).\(entry.table.name)"
        if !isDecided {
            sink.notice("table \(name) had another name before; its rows are read under this one")
        }
        if wasHeld(entry.table) { try truncate(entry, at: position) }
        renamedTables.insert(entry.table.oid)
        guard let backfill else { return }
        backfill.accept(BackfillRequest(table: name))
        if endsBehindBackfills { last = nil }
        try sink.backfills(backfill.states)
    }

    /// Of a table in another form: from here on no cut is whole until its rows are read. A look at
    /// the catalog, which is behind that, has them read by a mark of its own.
    private func altered(_ entry: Entry, isFirst: Bool, at position: UInt64) throws {
        guard let backfill, let alteration = try wasAltered(entry.table, isFirst: isFirst)
        else { return }
        statementSeen()
        if alteration == .rekeyed, wasHeld(entry.table) { try truncate(entry, at: position) }
        let name = "\(entry.table.schema).\(entry.table.name)"
        let isKeyless = try tableNamed(name).map(\.rowKey.isEmpty) ?? false
        try readAnew(name, isKeyless: isKeyless, backfill)
    }

    private func hasSameTypes(_ one: CapturedTable, _ other: CapturedTable) -> Bool {
        zip(one.columns, other.columns).allSatisfy { $0.type.isSame(as: $1.type) }
    }

    /// The number of its transaction is no part of what a relation is.
    func isSame(_ one: LogicalRelation, _ other: LogicalRelation) -> Bool {
        one.schema == other.schema && one.name == other.name && one.identity == other.identity
            && one.columns == other.columns
    }
}

// Changes.
extension ChangeAssembler {
    private func entry(_ oid: UInt32) throws(CaptureError) -> Entry {
        if let recent, recent.oid == oid { return recent.entry }
        guard let entry = entries[oid] else { throw misplaced("a change of an unknown relation") }
        recent = (oid, entry)
        return entry
    }

    func give(_ row: LogicalRow, _ bytes: RawSpan, _ position: UInt64) throws {
        let entry = try entry(row.relation)
        guard row.columns == entry.table.columns.count else {
            throw misplaced("a row of \(row.columns) columns")
        }
        if row.relation == watched { backfill?.changed(row, of: bytes) }
        let kind: Change.Kind =
            switch row.kind {
            case .insert: .insert
            case .update: .update
            case .delete: .delete
            }
        guard let (transaction, order) = try next(entry, position) else { return }
        changes &+= 1
        var change = Change(
            kind: kind, table: entry.table, before: row.before, beforeIsKey: row.beforeIsKey,
            after: row.after, position: LogSequenceNumber(position), transaction: transaction,
            order: order, tableOrder: entry.order)
        if let fill, kind == .update, row.before == nil || row.beforeIsKey, let after = row.after,
            TupleCursor.hasUnchanged(of: after, in: bytes),
            let filled = try fill(entry.table, after, bytes, transaction.xid)
        {
            change.after = bytes.byteCount..<bytes.byteCount + filled.count
            return try sink.change(change, of: (bytes.copied() + filled).rawSpan)
        }
        try sink.change(change, of: bytes)
        if kind == .update, row.beforeIsKey { try moved(row, entry.table, of: bytes) }
    }

    /// A row that has got another key without its large values: who has never seen it, or sees the
    /// two keys apart, cannot tell what these are.
    private func moved(_ row: LogicalRow, _ table: CapturedTable, of bytes: RawSpan) throws {
        guard let backfill, let after = row.after,
            backfill.isReading(table) || sink.tellsKeysApart(table),
            TupleCursor.hasUnchanged(of: after, in: bytes)
        else { return }
        let key = table.columns.indices.filter { table.columns[$0].isIdentity }
        let values = key.compactMap { index -> String? in
            guard case .text(let start, let end) = TupleCursor.field(index, of: after, in: bytes)
            else { return nil }
            return String(decoding: bytes.extracting(start..<end).copied(), as: UTF8.self)
        }
        guard !key.isEmpty, values.count == key.count else { return }
        backfill.readAgain(table, BackfillRequest(table: table, key: key, values: values))
        if endsBehindBackfills { last = nil }
        try sink.backfills(backfill.states)
    }

    private func give(_ truncate: LogicalTruncate, _ bytes: RawSpan, _ position: UInt64) throws {
        if truncate.relations.contains(watched) { backfill?.spoil() }
        let entries = try truncate.relations.map { oid throws(CaptureError) in try entry(oid) }
            .filter(\.isSelected)
        for (index, entry) in entries.enumerated() {
            guard let (transaction, order) = try next(entry, position) else { continue }
            changes &+= 1
            var change = Change(
                kind: .truncate, table: entry.table, position: LogSequenceNumber(position),
                transaction: transaction, order: order, tableOrder: entry.order)
            change.truncatesMore = index < entries.count - 1
            change.restartsIdentity = truncate.restartsIdentity
            try sink.change(change, of: bytes)
        }
    }

    private func give(_ content: LogicalContent, _ bytes: RawSpan) throws {
        if StreamMark.isOwn(bytes.extracting(content.prefix)) {
            return try give(own: bytes.extracting(content.content), content)
        }
        if SourceStatement.isOwn(bytes.extracting(content.prefix)) {
            return try give(statement: bytes.extracting(content.content), content)
        }
        let prefix = bytes.extracting(content.prefix).copied()
        guard takesMessages(String(decoding: prefix, as: UTF8.self)) else { return }
        let position = LogSequenceNumber(content.position)
        if pending == nil {
            guard !content.isTransactional else { throw misplaced("a transaction's message") }
            // It is complete by itself, and its position is where its record ends.
            guard position > given.end else { return }
            if let last, position > last { return }
            number += 1
            pending = Open(
                transaction: SourceTransaction(xid: 0, commit: position, end: position, time: 0))
        }
        guard let (transaction, order) = try next(nil, content.position) else { return }
        changes &+= 1
        try sink.change(
            Change(
                kind: .message, table: nil, message: (content.prefix, content.content),
                position: position, transaction: transaction, order: order), of: bytes)
        if transaction.xid == 0 {
            try commit(
                LogicalCommit(commit: content.position, end: content.position, time: 0))
        }
    }

    private func give(statement text: RawSpan, _ content: LogicalContent) throws {
        statementSeen()
        guard let statement = SourceStatement(text, slot: slot), pending != nil,
            let (transaction, _) = try next(nil, content.position)
        else { return }
        try sink.statement(
            statement, at: LogSequenceNumber(content.position), in: transaction)
    }

    /// Counts a change, and gives its transaction and number if the sink is to have it: begun if it
    /// is the first, its table announced if that is new.
    @inline(__always)
    func next(_ entry: Entry?, _ position: UInt64) throws -> (SourceTransaction, Int)? {
        guard let current = pending else { throw misplaced("a change outside of a transaction") }
        if current.isKnown { return nil }
        if let entry {
            guard entry.isSelected else { return nil }
            if entry.transaction != number {
                entry.transaction = number
                entry.order = 0
            }
            entry.order &+= 1
        }
        let order = current.order &+ 1
        pending?.order = order
        guard order > current.given else { return nil }
        if !current.hasBegun {
            pending?.hasBegun = true
            if current.given == 0 { try sink.begin(current.transaction) }
        }
        if let entry, !entry.isAnnounced {
            entry.isAnnounced = true
            announcedNames.insert("\(entry.table.schema).\(entry.table.name)")
            try sink.schema(entry.table, at: LogSequenceNumber(position))
        }
        return (current.transaction, order)
    }
}
