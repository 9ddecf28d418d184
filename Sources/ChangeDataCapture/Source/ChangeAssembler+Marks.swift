import Bytes
import PostgresProtocol

// Marks of our own.
extension ChangeAssembler {
    func give(own text: RawSpan, _ content: LogicalContent) throws {
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
        case .anew:
            guard content.isTransactional, try next(nil, content.position) != nil else { return }
            try readAnew(mark.word, backfill)
        case .cancel, .pause, .resume:
            guard content.isTransactional, try next(nil, content.position) != nil else { return }
            try order(mark, backfill)
        }
    }

    private func order(_ mark: StreamMark, _ backfill: Backfill) throws {
        guard mark.kind == .cancel else {
            backfill.isPaused = mark.kind == .pause
            return sink.notice("backfills are \(backfill.isPaused ? "paused" : "resumed")")
        }
        guard let request = BackfillRequest(mark.word) else { return }
        for state in backfill.cancel(request) {
            sink.notice(
                "backfill of \(state.request.label) is cancelled behind \(state.rows) rows")
        }
        watched = backfill.watched
        try sink.backfills(backfill.states)
    }

    /// The changes of a table begin here. What the output has under its name is of an older one,
    /// or of the time when only its inserts were captured.
    private func published(_ name: String, _ backfill: Backfill, at position: UInt64) throws {
        guard let table = try tableNamed(name) else { return backfill.passOver() }
        let whole = BackfillRequest(table: name)
        if renamedTables.remove(table.relation.oid) != nil,
            backfill.states.contains(where: { $0.request == whole && $0.after == nil })
        {
            // A change of it, under the new name, has come before.
            return backfill.passOver()
        }
        let entry = entry(of: table)
        if wasHeld(table.table) { try truncate(entry, at: position) }
        backfill.accept(BackfillRequest(table: name), behind: pending?.transaction.xid)
        if endsBehindBackfills { last = nil }
        try sink.backfills(backfill.states)
    }

    /// What the output has of the table's rows is not what they are now: they are given anew, over
    /// those. A table without a key is emptied when they come.
    private func readAnew(_ name: String, _ backfill: Backfill) throws {
        guard let table = try tableNamed(name) else { return backfill.passOver() }
        backfill.passOver()
        try readAnew(name, isKeyless: table.rowKey.isEmpty, backfill)
    }

    func readAnew(_ name: String, isKeyless: Bool, _ backfill: Backfill) throws {
        backfill.beginAnew(name, behind: isKeyless ? pending?.transaction.xid : nil)
        watched = backfill.watched
        if endsBehindBackfills { last = nil }
        try sink.backfills(backfill.states)
    }

    /// Whether the output has rows under the table's name.
    func isHeld(_ table: CapturedTable) -> Bool {
        sink.mayHold(table) || announcedNames.contains("\(table.schema).\(table.name)")
    }

    func truncate(_ entry: Entry, at position: UInt64) throws {
        guard let (transaction, order) = try next(entry, position) else { return }
        changes &+= 1
        try sink.change(
            Change(
                kind: .truncate, table: entry.table, position: LogSequenceNumber(position),
                transaction: transaction, order: order, tableOrder: entry.order), of: RawSpan())
    }

    private func give(_ chunk: Backfill.Chunk, _ rows: [Range<Int>], at position: UInt64) throws {
        if chunk.isHeld, wasHeld(chunk.table.table) {
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

    func tell(_ backfill: Backfill, of xid: UInt32) {
        if let done = backfill.finishChunk(), !done.request.isSingle {
            sink.notice("backfill of \(done.request.label) is done: \(done.rows) rows")
        }
        backfill.committed(xid)
        watched = backfill.watched
    }
}
