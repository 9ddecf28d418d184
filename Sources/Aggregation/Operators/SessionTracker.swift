import Bytes
import Formats

/// The open sessions of all partition keys: rows of one key whose times are at most the gap apart.
/// A session's number is the group of whatever its owner keeps for it.
///
/// A session that ends before the watermark that a row's partition had takes the row no more, even
/// if it is still here, so that the result does not depend on when the watermark came.
final class SessionTracker {
    /// What a row does.
    enum Step {
        case joins(Int32)
        /// The row lies between sessions, which become the first of these.
        case merges(Int32, from: [Int32])
        case isLate
    }

    private struct Due: BitwiseCopyable {
        var time: Int64
        var sequence: Int64
        var session: Int32
    }

    private let gap: Int64
    let table: GroupTable
    private var starts = StateVector<Int64>()
    private var lasts = StateVector<Int64>()
    private var owners = StateVector<Int32>()
    /// In the order in which sessions began; -1: the number is free.
    private var sequences = StateVector<Int64>()
    /// The sessions of a key lie apart; they are linked from the last one back, as most rows belong
    /// to the last or begin one behind it. The one before a session, and the one behind it; -1:
    /// none.
    private var next = StateVector<Int32>()
    private var previous = StateVector<Int32>()
    /// The last session of each key.
    private var heads = StateVector<Int32>()
    /// Sessions that were compared with rows.
    private(set) var looks = 0
    private var free: [Int32] = []
    private var nextSequence: Int64 = 0
    /// When sessions may end, and where they start, least first; entries may be out of date.
    private var ends = DueHeap()
    private var begins = DueHeap()
    private var watermark = Watermark.none

    /// A heap that leaves the order of equal times open.
    private struct DueHeap {
        private(set) var entries: [Due] = []

        var first: Due? { entries.first }

        mutating func push(_ due: Due) {
            entries.append(due)
            var index = entries.count - 1
            while index > 0, entries[index].time < entries[(index - 1) / 2].time {
                entries.swapAt(index, (index - 1) / 2)
                index = (index - 1) / 2
            }
        }

