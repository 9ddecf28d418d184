/// Up to 2,048 rows that travel through a query together; immutable and shared by reference.
///
/// Each row has a weight: +1 where it is inserted, -1 where it is retracted, and their sums where
/// equal rows were merged. Most batches only insert and carry no weights.
public final class Batch: Sendable {
    public static let rowsMax = 2048

    public let columns: [Column]
    /// Rows; a batch without columns has rows too.
    public let count: Int
    /// nil: all +1.
    public let weights: Buffer<Int64>?
    /// What the watermark of its own partition was before each row, in microseconds; nil where no
    /// row lies below its own. Only rows below it can be late.
    public let watermarks: Buffer<Int64>?

    public init(
        _ columns: [Column], count: Int, weights: Buffer<Int64>? = nil,
        watermarks: Buffer<Int64>? = nil
    ) {
        for column in columns {
            precondition(column.count == count, "the columns of a batch are of one length")
        }
        self.columns = columns
        self.count = count
        self.weights = weights
        self.watermarks = watermarks
    }

    @inlinable
    public func weight(_ row: Int) -> Int64 {
        guard let weights else { return 1 }
        return weights[row]
    }

    /// The same rows, in other columns.
    public func replacing(_ columns: [Column]) -> Batch {
        Batch(columns, count: count, weights: weights, watermarks: watermarks)
    }

    /// The rows at `rows`, in that order.
    public func gather(_ rows: [Int32]) -> Batch {
        Batch(
            columns.map { $0.gather(rows) }, count: rows.count,
            weights: weights.map { Batch.pick($0, rows) },
            watermarks: watermarks.map { Batch.pick($0, rows) })
    }

    private static func pick(_ source: Buffer<Int64>, _ rows: [Int32]) -> Buffer<Int64> {
        let target = Buffer<Int64>(capacity: rows.count)
        for (index, row) in rows.enumerated() { target[index] = source[Int(row)] }
        return target
    }

    public func slice(_ range: Range<Int>) -> Batch {
        range == 0..<count ? self : gather(range.map { Int32($0) })
    }

    /// The values of a row; for tests and what is not hot.
    public func row(_ row: Int) -> [Value] { columns.map { $0.value(row) } }
}
