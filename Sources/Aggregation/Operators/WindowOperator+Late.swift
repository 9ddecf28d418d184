import Formats

// Rows that come after the last of their windows has ended.
//
// Above, a row is one for each of its windows, and it is late for the first of them long before it
// is for the last. So it is judged here, where it is whole, if an aggregation that closes these
// windows is all that follows.
extension WindowOperator: WindowedOperator {
    var openEnds: (first: Int64, last: Int64)? { nil }
    var openGroups: Int { 0 }
    var windowsToClose: Int { 0 }

    /// From now on late rows are counted and handed out here; `grace` microseconds behind the end
    /// of a window its rows are taken.
    func judgeLateRows(grace: Int64) { self.grace = grace }

    /// Whether all windows of a row have ended; `last` is the end of its last one.
    @inline(__always)
    func isLate(_ batch: Batch, _ row: Int, _ time: Int64, last: Int64) -> Bool {
        guard let grace else { return false }
        let own = max(batch.watermarks.map { $0[row] } ?? Watermark.none, watermark)
        // Between two windows a row is in none.
        return own != Watermark.none && last <= own.saturatingMinus(grace) && last > time
    }

    func handOutLate(_ rows: [Int32], of batch: Batch) throws(SQLError) {
        guard !rows.isEmpty else { return }
        lateRows += rows.count
        if let lateTarget { try lateTarget.push(batch.gather(rows), input: 0) }
    }

    func writeLate(_ state: inout OutputBuffer) {
        guard grace != nil else { return }
        state.append(bigEndian: watermark)
        state.append(bigEndian: Int64(lateRows))
    }

    func readLate(_ state: inout StateReader) throws(SQLError) {
        guard grace != nil else { return }
        watermark = try state.integer(Int64.self)
        lateRows = Int(try state.integer(Int64.self))
    }
}
