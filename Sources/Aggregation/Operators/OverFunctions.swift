import Formats

/// The window functions that are no aggregates, over rows in order.
enum OverFunctions {
    static func ranks(_ function: OverCall.Function, _ rows: OverRows) -> Column {
        let target = Buffer<Int64>(capacity: rows.count)
        for row in 0..<rows.count {
            let slice = rows.slices[Int(rows.partitions[row])]
            let start = rows.partition(row).lowerBound - slice.first
            switch function {
            case .rank: target[row] = Int64(rows.peers(row).lowerBound - start + 1)
            case .denseRank:
                target[row] =
                    row < slice.resume
                    ? 0
                    : Int64(rows.groups[row] - rows.groups[slice.resume] + 1) + slice.groups
            default: target[row] = Int64(row - start + 1)
            }
        }
        return Column(.bigint, count: rows.count, .integer(target))
    }

    static func shares(_ function: OverCall.Function, _ rows: OverRows) -> Column {
        let target = Buffer<Double>(capacity: rows.count)
        for row in 0..<rows.count {
            let partition = rows.partition(row)
            let peers = rows.peers(row)
            if case .percentRank = function {
                let rank = Double(peers.lowerBound - partition.lowerBound)
                target[row] = partition.count > 1 ? rank / Double(partition.count - 1) : 0
            } else {
                target[row] =
                    Double(peers.upperBound - partition.lowerBound) / Double(partition.count)
            }
        }
        return Column(.double, count: rows.count, .double(target))
    }

    /// The first buckets have one row more where the rows do not divide evenly.
    static func ntile(
        _ rows: OverRows, _ buckets: Column, _ type: DataType
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: rows.count)
        for row in 0..<rows.count {
            let partition = rows.partition(row)
            // Asked once a partition, in its first row, as PostgreSQL does.
            guard case .integer(let count) = buckets.value(partition.lowerBound) else {
                builder.appendNull()
                continue
            }
            guard count > 0 else {
                throw SQLError(
                    "argument of ntile must be greater than zero", .invalidArgumentForNtile)
            }
            let total = Int64(partition.count)
            let place = Int64(row - partition.lowerBound)
            let size = total / count
            let larger = total % count
            let border = larger * (size + 1)
            builder.append(
                integer: place < border
                    ? place / (size + 1) + 1 : larger + (place - border) / max(size, 1) + 1)
        }
        return builder.finish()
    }

    /// lag and lead: the value so many rows before (`sign` -1) or behind.
    static func shifted(
        _ rows: OverRows, _ arguments: [Column], sign: Int64, _ places: ValuePlaces?
    ) -> Column {
        let values = arguments[0]
        let offsets = arguments.count > 1 ? arguments[1] : nil
        let fallback = arguments.count > 2 ? arguments[2] : nil
        var sources = Array(repeating: Int32(-1), count: rows.count)
        var isOutside = Array(repeating: false, count: fallback == nil ? 0 : rows.count)
        for row in 0..<rows.count {
            var distance: Int64 = 1
            if let offsets {
                guard case .integer(let given) = offsets.value(row) else { continue }
                distance = given
            }
            let step = distance.multipliedReportingOverflow(by: sign).partialValue
            let (place, overflow) = Int64(row).addingReportingOverflow(step)
            let found = places.map { $0.place(step, from: row) } ?? Int(exactly: place)
            if !overflow, let found, rows.partition(row).contains(found) {
                sources[row] = Int32(found)
            } else if fallback != nil {
                isOutside[row] = true
            }
        }
        guard let fallback else { return values.gather(sources, hasMissing: true) }
        let builder = ColumnBuilder(values.type, capacity: rows.count)
        for row in 0..<rows.count {
            if sources[row] >= 0 {
                builder.append(from: values, Int(sources[row]))
            } else if isOutside[row] {
                builder.append(from: fallback, row)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    /// first_value, last_value and nth_value: a value of the frame.
    static func framed(
        _ function: OverCall.Function, _ rows: OverRows, _ frames: OverFrames,
        _ arguments: [Column], _ places: ValuePlaces?
    ) throws(SQLError) -> Column {
        var sources = Array(repeating: Int32(-1), count: rows.count)
        for row in 0..<rows.count {
            var wanted: Int64 = 1
            if case .nthValue = function {
                guard case .integer(let given) = arguments[1].value(row) else { continue }
                guard given > 0 else {
                    throw SQLError(
                        "argument of nth_value must be greater than zero",
                        .invalidArgumentForNthValue)
                }
                wanted = given
            }
            var isLast = false
            if case .lastValue = function { isLast = true }
            frames.forEachPart(row, rows) { part in
                // Rows of the part that count: by their numbers, or among those with a value.
                let counted = places?.range(part) ?? part
                func place(_ index: Int) -> Int32 { places?.rows[index] ?? Int32(index) }
                if isLast {
                    if !counted.isEmpty { sources[row] = place(counted.upperBound - 1) }
                } else if sources[row] < 0 {
                    if wanted <= Int64(counted.count) {
                        sources[row] = place(counted.lowerBound + Int(wanted) - 1)
                    }
                    wanted -= Int64(counted.count)
                }
            }
        }
        return arguments[0].gather(sources, hasMissing: true)
    }
}

/// The rows whose value is not null, in order: what IGNORE NULLS counts.
struct ValuePlaces {
    let rows: [Int32]

    init(_ column: Column, count: Int) {
        rows = (0..<count).filter { !column.isNull($0) }.map { Int32($0) }
    }

    /// Which of `rows` lie in a part of the partition.
    func range(_ part: Range<Int>) -> Range<Int> {
        let low = first(notBefore: part.lowerBound)
        return low..<max(low, first(notBefore: part.upperBound))
    }

    /// The row that is `step` values away; nil: there is none.
    func place(_ step: Int64, from row: Int) -> Int? {
        guard step != 0 else { return row }
        let index =
            step > 0
            ? Int64(first(notBefore: row + 1)) + step - 1 : Int64(first(notBefore: row)) + step
        guard let index = Int(exactly: index), rows.indices.contains(index) else { return nil }
        return Int(rows[index])
    }

    private func first(notBefore row: Int) -> Int {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if Int(rows[middle]) < row { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