        mutating func pop() {
            entries.swapAt(0, entries.count - 1)
            entries.removeLast()
            var index = 0
            while true {
                var least = index
                for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
                    if entries[child].time < entries[least].time { least = child }
                }
                if least == index { return }
                entries.swapAt(index, least)
                index = least
            }
        }
    }

    init(gap: Int64, types: [DataType]) {
        self.gap = gap
        table = GroupTable(types)
    }

    /// Numbers of sessions lie below it.
    var bound: Int { sequences.count }
    var count: Int { sequences.count - free.count }

    func start(_ session: Int32) -> Int64 { starts[session] }
    func end(_ session: Int32) -> Int64 { lasts[session] + gap }
    func owner(_ session: Int32) -> Int32 { owners[session] }

    /// Room for the keys that `table` knows by now.
    func growKeys() {
        heads.grow(to: table.bound, filling: -1)
    }

    /// Takes a row of a key; `own`: the watermark of its partition before it.
    func add(_ key: Int32, _ time: Int64, _ own: Int64) -> Step {
        let watermark = max(own, self.watermark)
        var found: [Int32] = []
        var later: Int32 = -1
        var session = heads[key]
        // Those before one that ended too early have ended earlier still.
        while session >= 0, time <= lasts[session] + gap {
            looks &+= 1
            if time >= starts[session] - gap, lasts[session] + gap >= watermark {
                found.append(session)
            }
            if starts[session] > time { later = session }
            session = next[session]
        }
        guard let first = found.min(by: { sequences[$0] < sequences[$1] }) else {
            return time + gap < watermark ? .isLate : .joins(begin(key, time, before: later))
        }
        stretch(first, time, time)
        if found.count == 1 { return .joins(first) }
        let others = found.filter { $0 != first }.sorted { sequences[$0] < sequences[$1] }
        for other in others {
            stretch(first, starts[other], lasts[other])
            remove(other)
        }
        return .merges(first, from: others)
    }

    /// `later`: the first session of the key behind it; -1: none.
    private func begin(_ key: Int32, _ time: Int64, before later: Int32) -> Int32 {
        let session: Int32
        if let reused = free.popLast() {
            session = reused
        } else {
            session = Int32(sequences.count)
            let count = sequences.count + 1
            starts.grow(to: count, filling: 0)
            lasts.grow(to: count, filling: 0)
            owners.grow(to: count, filling: 0)
            next.grow(to: count, filling: -1)
            previous.grow(to: count, filling: -1)
            sequences.grow(to: count, filling: -1)
        }
        starts[session] = time
        lasts[session] = time
        owners[session] = key
        sequences[session] = nextSequence
        link(session, behind: later, of: key)
        let due = Due(time: time + gap, sequence: nextSequence, session: session)
        ends.push(due)
        begins.push(Due(time: time, sequence: nextSequence, session: session))
        nextSequence += 1
        return session
    }

    private func stretch(_ session: Int32, _ first: Int64, _ last: Int64) {
        lasts[session] = max(lasts[session], last)
        guard first < starts[session] else { return }
        starts[session] = first
        begins.push(Due(time: first, sequence: sequences[session], session: session))
    }

    /// Puts a session into its key's list, behind the one that comes later.
    private func link(_ session: Int32, behind later: Int32, of key: Int32) {
        let earlier = later < 0 ? heads[key] : next[later]
        next[session] = earlier
        previous[session] = later
        if earlier >= 0 { previous[earlier] = session }
        if later < 0 { heads[key] = session } else { next[later] = session }
    }

    /// Takes a session out of its key's list; its number is used again.
    private func remove(_ session: Int32) {
        let key = owners[session]
        let (earlier, later) = (next[session], previous[session])
        if earlier >= 0 { previous[earlier] = later }
        if later < 0 { heads[key] = earlier } else { next[later] = earlier }
        sequences[session] = -1
        free.append(session)
    }

    /// The sessions that end before `watermark`, by their ends and then as they began. They stay
    /// readable until `forget`.
    func due(_ watermark: Int64) -> [Int32] {
        self.watermark = watermark
        var closing: [Int32] = []
        while let due = ends.first, due.time < watermark || watermark == Watermark.end {
            ends.pop()
            guard sequences[due.session] == due.sequence else { continue }
            let end = lasts[due.session] + gap
            if end < watermark || watermark == Watermark.end {
                closing.append(due.session)
            } else {
                ends.push(Due(time: end, sequence: due.sequence, session: due.session))
            }
        }
        return closing.sorted { a, b in
            lasts[a] != lasts[b] ? lasts[a] < lasts[b] : sequences[a] < sequences[b]
        }
    }

    func forget(_ sessions: [Int32]) {
        for session in sessions {
            let key = owners[session]
            remove(session)
            if heads[key] < 0 { table.remove(key) }
        }
    }

    /// No session will leave that starts before it.
    func hold(_ watermark: Int64) -> Int64 {
        while let due = begins.first,
            sequences[due.session] != due.sequence || starts[due.session] != due.time
        {
            begins.pop()
        }
        let open = begins.first?.time ?? Int64.max
        return min(open, watermark.saturatingMinus(gap))
    }

    var openEnds: (first: Int64, last: Int64)? {
        var bounds: (first: Int64, last: Int64)?
        for session in 0..<sequences.count where sequences[session] >= 0 {
            let end = lasts[session] + gap
            bounds = (min(bounds?.first ?? end, end), max(bounds?.last ?? end, end))
        }
        return bounds
    }

    var memory: Int {
        table.memory + starts.memory + lasts.memory + owners.memory + sequences.memory
            + next.memory + previous.memory + heads.memory
            + (ends.entries.count + begins.entries.count) * 24
    }

    func carry(from old: SessionTracker, _ widening: ColumnWidening) throws(SQLError) -> Bool {
        guard try table.carry(from: old.table, widening) else { return false }
        var state = OutputBuffer(capacity: 4096)
        old.writeSessions(&state)
        var reader = StateReader(state.array)
        try readSessions(&reader)
        return true
    }

    /// Numbers of open sessions.
    var sessions: [Int32] {
        (0..<Int32(sequences.count)).filter { sequences[$0] >= 0 }
    }

    func write(_ target: inout OutputBuffer) {
        table.write(&target)
        writeSessions(&target)
    }

    private func writeSessions(_ target: inout OutputBuffer) {
        starts.write(&target)
        lasts.write(&target)
        owners.write(&target)
        sequences.write(&target)
        next.write(&target)
        heads.write(&target)
        target.append(groups: free)
        target.append(bigEndian: nextSequence)
        target.append(bigEndian: watermark)
    }

    func read(_ source: inout StateReader) throws(SQLError) {
        try table.read(&source)
        try readSessions(&source)
    }

    private func readSessions(_ source: inout StateReader) throws(SQLError) {
        try starts.read(&source)
        try lasts.read(&source)
        try owners.read(&source)
        try sequences.read(&source)
        try next.read(&source)
        try heads.read(&source)
        free = try source.groups(below: sequences.count)
        nextSequence = try source.integer(Int64.self)
        watermark = try source.integer(Int64.self)
        previous = StateVector()
        previous.grow(to: sequences.count, filling: -1)
        (ends, begins) = (DueHeap(), DueHeap())
        for session in 0..<Int32(sequences.count) where sequences[session] >= 0 {
            let sequence = sequences[session]
            if next[session] >= 0 { previous[next[session]] = session }
            ends.push(Due(time: end(session), sequence: sequence, session: session))
            begins.push(Due(time: starts[session], sequence: sequence, session: session))
        }
    }
}
