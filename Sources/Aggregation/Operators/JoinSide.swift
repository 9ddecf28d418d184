import Formats

/// The rows that a join keeps of one side, chained by the slot of their key in the order of
/// arrival. The join owns it, and the key table that both sides share.
@safe final class JoinSide {
    let store: RowStore
    /// Per slot.
    let heads = PlainVector<Int32>()
    private let tails = PlainVector<Int32>()
    /// Per row.
    let next = PlainVector<Int32>()
    private let previous = PlainVector<Int32>()
    let slots = PlainVector<Int32>()
    let weights = PlainVector<Int64>()
    /// When rows are freed by time; nil: never.
    let expiry: ExpiryQueue?
    /// Per row the weights of its matches; nil where nobody asks.
    let matches: MatchCounts?
    /// What the watermark of its partition was before a row that came late.
    var lateMarks: [Int32: Int64] = [:]
    /// Slots that have lost their last row; the join looks whether their keys can go.
    let emptied = PlainVector<Int32>()

    init(_ types: [DataType], expires: Bool, countsMatches: Bool) {
        store = RowStore(types, keepsOriginals: true)
        expiry = expires ? ExpiryQueue() : nil
        matches = countsMatches ? MatchCounts() : nil
    }

    var memory: Int {
        store.memory + heads.memory + tails.memory + next.memory + previous.memory
            + slots.memory + weights.memory + (expiry?.memory ?? 0) + (matches?.memory ?? 0)
            + lateMarks.count * 32
    }

    /// Room for a table of so many slots.
    func growSlots(to limit: Int) {
        heads.resize(to: max(heads.count, limit), filling: -1)
        tails.resize(to: max(tails.count, limit), filling: -1)
    }

    /// Keeps the rows of a batch that have a slot, and takes back those of negative weight. `ids`
    /// becomes the new row of each row of the batch, -1 where there is none. Gives false if a row
    /// is taken back that is not there.
    func add(_ batch: Batch, slots batchSlots: PlainVector<Int32>, ids: PlainVector<Int32>) -> Bool
    {
        store.append(batch.columns, count: batch.count, ids: ids)
        growRows()
        var isSound = true
        for row in 0..<batch.count {
            let id = unsafe ids.base[row]
            let slot = unsafe batchSlots.base[row]
            let weight = batch.weight(row)
            if slot >= 0, weight > 0 {
                link(id, slot, weight)
            } else {
                if slot >= 0, !takeBack(id, slot, -weight) { isSound = false }
                store.free(id)
                unsafe ids.base[row] = -1
            }
        }
        return isSound
    }

    private func growRows() {
        let limit = store.idLimit
        guard limit > next.count else { return }
        next.resize(to: limit, filling: -1)
        previous.resize(to: limit, filling: -1)
        slots.resize(to: limit, filling: -1)
        weights.resize(to: limit, filling: 0)
        matches?.grow(to: limit)
    }

    @inline(__always)
    private func link(_ id: Int32, _ slot: Int32, _ weight: Int64) {
        let index = Int(id)
        let tail = unsafe tails.base[Int(slot)]
        unsafe next.base[index] = -1
        unsafe previous.base[index] = tail
        unsafe slots.base[index] = slot
        unsafe weights.base[index] = weight
        if tail >= 0 { unsafe next.base[Int(tail)] = id } else { unsafe heads.base[Int(slot)] = id }
        unsafe tails.base[Int(slot)] = id
        matches?.begin(id)
    }

    /// Takes `weight` off rows equal to `id`.
    private func takeBack(_ id: Int32, _ slot: Int32, _ weight: Int64) -> Bool {
        var left = weight
        var row = heads[Int(slot)]
        while row >= 0, left > 0 {
            let following = next[Int(row)]
            if store.isEqual(row, store, id) {
                let part = min(left, weights[Int(row)])
                left -= part
                weights[Int(row)] -= part
                matches?.touch(row)
                if weights[Int(row)] == 0 { remove(row) }
            }
            row = following
        }
        return left == 0
    }

    /// Unlinks a row and frees it, unless what has left for it is still to be taken back.
    func remove(_ row: Int32) {
        let index = Int(row)
        let slot = Int(slots[index])
        let before = previous[index]
        let after = next[index]
        if before >= 0 {
            next[Int(before)] = after
        } else {
            heads[slot] = after
            if after < 0 { emptied.append(Int32(slot)) }
        }
        if after >= 0 { previous[Int(after)] = before } else { tails[slot] = before }
        weights[index] = 0
        if matches?.isTouched(row) != true { free(row) }
    }

    /// Gives the memory of an unlinked row back.
    func free(_ row: Int32) {
        store.free(row)
        if !lateMarks.isEmpty { lateMarks[row] = nil }
    }

