import Formats

/// Window functions over one partitioning and order: appends a column a call.
///
/// All rows are kept. Where all is one step they are sorted at its end and leave with their
/// results; else partitions are computed again at the end of each step, from the first row on whose
/// result may be another (`OverCall.rowsChangedBefore`), and what differs leaves.
final class OverOperator: Operator, ProcessingTimeOperator {
    private let input: PartitionedInput
    private let computation: OverComputation
    private let isSingleStep: Bool

    /// In one step: the rows as they came.
    private struct Arrival: BitwiseCopyable {
        var prefix: UInt64
        var slot: Int32
        var row: Int32
    }
    private let arrivals = PlainVector<Arrival>()

    /// Over steps.
    private var partitions: [OverPartition] = []
    private let states: OverStates
    /// For frames that begin at a distance of their keys so many rows are looked back at; more
    /// where that has not been enough.
    private var rowsBack = 64
    private var touched: [Int32] = []
    private let removed = PlainVector<Int32>()
    private let results: RowStore
    /// Per row its results, an id of `results`; -1: it has not left.
    private let resultIDs = PlainVector<Int32>()
    private let changes: NetRows
    /// Where rows go that do not fit, and how an operator of a part of them is made.
    private let spill: SpillBudget?
    private let makePart: (SpillBudget) throws(SQLError) -> OverOperator
    private var spilled: SpilledRows?
    private var part: Operator?
    private var hasWatermark = false
    /// The watermark goes on at the end only: rows that change have any time.
    private let holdsTime: Bool
    /// Partitions are let go when they are idle; nil: never.
    private let idle: IdleTimes?

    init(
        _ types: [DataType], _ over: OverPlan, isSingleStep: Bool, timeColumns: [Int],
        orderTime: Expression? = nil, holdsTime: Bool = false, spill: SpillBudget? = nil,
        idle: IdleTimes? = nil, _ settings: SessionSettings
    ) throws(SQLError) {
        self.spill = spill
        self.idle = isSingleStep || over.partition.isEmpty ? nil : idle
        self.holdsTime = holdsTime
        makePart = { (spill) throws(SQLError) in
            try OverOperator(
                types, over, isSingleStep: true, timeColumns: timeColumns, spill: spill, settings)
        }
        computation = try OverComputation(over, inputTypes: types, settings)
        input = try PartitionedInput(
            types, partition: over.partition, order: over.order, computed: computation.computed,
            timeColumns: timeColumns, orderTime: orderTime, settings)
        self.isSingleStep = isSingleStep
        states = computation.makeStates()
        results = RowStore(computation.resultTypes)
        changes = NetRows(types + computation.resultTypes)
        super.init("over")
    }

    override var memory: Int {
        input.memory + results.memory + arrivals.memory + changes.memory
            + partitions.reduce(0) { $0 + $1.rows.memory + $1.places.count * 32 }
            + states.memory + (part?.memory ?? 0) + (idle?.memory ?? 0)
    }

    override func push(_ batch: Batch, input port: Int) throws(SQLError) {
        let batch = try input.timely(batch)
        lateRowsLeftOut = input.lateRows
        guard batch.count > 0 else { return }
        if let spilled { return try input.spill(batch, to: spilled) }
        try keep(batch)
        // Rows on disk would lose the watermark that they came after.
        if let spill, !hasWatermark, input.hasPartitions, try spill.isExceeded(by: self) {
            let spilled = try input.makeSpilledRows(spill)
            let rows = PlainVector<Int32>(capacity: arrivals.count)
            for index in 0..<arrivals.count { rows.append(arrivals[index].row) }
            try input.spillAll(rows, to: spilled)
            arrivals.removeAll()
            self.spilled = spilled
        }
    }

    private func finishSpilled() throws(SQLError) {
        guard let spilled, let spill else { return }
        self.spilled = nil
        try finish([(spilled, 0)], hold: { self.part = $0 }) { () throws(SQLError) in
            try makePart(spill.deeper)
        }
    }

    private func keep(_ batch: Batch) throws(SQLError) {
        try input.take(batch)
        if let idle {
            unsafe idle.touch(
                input.slots.base, count: batch.count, below: input.table.slotLimit)
        }
        let copies = PlainVector<Int32>(capacity: batch.count)
        for row in 0..<batch.count {
            for _ in 0..<abs(batch.weight(row)) {
                copies.append(Int32(truncatingIfNeeded: row))
            }
        }
        try input.keep(batch, rows: copies)
        for index in 0..<copies.count {
            let row = unsafe Int(copies.base[index])
            let slot = unsafe input.slots.base[row]
            let id = unsafe input.ids.base[index]
            if isSingleStep, batch.weight(row) > 0 {
                arrivals.append(Arrival(prefix: input.prefix(row), slot: slot, row: id))
            } else {
                try place(
                    OrderedEntry(prefix: input.prefix(row), row: id), Int(slot),
                    isInsertion: batch.weight(row) > 0)
            }
        }
    }

