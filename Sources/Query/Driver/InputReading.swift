import Aggregation
import Formats

/// One input of a running query: how far its watermark is, and for how long its partitions have
/// been silent. Owned by `QueryRun`.
struct InputReading {
    var input: QueryRun.Input
    var watermark = Watermark.none
    var tracker: WatermarkTracker
    var hasEnded = false
    /// When it was read last, among all of them.
    var turn = 0
    /// For how long the driver had waited when the rows of each partition came last.
    private var lastSeen: [Int64]
    /// Silence counts from the first rows on: before them nothing was to be had yet.
    private var hasRows = false

    init(_ input: QueryRun.Input) {
        self.input = input
        tracker = WatermarkTracker(
            delay: input.time?.delay ?? 0, partitionCount: input.source.partitionCount)
        lastSeen = Array(repeating: 0, count: tracker.partitionCount)
    }

    /// Rows of a partition have come: it counts again.
    mutating func saw(_ partition: Int, waited: Int64) {
        if partition >= lastSeen.count {
            let count = max(partition + 1, input.source.partitionCount)
            tracker.grow(to: count)
            lastSeen += Array(repeating: waited, count: count - lastSeen.count)
        }
        if !hasRows { lastSeen = lastSeen.map { _ in waited } }
        hasRows = true
        lastSeen[partition] = waited
        tracker.count(partition, true)
    }

    /// Nanoseconds of waiting since a partition had rows.
    func silence(_ partition: Int, waited: Int64) -> Int64 { waited - lastSeen[partition] }

    /// Leaves partitions that were silent for IDLE out of the minimum; true if there is a new one.
    mutating func passSilent(waited: Int64) -> Bool {
        guard let idle = input.time?.idle, hasRows, input.source.maySleep else { return false }
        var hasChanged = false
        for partition in 0..<tracker.partitionCount
        where tracker.counts(partition) && silence(partition, waited: waited) >= idle * 1_000 {
            tracker.count(partition, false)
            hasChanged = true
        }
        return hasChanged
    }

    func write(_ state: inout OutputBuffer) throws(SQLError) {
        state.append(hasEnded ? 1 : 0 as UInt8)
        state.append(bigEndian: watermark)
        tracker.write(&state)
        guard !hasEnded else { return state.append(blob: []) }
        guard let position = input.source.position else {
            throw SQLError("an input was saved in between", .internalError)
        }
        state.append(blob: position)
    }

    /// `resuming`: the source is a new one and goes on where the old one was; `version`: of the
    /// state.
    mutating func read(
        _ state: inout StateReader, resuming: Bool, version: UInt32
    ) throws(SQLError) {
        hasEnded = try state.integer(UInt8.self) != 0
        watermark = try state.integer(Int64.self)
        try tracker.read(&state)
        let position = try state.blob()
        guard resuming, !hasEnded else { return }
        if version < 3, let keeper = input.source as? any RowKeepingSource {
            return try keeper.resume(withRows: position)
        }
        try input.source.resume(at: position)
    }
}