    func removeAll() {
        lateMarks = [:]
        store.removeAll()
        for vector in [heads, tails, next, previous, slots, emptied] { vector.removeAll() }
        weights.removeAll()
        expiry?.removeAll()
        matches?.removeAll()
    }

    /// Its rows as batches of other types.
    func handOut(
        as types: [DataType], _ widening: ColumnWidening,
        to body: (Batch) throws(SQLError) -> Void
    ) throws(SQLError) {
        let rows = (0..<Int32(store.idLimit)).filter { store.isLive($0) && weights[Int($0)] > 0 }
        for start in stride(from: 0, to: rows.count, by: Batch.rowsMax) {
            let part = Array(rows[start..<min(start + Batch.rowsMax, rows.count)])
            let counts = part.map { weights[Int($0)] }
            let isPlain = counts.allSatisfy { $0 == 1 }
            let batch = try widening.batch(
                store.decode(part), part.count, as: types,
                weights: isPlain ? nil : Buffer(counts))
            guard part.contains(where: { lateMarks[$0] != nil }) else {
                try body(batch)
                continue
            }
            try body(
                Batch(
                    batch.columns, count: batch.count, weights: batch.weights,
                    watermarks: Buffer(part.map { lateMarks[$0] ?? Watermark.none })))
        }
    }

    func write(_ state: inout OutputBuffer) {
        store.write(&state)
        for vector in [heads, tails, next, previous, slots] { vector.write(&state) }
        weights.write(&state)
        expiry?.write(&state)
        matches?.write(&state)
        state.append(bigEndian: Int64(lateMarks.count))
        for (row, mark) in lateMarks {
            state.append(bigEndian: row)
            state.append(bigEndian: mark)
        }
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        try store.read(&state)
        for vector in [heads, tails, next, previous, slots] { try vector.read(&state) }
        try weights.read(&state)
        try expiry?.read(&state)
        try matches?.read(&state)
        lateMarks = [:]
        for _ in 0..<(try state.count()) {
            let row = try state.integer(Int32.self)
            lateMarks[row] = try state.integer(Int64.self)
        }
    }
}

/// For each kept row of a join's side: how many rows of the other side match (by weight), for how
/// many that is unknown, and what has left for it so far.
@safe final class MatchCounts {
    /// What stands in the output for a row, beside its pairs.
    enum Mark: UInt8 {
        case nothing
        /// The row itself, or with nulls for the other side.
        case row
        /// Of a mark join.
        case isTrue, isFalse, isUnknown
    }

    let known = PlainVector<Int64>()
    let unknown = PlainVector<Int64>()
    /// What has left, and with which weight.
    let marks = PlainVector<UInt8>()
    let leftWeights = PlainVector<Int64>()
    private let touchedFlags = PlainVector<Bool>()
    private(set) var touched = PlainVector<Int32>()
    /// False where nothing is netted at the end of a step.
    var isTracking = true

    var memory: Int {
        known.memory + unknown.memory + marks.memory + leftWeights.memory + touched.memory
    }

    func grow(to limit: Int) {
        known.resize(to: limit, filling: 0)
        unknown.resize(to: limit, filling: 0)
        marks.resize(to: limit, filling: 0)
        leftWeights.resize(to: limit, filling: 0)
        touchedFlags.resize(to: limit, filling: false)
    }

    func begin(_ row: Int32) {
        known[Int(row)] = 0
        unknown[Int(row)] = 0
        marks[Int(row)] = Mark.nothing.rawValue
        leftWeights[Int(row)] = 0
        touch(row)
    }

    @inline(__always)
    func touch(_ row: Int32) {
        guard isTracking, !touchedFlags[Int(row)] else { return }
        touchedFlags[Int(row)] = true
        touched.append(row)
    }

    func isTouched(_ row: Int32) -> Bool { touchedFlags[Int(row)] }

    /// The touched rows; they are no longer touched then.
    func takeTouched() -> PlainVector<Int32> {
        let rows = touched
        for index in 0..<rows.count { touchedFlags[Int(rows[index])] = false }
        touched = PlainVector()
        return rows
    }

    func removeAll() {
        for vector in [known, unknown, leftWeights] { vector.removeAll() }
        marks.removeAll()
        touchedFlags.removeAll()
        touched.removeAll()
    }

    func write(_ state: inout OutputBuffer) {
        for vector in [known, unknown, leftWeights] { vector.write(&state) }
        marks.write(&state)
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        for vector in [known, unknown, leftWeights] { try vector.read(&state) }
        try marks.read(&state)
        touchedFlags.removeAll()
        touchedFlags.resize(to: marks.count, filling: false)
    }
}