    private func place(
        _ entry: OrderedEntry, _ slot: Int, isInsertion: Bool
    ) throws(SQLError) {
        while partitions.count <= slot { partitions.append(OverPartition()) }
        resultIDs.resize(to: max(resultIDs.count, input.store.idLimit), filling: -1)
        let keys = input.keys
        let place: (chunk: Int, index: Int)
        if isInsertion {
            place = partitions[slot].rows.insert(entry, keys)
        } else {
            guard let found = partitions[slot].rows.take(equalTo: entry, keys) else {
                throw Operator.absentRow(name)
            }
            place = found.place
            removed.append(found.row)
        }
        // Positions before it stay what they are.
        let position =
            computation.goesByPeers
            ? partitions[slot].rows.partitionPoint { keys.isBefore($0, entry) }
            : partitions[slot].rows.position(place)
        partitions[slot].changedFrom = min(partitions[slot].changedFrom, position)
        if !isInsertion { input.store.free(entry.row) }
        if !partitions[slot].isTouched {
            partitions[slot].isTouched = true
            touched.append(Int32(slot))
        }
    }

    // MARK: one step

    private func emitAll() throws(SQLError) {
        let keys = input.keys
        let list = PlainVector<OrderedEntry>(capacity: arrivals.count)
        let slots = PlainVector<Int32>()
        slots.resize(to: input.store.idLimit, filling: 0)
        for index in 0..<arrivals.count {
            let arrival = arrivals[index]
            list.append(OrderedEntry(prefix: arrival.prefix, row: arrival.row))
            slots[Int(arrival.row)] = arrival.slot
        }
        // Nothing was freed, so ids are in the order of arrival.
        unsafe KeySorter.sort(list) { unsafe keys.store.stringBytes($0, column: keys.column) }
        KeySorter.group(list) { unsafe UInt64(slots.base[Int($0)]) }
        var start = 0
        while start < list.count {
            // Whole partitions, up to about a batch.
            var starts: [Int] = []
            var end = start
            while end < list.count, end - start < Batch.rowsMax {
                starts.append(end - start)
                let slot = list[end].prefix
                while end < list.count, list[end].prefix == slot { end += 1 }
            }
            let rows = PlainVector<Int32>(capacity: end - start)
            for index in start..<end { rows.append(list[index].row) }
            let (own, results) = try compute(rows, starts + [rows.count])
            try emit(rows: own + results, count: rows.count)
            start = end
        }
        arrivals.removeAll()
        input.store.removeAll()
    }

    /// The input's columns and the results for rows of whole partitions.
    private func compute(
        _ rows: PlainVector<Int32>, _ starts: [Int]
    ) throws(SQLError) -> (own: [Column], results: [Column]) {
        let columns = unsafe input.store.decode(
            UnsafeBufferPointer(start: rows.base, count: rows.count))
        let order = OverRows(partitionStarts: starts, keys: columns[input.keyColumn])
        let frames = computation.frames(order) { columns[$0] } ?? []
        let results = try computation.results(order, frames) { columns[$0] }
        return (Array(columns[..<input.ownColumns.count]), results)
    }

    // MARK: steps

    override func endStep() throws(SQLError) {
        if isSingleStep { return }
        try emitChanges()
        try emitHeldWatermark()
        guard let idle else { return }
        let freed = try idle.sweep(below: partitions.count) { slot in
            guard partitions[Int(slot)].rows.count > 0 else { return false }
            free(slot)
            return true
        }
        if freed > 0 { compact() }
        idleKeysFreed += freed
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.clock.advance(clock: now) }

    private func emitChanges() throws(SQLError) {
        if touched.isEmpty { return }
        try takeBackRemoved()
        var part: [Int] = []
        var rows = 0
        for slot in touched.map({ Int($0) }) {
            partitions[slot].isTouched = false
            partitions[slot].dropPlaces(states)
            if partitions[slot].rows.count == 0 {
                partitions[slot] = OverPartition()
                input.removePartition(Int32(slot))
                continue
            }
            part.append(slot)
            rows += partitions[slot].rows.count - range(slot).first
            guard rows >= Batch.rowsMax else { continue }
            try compare(part)
            (part, rows) = ([], 0)
        }
        if !part.isEmpty { try compare(part) }
        touched = []
        if changes.count > 0 {
            let (rows, weights) = changes.netRows()
            let isPlain = (0..<weights.count).allSatisfy { weights[$0] == 1 }
            try emit(changes.store, rows, weights: isPlain ? nil : weights)
            changes.removeAll()
        }
        for store in [input.store, results] { store.compactIfSparse() }
        input.table.compactIfSparse()
    }

