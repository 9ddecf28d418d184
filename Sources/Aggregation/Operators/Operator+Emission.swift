import Formats

extension Operator {
    /// Hands on rows of any number, in batches.
    func emit(
        rows columns: [Column], count: Int, weights: Buffer<Int64>? = nil,
        watermarks: Buffer<Int64>? = nil
    ) throws(SQLError) {
        if count <= Batch.rowsMax {
            return try emit(
                Batch(columns, count: count, weights: weights, watermarks: watermarks))
        }
        var start = 0
        while start < count {
            let range = start..<min(start + Batch.rowsMax, count)
            let part = weights.map { all in Buffer(range.map { all[$0] }) }
            let marks = watermarks.map { all in Buffer(range.map { all[$0] }) }
            try emit(
                Batch(
                    columns.map { $0.slice(range) }, count: range.count, weights: part,
                    watermarks: marks))
            start = range.upperBound
        }
    }

    /// Decodes rows of a store and hands them on, in batches.
    func emit(
        _ store: RowStore, _ ids: PlainVector<Int32>, weights: PlainVector<Int64>? = nil,
        wanted: [Int]? = nil
    ) throws(SQLError) {
        var start = 0
        while start < ids.count {
            let count = min(Batch.rowsMax, ids.count - start)
            let columns = unsafe store.decode(
                UnsafeBufferPointer(start: ids.base + start, count: count), wanted: wanted)
            var part: Buffer<Int64>?
            if let weights {
                let buffer = Buffer<Int64>(capacity: count)
                unsafe buffer.base.update(from: weights.base + start, count: count)
                part = buffer
            }
            try emit(Batch(columns, count: count, weights: part))
            start += count
        }
    }
}
