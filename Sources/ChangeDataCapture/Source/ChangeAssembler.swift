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
    private final class Entry {
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
    private struct Open {
        var transaction: SourceTransaction
        var order = 0
        /// So many of its changes were given before.
        var given = 0
        var isKnown = false
        var hasBegun = false
    }

    private let sink: any ChangeSink
    private let spool: TransactionSpool
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
    /// Whether logical messages of a prefix are wanted.
    var takesMessages: (String) -> Bool = { _ in true }
    /// Looks up a table by the name that a mark gives it; nil: there is none any more.
    var tableNamed: (String) throws(CaptureError) -> CatalogTable? = { _ in nil }
    /// What that table is; 0 if there is none.
    private var watched: UInt32 = 0
    private var entries: [UInt32: Entry] = [:]
    private var recent: (oid: UInt32, entry: Entry)?
    private var isFirst: Set<UInt32> = []
    private var pending: Open?
    private var streamed: UInt32?
    private var number = 0

    /// What the sink was given: whole transactions, and a part of the next.
    private(set) var given: CapturePosition
    /// Nothing more is wanted.
    private(set) var isAtEnd = false
    private(set) var changes: Int64 = 0
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
    var isIdle: Bool { pending == nil }

    /// A table that the snapshot has announced; the stream's first word of it need not be looked up
    /// if it says the same.
    func know(_ table: CatalogTable) {
        let entry = Entry(table.relation, table.table, isSelected: true)
        entry.isAnnounced = true
        entries[table.relation.oid] = entry
        isFirst.insert(table.relation.oid)
    }

    /// The connection was lost: what it had begun is begun again.
    func restarted() {
        if let pending, pending.hasBegun || pending.given > 0 {
            given.partial = .init(
                commit: pending.transaction.commit, changes: max(pending.order, pending.given))
        }
        pending = nil
        streamed = nil
        spool.dropAll()
    }

    /// The server is at `position`, and nothing is open: true if that is the end.
    func reached(_ position: LogSequenceNumber) -> Bool {
        if let last, pending == nil, position >= last { isAtEnd = true }
        return isAtEnd
    }

    func received(_ bytes: RawSpan, at position: UInt64) throws {
        if streamed != nil { return try receivedInStream(bytes, at: position) }
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
        case .beginPrepare, .prepare, .commitPrepared, .rollbackPrepared, .streamPrepare:
            throw misplaced("a two-phase commit that was not asked for")
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
        case .relation(let relation): try announced(relation)
        case .truncate(let truncate): try give(truncate, bytes, position)
        case .message(let content): try give(content, bytes)
        case .type, .origin: break
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

    private func read(_ bytes: RawSpan, inStream: Bool) throws(CaptureError) -> LogicalMessage {
        do throws(ProtocolError) {
            return try LogicalMessage.read(bytes, inStream: inStream)
        } catch {
            guard case .malformed(let what) = error else { throw misplaced("\(error)") }
            throw misplaced(what)
        }
    }

    private func misplaced(_ what: String) -> CaptureError {
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
    }

    private func commit(_ commit: LogicalCommit) throws {
        guard let ended = pending else { throw misplaced("a commit") }
        pending = nil
        guard !ended.isKnown else { return }
        let end = LogSequenceNumber(commit.end)
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

    private func replay(_ xid: UInt32, _ commit: LogicalCommit) throws {
        guard pending == nil else { throw misplaced("the commit of a stream") }
        begin(commit: commit.commit, xid: xid, time: commit.time)
        guard let opened = pending else { return }
        if opened.isKnown {
            pending = nil
            // Relations are announced once: they count even if the changes do not.
            return try spool.replay(xid) { bytes, _, _ in
                if case .relation(let relation) = try read(bytes, inStream: true) {
                    try announced(relation)
                }
            }
        }
        try spool.replay(xid) { bytes, position, aborted in
            let message = try read(bytes, inStream: true)
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

    private func announced(_ relation: LogicalRelation) throws {
        if relation.oid == watched { backfill?.spoil() }
        let known = entries[relation.oid]
        recent = nil
        if let known, isFirst.remove(relation.oid) != nil, isSame(known.relation, relation) {
            return
        }
        let isSelected = selection.selects(schema: relation.schema, table: relation.name)
        let table = try describe(relation, (known?.table.version ?? 0) + 1)
        if let known, isSame(known.relation, relation), known.table.key == table.key { return }
        let entry = Entry(relation, table, isSelected: isSelected)
        if let known, isSelected, pending?.isKnown == false,
            known.relation.name != relation.name || known.relation.schema != relation.schema
        {
            try renamed(table)
        }
        if let known { (entry.order, entry.transaction) = (known.order, known.transaction) }
        entries[relation.oid] = entry
    }

    /// What the output has under its new name is not the table, or not all of it.
    private func renamed(_ table: CapturedTable) throws {
        let name = "\(table.schema).\(table.name)"
        sink.notice("table \(name) had another name before; its rows are read under this one")
        guard let backfill else { return }
        backfill.accept(BackfillRequest(table: name))
        if endsBehindBackfills { last = nil }
        try sink.backfills(backfill.states)
    }

    /// The number of its transaction is no part of what a relation is.
    private func isSame(_ one: LogicalRelation, _ other: LogicalRelation) -> Bool {
        one.schema == other.schema && one.name == other.name && one.identity == other.identity
            && one.columns == other.columns
    }
}

// Marks of our own.
extension ChangeAssembler {
    private func give(own text: RawSpan, _ content: LogicalContent) throws {
        guard let backfill, let mark = StreamMark(text), mark.slot == backfill.slot else { return }
        switch mark.kind {
        case .low:
            backfill.low(mark.word)
            watched = backfill.watched
        case .high:
            guard content.isTransactional, let (chunk, rows) = backfill.high(mark.word) else {
                watched = backfill.watched
                return
            }
            watched = 0
            try give(chunk, rows, at: content.position)
            try sink.backfills(backfill.statesBehindChunk())
        case .backfill:
            guard content.isTransactional, let request = BackfillRequest(mark.word),
                try next(nil, content.position) != nil
            else { return }
            backfill.accept(request)
            if endsBehindBackfills { last = nil }
            try sink.backfills(backfill.states)
        case .table:
            guard content.isTransactional, try next(nil, content.position) != nil else { return }
            try published(mark.word, backfill, at: content.position)
        }
    }

    /// The changes of a table begin here. What the output has under its name is of an older one,
    /// or of the time when only its inserts were captured.
    private func published(_ name: String, _ backfill: Backfill, at position: UInt64) throws {
        guard let table = try tableNamed(name) else { return backfill.passOver() }
        if isHeld(table.table) { try truncate(entry(of: table), at: position) }
        backfill.accept(BackfillRequest(table: name), behind: pending?.transaction.xid)
        if endsBehindBackfills { last = nil }
        try sink.backfills(backfill.states)
    }

    /// Whether the output has rows under the table's name.
    private func isHeld(_ table: CapturedTable) -> Bool {
        sink.mayHold(table)
            || entries.values.contains {
                $0.isAnnounced && $0.table.name == table.name && $0.table.schema == table.schema
            }
    }

    private func truncate(_ entry: Entry, at position: UInt64) throws {
        guard let (transaction, order) = try next(entry, position) else { return }
        changes &+= 1
        try sink.change(
            Change(
                kind: .truncate, table: entry.table, position: LogSequenceNumber(position),
                transaction: transaction, order: order, tableOrder: entry.order), of: RawSpan())
    }

    private func give(_ chunk: Backfill.Chunk, _ rows: [Range<Int>], at position: UInt64) throws {
        if chunk.isHeld, isHeld(chunk.table.table) {
            try truncate(entry(of: chunk.table), at: position)
        }
        // A chunk without rows still moves the state, so its transaction is begun.
        guard !rows.isEmpty else {
            _ = try next(nil, position)
            return
        }
        let entry = entry(of: chunk.table)
        let bytes = chunk.bytes
        for row in rows {
            guard let (transaction, order) = try next(entry, position) else { continue }
            changes &+= 1
            try sink.change(
                Change(
                    kind: .read, table: entry.table, after: row,
                    position: LogSequenceNumber(position), transaction: transaction, order: order,
                    tableOrder: entry.order, snapshot: .incremental), of: bytes.rawSpan)
        }
    }

    /// What the stream knows of the table, if it is what the chunk was read with.
    private func entry(of table: CatalogTable) -> Entry {
        let oid = table.relation.oid
        if let known = entries[oid], isSame(known.relation, table.relation) { return known }
        let version = (entries[oid]?.table.version ?? 0) + 1
        let made = Entry(table.relation, table.table.with(version: version), isSelected: true)
        entries[oid] = made
        recent = nil
        isFirst.insert(oid)
        return made
    }

    private func tell(_ backfill: Backfill, of xid: UInt32) {
        if let done = backfill.finishChunk(), !done.request.isSingle {
            sink.notice("backfill of \(done.request.label) is done: \(done.rows) rows")
        }
        backfill.committed(xid)
        watched = backfill.watched
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

    private func give(_ row: LogicalRow, _ bytes: RawSpan, _ position: UInt64) throws {
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
        try sink.change(
            Change(
                kind: kind, table: entry.table, before: row.before, beforeIsKey: row.beforeIsKey,
                after: row.after, position: LogSequenceNumber(position), transaction: transaction,
                order: order, tableOrder: entry.order), of: bytes)
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
    private func next(_ entry: Entry?, _ position: UInt64) throws -> (SourceTransaction, Int)? {
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
            try sink.schema(entry.table, at: LogSequenceNumber(position))
        }
        return (current.transaction, order)
    }
}
