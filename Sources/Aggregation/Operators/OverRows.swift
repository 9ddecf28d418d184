import Formats

/// Rows of partitions in order, whole or from some place on, and where their partitions and groups
/// of equal keys begin and end; what window functions are computed over.
struct OverRows {
    let count: Int
    /// Where partitions begin; one more at the end.
    let partitionStarts: [Int]
    /// Per row the index of its partition.
    let partitions: [Int32]
    /// Per row the index of its group of peers, and where groups begin; one more at the end.
    let groups: [Int32]
    let groupStarts: [Int]
    /// What part of its partition each one is.
    let slices: [OverSlice]

    /// `keys`: the encoded sort key of each row. Without `slices` the partitions are whole.
    init(partitionStarts: [Int], keys: Column, slices: [OverSlice]? = nil) {
        self.slices =
            slices ?? partitionStarts.dropLast().map { OverSlice(resume: $0, wanted: $0) }
        count = keys.count
        self.partitionStarts = partitionStarts
        var partitions = Array(repeating: Int32(0), count: keys.count)
        var groups = partitions
        var groupStarts: [Int] = []
        let views = unsafe keys.strings
        for partition in 0..<max(partitionStarts.count - 1, 0) {
            let start = partitionStarts[partition]
            for row in start..<partitionStarts[partition + 1] {
                if unsafe row == start || views[row] != views[row - 1] { groupStarts.append(row) }
                partitions[row] = Int32(truncatingIfNeeded: partition)
                groups[row] = Int32(truncatingIfNeeded: groupStarts.count - 1)
            }
        }
        groupStarts.append(keys.count)
        self.partitions = partitions
        self.groups = groups
        self.groupStarts = groupStarts
    }

    func partition(_ row: Int) -> Range<Int> {
        let index = Int(partitions[row])
        return partitionStarts[index]..<partitionStarts[index + 1]
    }

    func peers(_ row: Int) -> Range<Int> {
        let index = Int(groups[row])
        return groupStarts[index]..<groupStarts[index + 1]
    }
}

/// The frame of each row: where it begins and ends among the rows, and what is left out of it.
struct OverFrames {
    /// Half-open, inside the row's partition.
    var starts: [Int32]
    var ends: [Int32]
    let exclusion: OverCall.Frame.Exclusion
    /// All frames are their whole partitions.
    var areWhole = false
    /// All frames begin with their partitions.
    var beginAtStart = false

    /// The parts of a row's frame, in order.
    func forEachPart(_ row: Int, _ rows: OverRows, _ body: (Range<Int>) -> Void) {
        let start = Int(starts[row])
        let end = Int(ends[row])
        guard start < end else { return }
        func part(_ low: Int, _ high: Int) {
            let low = max(low, start)
            let high = min(high, end)
            if low < high { body(low..<high) }
        }
        switch exclusion {
        case .none: body(start..<end)
        case .currentRow:
            part(start, row)
            part(row + 1, end)
        case .group:
            part(start, rows.peers(row).lowerBound)
            part(rows.peers(row).upperBound, end)
        case .ties:
            part(start, rows.peers(row).lowerBound)
            part(row, row + 1)
            part(rows.peers(row).upperBound, end)
        }
    }
}