    private func takeBackRemoved() throws(SQLError) {
        let rows = PlainVector<Int32>()
        for index in 0..<removed.count where resultIDs[Int(removed[index])] >= 0 {
            rows.append(removed[index])
        }
        noteOld(rows)
        for index in 0..<removed.count {
            let row = Int(removed[index])
            if resultIDs[row] >= 0 { results.free(resultIDs[row]) }
            resultIDs[row] = -1
            input.store.free(removed[index])
        }
        removed.removeAll()
    }

    /// What has left for some rows is taken back.
    private func noteOld(_ rows: PlainVector<Int32>) {
        guard rows.count > 0 else { return }
        let own = unsafe input.store.decode(
            UnsafeBufferPointer(start: rows.base, count: rows.count), wanted: input.ownColumns)
        let old = results.decode((0..<rows.count).map { resultIDs[Int(rows[$0])] })
        changes.add(own + old, count: rows.count) { _ in -1 }
    }

    /// The rows of a partition that have to be looked at, from a position on, and from which one on
    /// their results may be others.
    private func range(
        _ slot: Int
    ) -> (first: Int, wanted: Int, place: OverPartition.Place?) {
        let partition = partitions[slot]
        guard let before = computation.rowsChangedBefore else { return (0, 0, nil) }
        var wanted = max(0, min(partition.changedFrom, partition.rows.count) - before)
        if computation.goesByPeers { wanted = partition.rows.firstPeer(of: wanted, input.keys) }
        guard let back = computation.rowsLookedBackAt else { return (0, wanted, nil) }
        var first = wanted - max(back, computation.findsFrames ? rowsBack : 0)
        var place: OverPartition.Place?
        if computation.goesOnFromStates {
            place = partition.places.last { $0.position <= wanted }
            first = min(first, place?.position ?? 0)
        }
        first = max(0, first)
        if computation.goesByPeers { first = partition.rows.firstPeer(of: first, input.keys) }
        return (first, wanted, place)
    }

    /// Computes what has changed of partitions again; rows whose results differ from what has left
    /// leave.
    private func compare(_ slots: [Int]) throws(SQLError) {
        let rows = PlainVector<Int32>()
        var starts = [0]
        var slices: [OverSlice] = []
        for slot in slots {
            let (first, wanted, place) = range(slot)
            let base = rows.count - first
            slices.append(
                OverSlice(
                    first: first, resume: base + (place?.position ?? first), slot: place?.slot,
                    groups: place?.groups ?? 0, wanted: base + wanted))
            partitions[slot].rows.forEach(from: first) { entry in
                rows.append(entry.row)
                return true
            }
            starts.append(rows.count)
        }
        let columns = unsafe input.store.decode(
            UnsafeBufferPointer(start: rows.base, count: rows.count))
        let order = OverRows(
            partitionStarts: starts, keys: columns[input.keyColumn], slices: slices)
        guard let frames = computation.frames(order, { columns[$0] }) else {
            rowsBack *= 2
            return try compare(slots)
        }
        let keeping = computation.goesOnFromStates ? keepPlaces(slots, order) : []
        let now = try computation.results(
            order, frames, computation.goesOnFromStates ? states : nil, keeping: keeping
        ) { columns[$0] }
        for slot in slots { partitions[slot].changedFrom = .max }
        releaseOldPlaces(slots, order)
        var wanted: [Int32] = []
        for (index, slice) in slices.enumerated() {
            wanted += (slice.wanted..<starts[index + 1]).map { Int32($0) }
        }
        if !wanted.isEmpty {
            try leave(
                rows, wanted, Array(columns[..<input.ownColumns.count]),
                now.map { wanted.count == rows.count ? $0 : $0.gather(wanted) })
        }
    }

