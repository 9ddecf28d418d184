import Formats

/// The rows over which one evaluation of an expression runs: a batch, or some rows of one that
/// reached a branch. It keeps what several parts of the expression ask for, so that it is gathered
/// and computed once.
final class Frame {
    let count: Int
    let session: SessionSettings
    private let parent: Frame?
    /// In the parent.
    private let rows: [Int32]
    private var columns: [Column?]
    /// Results of nodes that stand in several places, by their slot.
    private var shared: [Column?]

    init(_ batch: Batch, session: SessionSettings, slots: Int) {
        count = batch.count
        self.session = session
        parent = nil
        rows = []
        columns = batch.columns
        shared = Array(repeating: nil, count: slots)
    }

    private init(_ parent: Frame, _ rows: [Int32]) {
        count = rows.count
        session = parent.session
        self.parent = parent
        self.rows = rows
        columns = Array(repeating: nil, count: parent.columns.count)
        shared = Array(repeating: nil, count: parent.shared.count)
    }

    /// Only these rows, in this order.
    func narrowed(to rows: [Int32]) -> Frame {
        rows.count == count ? self : Frame(self, rows)
    }

    func column(_ index: Int) -> Column {
        if let column = columns[index] { return column }
        guard let parent else { preconditionFailure("a batch has all columns that are read") }
        let column = parent.column(index).gather(rows)
        columns[index] = column
        return column
    }

    func sharedResult(_ slot: Int) -> Column? {
        if let result = shared[slot] { return result }
        guard let result = parent?.sharedResult(slot) else { return nil }
        let picked = result.gather(rows)
        shared[slot] = picked
        return picked
    }

    func keep(_ column: Column, slot: Int) { shared[slot] = column }
}
