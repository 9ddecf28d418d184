import Bytes
import Formats
import PostgresProtocol

/// Reads rows of tables anew while the stream goes on, as DBLog does (arXiv 2010.12597): a mark is
/// written into the server's log, a chunk of rows is read in the order of the key, and a second
/// mark is written. When the stream comes to that one, the rows whose keys it has changed between
/// the two are left out, and the others are given there: no image that is given is older than one
/// before.
///
/// A machine without I/O, but for what `CaptureSession.readChunk` puts in. On the capture's thread.
final class Backfill {
    /// Rows that were read and wait for the second mark.
    final class Chunk {
        let table: CatalogTable
        /// Indices of the key's columns.
        let key: [Int]
        /// Their tuples, one behind the other, and where each lies.
        var bytes: [UInt8] = []
        var places: [Range<Int>] = []
        let visible: VisibleTransactions
        /// Its table is held from before the rows were read until its second mark, and has no key
        /// that tells rows apart: they replace all that was given of it.
        var isHeld = false
        /// As many rows as were asked for: there may be more behind them.
        var isFull = false

        init(_ table: CatalogTable, key: [Int], visible: VisibleTransactions) {
            self.table = table
            self.key = key
            self.visible = visible
        }

        func keyOfLast() -> [String]? {
            guard let last = places.last else { return nil }
            let bytes = bytes
            return key.compactMap { index in
                guard
                    case .text(let start, let end) =
                        TupleCursor.field(index, of: last, in: bytes.rawSpan)
                else { return nil }
                return String(decoding: bytes[start..<end], as: UTF8.self)
            }
        }
    }

    /// The stretch of the stream between two marks.
    private struct Window {
        var id: String
        var chunk: Chunk?
        /// Keys that the stream has changed since the first mark.
        var changed: Set<[UInt8]> = []
        /// Of those the rows that are known in part only: large values that did not change are what
        /// the chunk has.
        var partial: [[UInt8]: [UInt8]] = [:]
        var partialBytes = 0
        /// Transactions that the stream had given before the first mark.
        var earlier = 0
        var isOpen = false
        /// The chunk must be read again.
        var isSpoiled = false
        /// Places of the rows that are given; set at the second mark.
        var kept: [Range<Int>]?
    }

    let slot: String
    /// What is asked for and not done, in its order.
    private(set) var states: [BackfillState]
    /// Requests that have come.
    private(set) var accepted = 0
    /// Rows that were given in all.
    private(set) var rows: Int64 = 0
    /// Of the table that is being read, by the server's statistics.
    private(set) var rowsExpected: Int64 = 0
    private var window: Window?
    private var number = 0
    private let token: String
    /// Transactions that the stream has given lately, oldest first.
    private var given: [UInt32] = []
    private(set) var chunkRows: Int
    private let hasFixedSize: Bool

    init(slot: String, states: [BackfillState], chunkRows: Int?, token: String) {
        self.slot = slot
        self.states = states
        self.token = token
        self.chunkRows = chunkRows ?? Limits.backfillRowsFirst
        hasFixedSize = chunkRows != nil
    }

    var isDone: Bool { states.isEmpty }

    /// No further chunk is begun.
    var isPaused = false

    /// Whether a chunk can be read now.
    var wantsChunk: Bool { window == nil && !states.isEmpty && !isPaused }

    /// The table whose changes must be told; 0 if none.
    var watched: UInt32 {
        guard let window, window.isOpen else { return 0 }
        return window.chunk?.table.table.oid ?? 0
    }

    /// `behind`: the transaction that has put the table into the publication.
    func accept(_ request: BackfillRequest, behind: UInt32? = nil) {
        accepted += 1
        if behind != nil {
            // All of an older table of this name is done with.
            drop { $0.table == request.table }
        } else if states.contains(where: { $0.request == request }) {
            return
        }
        states.append(BackfillState(request, behind: behind))
    }

    /// All rows of a table from the first one on, whatever is asked for of it.
    func beginAnew(_ table: String, behind: UInt32?) {
        let whole = BackfillRequest(table: table)
        // It may wait for transactions that were open when it was published.
        let waits = states.first { $0.request == whole && $0.after == nil }?.behind
        drop { $0.table == table }
        states.append(BackfillState(whole, behind: behind ?? waits))
    }

    /// A request for what is not there any more, or that is dealt with otherwise.
    func passOver() { accepted += 1 }

    /// Whether rows of the table are still to be read.
    func isReading(_ table: CapturedTable) -> Bool {
        states.contains { $0.request.table == "\(table.schema).\(table.name)" }
    }

