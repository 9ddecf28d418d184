import Bytes
import Formats

/// TUMBLE, HOP and CUMULATE where rows themselves are asked for: each row once for each of its
/// windows, with `window_start`, `window_end` and `window_time` behind its columns. Rows without a
/// time leave no row. It keeps nothing, or the watermark where it judges which rows are late.
final class WindowOperator: Operator {
    private let geometry: WindowGeometry
    private let time: Int
    private let type: DataType
    /// Set where rows are judged here, and then what is needed for it; see `judgeLateRows`.
    var grace: Int64?
    var watermark = Watermark.none
    var lateRows = 0
    var lateTarget: Operator?

    init(_ geometry: WindowGeometry, time: Int, type: DataType) {
        self.geometry = geometry
        self.time = time
        self.type = type
        super.init("window")
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func write(_ state: inout OutputBuffer) { writeLate(&state) }
    override func read(_ state: inout StateReader) throws(SQLError) { try readLate(&state) }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        let times = batch.columns[time].microseconds
        if geometry.isTumbling, times.validity == nil, try tumble(batch, times) { return }
        var rows: [Int32] = []
        var ends: [Int64] = []
        var late: [Int32] = []
        let values = unsafe times.integers
        for row in 0..<batch.count {
            let value = unsafe values[row & times.indexMask]
            guard !times.isNull(row), geometry.canHold(value) else {
                rowsWithoutTime += 1
                continue
            }
            guard var end = geometry.firstEnd(value, after: Watermark.none) else { continue }
            let last = geometry.lastEnd(value)
            if isLate(batch, row, value, last: last) {
                late.append(Int32(row))
                continue
            }
            while end <= last {
                rows.append(Int32(row))
                ends.append(end)
                end += geometry.slide
            }
            if rows.count >= Batch.rowsMax { try handOut(batch, &rows, &ends, atLeast: 1) }
        }
        try handOut(batch, &rows, &ends, atLeast: 0)
        try handOutLate(late, of: batch)
    }

    /// One window a row: the rows stay as they are. False: some row has no time.
    private func tumble(_ batch: Batch, _ times: Column) throws(SQLError) -> Bool {
        let starts = Buffer<Int64>(capacity: batch.count)
        let values = unsafe times.integers
        let mask = times.indexMask
        var isSound = true
        var row = 0
        while row < batch.count {
            let value = unsafe values[row & mask]
            isSound = isSound && geometry.canHold(value)
            unsafe starts.base[row] = geometry.paneStart(value)
            row &+= 1
        }
        guard isSound else { return false }
        let size = geometry.size
        try emit(batch.replacing(batch.columns + added(starts, batch.count, 0, size)))
        return true
    }

    private func handOut(
        _ batch: Batch, _ rows: inout [Int32], _ ends: inout [Int64], atLeast: Int
    ) throws(SQLError) {
        while rows.count > (atLeast > 0 ? Batch.rowsMax - 1 : 0) {
            let count = min(rows.count, Batch.rowsMax)
            let part = batch.gather(Array(rows[..<count]))
            let starts = Buffer<Int64>(capacity: count)
            let bounds = Buffer<Int64>(capacity: count)
            for row in 0..<count {
                bounds[row] = ends[row]
                starts[row] = geometry.start(ends[row])
            }
            let columns =
                [Column(type, count: count, .integer(starts))] + ending(bounds, count, 0)
            try emit(part.replacing(part.columns + columns))
            rows.removeFirst(count)
            ends.removeFirst(count)
        }
    }

    private func added(
        _ starts: Buffer<Int64>, _ count: Int, _ shift: Int64, _ size: Int64
    ) -> [Column] {
        [Column(type, count: count, .integer(starts))] + ending(starts, count, size)
    }

    /// window_end and window_time: `times` moved by `shift`.
    private func ending(_ times: Buffer<Int64>, _ count: Int, _ shift: Int64) -> [Column] {
        let ends = Buffer<Int64>(capacity: count)
        let last = Buffer<Int64>(capacity: count)
        var row = 0
        while row < count {
            let end = unsafe times.base[row] &+ shift
            unsafe ends.base[row] = end
            unsafe last.base[row] = end &- windowTimeGap
            row &+= 1
        }
        return [
            Column(type, count: count, .integer(ends)), Column(type, count: count, .integer(last)),
        ]
    }

    /// A row may start a window that lies before the watermark, so it is held back to the first
    /// such.
    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        self.watermark = max(self.watermark, watermark)
        guard geometry.canHold(watermark) else { return try emitWatermark(watermark) }
        try emitWatermark(geometry.leastStart(watermark))
    }
}