    /// Makes places of partitions whose states are to be kept.
    private func keepPlaces(_ slots: [Int], _ rows: OverRows) -> [OverKeeping] {
        var keeping: [OverKeeping] = []
        for (index, slot) in slots.enumerated() {
            let slice = rows.slices[index]
            let start = rows.partitionStarts[index] - slice.first
            let end = rows.partitionStarts[index + 1]
            var last = slice.resume
            func keep(_ row: Int, isLast: Bool) {
                let row = computation.goesByPeers && row < end ? rows.peers(row).lowerBound : row
                guard row > last else { return }
                last = row
                let place = OverPartition.Place(
                    position: row - start,
                    groups: row < end
                        ? slice.groups + Int64(rows.groups[row] - rows.groups[slice.resume]) : 0,
                    slot: states.make(), isLast: isLast)
                partitions[slot].places.append(place)
                keeping.append(OverKeeping(partition: index, row: row, slot: place.slot))
            }
            var position = ((slice.resume - start) / OverStates.spacing + 1) * OverStates.spacing
            while start + position < end {
                keep(start + position, isLast: false)
                position += OverStates.spacing
            }
            // Rows of equal keys may still come to the last ones.
            keep(computation.goesByPeers ? end - 1 : end, isLast: true)
        }
        return keeping
    }

    /// Of the places that were the last ones only the new ones stay.
    private func releaseOldPlaces(_ slots: [Int], _ rows: OverRows) {
        guard computation.goesOnFromStates else { return }
        for slot in slots {
            let places = partitions[slot].places
            for (index, place) in places.enumerated().reversed()
            where place.isLast && index + 1 < places.count {
                states.release(place.slot)
                partitions[slot].places.remove(at: index)
            }
        }
    }

    /// Rows whose results `now` differ from what has left leave, `wanted` of `rows`.
    private func leave(
        _ rows: PlainVector<Int32>, _ wanted: [Int32], _ own: [Column], _ now: [Column]
    ) throws(SQLError) {
        let ids = PlainVector<Int32>()
        results.append(now, count: wanted.count, ids: ids)
        let old = PlainVector<Int32>()
        var changed: [Int32] = []
        for (index, place) in wanted.enumerated() {
            let row = rows[Int(place)]
            let before = resultIDs[Int(row)]
            if before >= 0 {
                if results.isEqual(before, results, ids[index]) {
                    results.free(ids[index])
                    continue
                }
                old.append(row)
            }
            changed.append(Int32(index))
        }
        noteOld(old)
        for index in changed {
            let row = Int(rows[Int(wanted[Int(index)])])
            if resultIDs[row] >= 0 { results.free(resultIDs[row]) }
            resultIDs[row] = ids[Int(index)]
        }
        let columns =
            own.map { $0.gather(changed.map { wanted[Int($0)] }) } + now.map { $0.gather(changed) }
        changes.add(columns, count: changed.count) { _ in 1 }
    }

    override func advance(_ watermark: Int64, input port: Int) throws(SQLError) {
        idle?.clock.advance(watermark: watermark)
        if watermark == Watermark.end {
            if isSingleStep { try emitAll() } else { try emitChanges() }
            try finishSpilled()
            try emitWatermark(watermark)
        } else if !isSingleStep {
            try close(watermark)
            if !holdsTime { holdWatermark(watermark) }
        } else {
            hasWatermark = true
        }
    }

    /// Frees the partitions that can no longer change; what has left for them stays.
    private func close(_ watermark: Int64) throws(SQLError) {
        guard let first = input.nextClosed(watermark) else { return }
        try emitChanges()
        var slot: Int32? = first
        while let closed = slot {
            free(closed)
            slot = input.nextClosed(watermark)
        }
        compact()
    }

    private func free(_ slot: Int32) {
        let index = Int(slot)
        partitions[index].rows.forEach { entry in
            let row = Int(entry.row)
            if resultIDs[row] >= 0 { results.free(resultIDs[row]) }
            resultIDs[row] = -1
            input.store.free(entry.row)
            return true
        }
        partitions[index].dropAllPlaces(states)
        partitions[index] = OverPartition()
        input.removePartition(slot)
    }

    private func compact() {
        for store in [input.store, results] { store.compactIfSparse() }
        input.table.compactIfSparse()
    }

    override func write(_ state: inout OutputBuffer) {
        input.write(&state)
        results.write(&state)
        resultIDs.write(&state)
        state.append(bigEndian: Int64(partitions.count))
        for partition in partitions {
            let rows = PlainVector<OrderedEntry>()
            for entry in partition.rows.entries { rows.append(entry) }
            rows.write(&state)
        }
        idle?.clock.write(&state)
        idle?.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try input.read(&state)
        try results.read(&state)
        try resultIDs.read(&state)
        partitions = []
        for _ in 0..<(try state.integer(Int64.self)) {
            let rows = PlainVector<OrderedEntry>()
            try rows.read(&state)
            partitions.append(
                OverPartition(rows: OrderedRows((0..<rows.count).map { rows[$0] })))
        }
        // Earlier builds let no partition go.
        if let idle, state.remaining > 0 {
            try idle.clock.read(&state)
            try idle.read(&state)
        }
    }
}