    /// A row that was given without some of its values is read again: that of a key, all of them
    /// when there are many.
    func readAgain(_ table: CapturedTable, _ one: BackfillRequest) {
        let name = one.table
        let whole = BackfillRequest(table: name)
        // What is being read has perhaps not seen it.
        let reading = window == nil ? nil : states.first?.request
        if reading == one { return spoil() }
        let waiting = states.dropFirst(reading == nil ? 0 : 1)
        if waiting.contains(where: { $0.request == one || $0.request == whole && $0.after == nil })
        {
            return
        }
        let isSingle: (BackfillState) -> Bool = { $0.request.table == name && $0.request.isSingle }
        guard waiting.count(where: isSingle) >= Limits.singleRowsMax else {
            return states.append(BackfillState(one))
        }
        states.removeAll { isSingle($0) && $0.request != reading }
        states.append(BackfillState(whole))
    }

    /// Forgets a request, or without a condition all of its table, and gives what that was.
    func cancel(_ request: BackfillRequest) -> [BackfillState] {
        let isMeant = { (one: BackfillRequest) in
            one == request || (request.condition == nil && one.table == request.table)
        }
        let gone = states.filter { isMeant($0.request) }
        drop(isMeant)
        return gone
    }

    /// A request that cannot be done.
    func drop(_ request: BackfillRequest) { drop { $0 == request } }

    private func drop(_ isMeant: (BackfillRequest) -> Bool) {
        if let first = states.first, isMeant(first.request) { window = nil }
        states.removeAll { isMeant($0.request) }
    }
}

// What reads chunks.
extension Backfill {
    /// Begins the next chunk; its id stands in both marks.
    func begin() -> (id: String, state: BackfillState)? {
        guard wantsChunk, let state = states.first else { return nil }
        number += 1
        let id = "\(token)-\(number)"
        window = Window(id: id)
        return (id, state)
    }

    func read(_ chunk: Chunk) {
        window?.chunk = chunk
        rowsExpected = states.first?.request.condition == nil ? chunk.table.rowsExpected : 0
    }

    /// Reading failed in a way that passes.
    func giveUpChunk() { window = nil }

    /// The second mark may be lost with the server that had it: the chunk is read again, unless
    /// that mark has come.
    func forgetMarks() {
        if window?.kept == nil { window = nil }
    }

    /// Chunks take some megabytes, whatever the rows are.
    private func adapt(to chunk: Chunk) {
        guard !hasFixedSize, chunk.isFull, !chunk.places.isEmpty else { return }
        let rowBytes = max(1, chunk.bytes.count / chunk.places.count)
        let wanted = Limits.backfillBytes / rowBytes
        chunkRows = max(64, min(wanted, chunkRows * 2, Limits.backfillRowsMax))
    }
}

// What the stream tells.
extension Backfill {
    func committed(_ xid: UInt32) {
        given.append(xid)
        // The last ones count for a chunk that is asked for right behind them.
        let kept = states.isEmpty ? Limits.idleTransactions : Limits.backfillTransactions
        if window == nil, given.count > kept * 2 { given.removeFirst(given.count - kept) }
    }

    /// The first mark. The chunk was read behind it, so it is here; when it comes a second time
    /// after a reconnection, what was seen since then still counts.
    func low(_ id: String) {
        guard var open = window, open.id == id, !open.isOpen, open.kept == nil else { return }
        open.isOpen = true
        open.earlier = given.count
        window = open
    }

    /// A change of the watched table: its keys, before and after.
    func changed(_ row: LogicalRow, of bytes: RawSpan) {
        guard window?.isSpoiled == false, let chunk = window?.chunk else { return }
        let keys = [row.before, row.after].map { tuple in
            tuple.map { Self.key(chunk.key, of: $0, in: bytes) }
        }
        guard keys.allSatisfy({ $0 != .some(nil) }) else {
            // The key is not in the stream.
            return spoil()
        }
        let (before, after) = (keys[0] ?? nil, keys[1] ?? nil)
        if let before, before != after {
            window?.changed.insert(before)
            window?.partial[before] = nil
        }
        if let after {
            changed(row, to: after, isMoved: before.map { $0 != after } ?? false, bytes)
        }
        if (window?.changed.count ?? 0) > Limits.backfillKeysMax
            || (window?.partialBytes ?? 0) > Limits.partialBytesMax
        {
            spoil()
        }
    }

    private func changed(
        _ row: LogicalRow, to key: [UInt8], isMoved: Bool, _ bytes: RawSpan
    ) {
        let isKnown = window?.changed.insert(key).inserted == false
        let isWhole =
            row.kind != .update || (row.before != nil && !row.beforeIsKey)
            || row.after.map { !TupleCursor.hasUnchanged(of: $0, in: bytes) } ?? true
        // A row that came from another key is read again by itself.
        guard !isWhole, !isMoved, let after = row.after else {
            window?.partial[key] = nil
            return
        }
        let new = bytes.extracting(after).copied()
        guard isKnown else {
            window?.partial[key] = new
            window?.partialBytes += new.count
            return
        }
        // The output has it whole since a change before.
        guard let known = window?.partial[key] else { return }
        let filled = TupleCursor.filled(
            new.rawSpan, 0..<new.count, from: known.rawSpan, 0..<known.count)
        let rest = TupleCursor.hasUnchanged(of: 0..<filled.count, in: filled.rawSpan)
        window?.partial[key] = rest ? filled : nil
        window?.partialBytes += filled.count - known.count
    }

    /// The watched table was truncated, or its columns are others now, or too much of it changed:
    /// the chunk is read again, and what changes until then need not be known.
    func spoil() {
        window?.isSpoiled = true
        window?.changed = []
        window?.partial = [:]
        window?.partialBytes = 0
    }

    /// Keys that are known to have changed since the first mark.
    var changedKeys: Int { window?.changed.count ?? 0 }

    /// The second mark: the chunk with the rows that are to be given; nil if it is not ours, or is
    /// read again.
    func high(_ id: String) -> (chunk: Chunk, rows: [Range<Int>])? {
        guard let open = window, open.id == id, let chunk = open.chunk else { return nil }
        if let kept = open.kept { return (chunk, kept) }
        let hidden = given.prefix(open.earlier).contains { !chunk.visible.contains($0) }
        guard chunk.isHeld || (open.isOpen && !open.isSpoiled && !hidden) else {
            window = nil
            return nil
        }
        let kept = chunk.isHeld ? chunk.places : Self.rows(of: chunk, open)
        window?.kept = kept
        window?.isOpen = false
        return (chunk, kept)
    }

    /// Those that the stream has not changed, and those of which it did not carry all.
    private static func rows(of chunk: Chunk, _ window: Window) -> [Range<Int>] {
        let bytes = chunk.bytes
        return chunk.places.compactMap { place in
            guard let key = key(chunk.key, of: place, in: bytes.rawSpan) else { return place }
            guard window.changed.contains(key) else { return place }
            guard let partial = window.partial[key] else { return nil }
            let start = chunk.bytes.count
            chunk.bytes += TupleCursor.filled(
                partial.rawSpan, 0..<partial.count, from: bytes.rawSpan, place)
            return start..<chunk.bytes.count
        }
    }

    /// How far the request is when the chunk at hand has been given.
    func statesBehindChunk() -> [BackfillState] {
        guard let window, let chunk = window.chunk, let kept = window.kept else { return states }
        var rest = states
        guard chunk.isFull, let last = chunk.keyOfLast(), !rest.isEmpty else {
            return Array(rest.dropFirst())
        }
        rest[0].after = last
        rest[0].key = chunk.table.order(of: chunk.key)
        rest[0].rows += Int64(kept.count)
        rest[0].behind = nil
        return rest
    }

    /// The transaction of the second mark is committed. Gives the request if it was its last chunk.
    func finishChunk() -> BackfillState? {
        guard let window, let chunk = window.chunk, let kept = window.kept else { return nil }
        adapt(to: chunk)
        rows += Int64(kept.count)
        var done: BackfillState?
        let next = statesBehindChunk()
        if next.count < states.count, var last = states.first {
            last.rows += Int64(kept.count)
            done = last
        }
        states = next
        self.window = nil
        return done
    }

    /// The key's values, each with its length; nil if one of them is not there.
    private static func key(_ columns: [Int], of tuple: Range<Int>, in bytes: RawSpan) -> [UInt8]? {
        var key: [UInt8] = []
        for index in columns {
            guard case .text(let start, let end) = TupleCursor.field(index, of: tuple, in: bytes)
            else { return nil }
            let length = UInt32(truncatingIfNeeded: end - start)
            key += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
            key += bytes.extracting(start..<end).copied()
        }
        return key
    }
}

/// What a snapshot of the server sees: `txid_current_snapshot()`, such as `10:20:10,14,15`.
///
/// The stream gives a transaction when its commit is in the log, and a moment passes before others
/// see it; a chunk that was read in that moment would bring back what it replaced.
struct VisibleTransactions: Equatable {
    private let end: UInt64
    private let running: Set<UInt64>

    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let end = UInt64(parts[1]) else { return nil }
        self.end = end
        running = Set(parts[2].split(separator: ",").compactMap { UInt64($0) })
    }

    /// `xid` is of the last two billion transactions.
    func contains(_ xid: UInt32) -> Bool {
        if xid == 0 { return true }
        let full = full(xid)
        return full < end && !running.contains(full)
    }

    /// Whether `xid` and all that began before it have ended.
    func isBehind(_ xid: UInt32) -> Bool {
        let full = full(xid)
        return full < end && !running.contains { $0 <= full }
    }

    private func full(_ xid: UInt32) -> UInt64 {
        let distance = Int32(bitPattern: xid &- UInt32(truncatingIfNeeded: end))
        return UInt64(bitPattern: Int64(bitPattern: end) &+ Int64(distance))
    }
}
