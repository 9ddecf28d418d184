import Formats

/// Computes frames from a frame clause.
struct OverFrameBounds {
    private enum Bound {
        case unboundedPreceding
        /// Rows or groups before or behind the current one; negative: before.
        case distance(Int)
        case currentRow
        case unboundedFollowing
        /// RANGE with a distance: the bound's value is a column of the row.
        case value(Int)
    }

    private let frame: OverCall.Frame
    private let start: Bound
    private let end: Bound
    private let codec: SortKeyCodec?
    /// RANGE with a distance: the sort key in the type of the bounds.
    private let keyColumn: Int?

    /// `keep` makes a column of an expression over the input's rows; gives its index.
    init(
        _ frame: OverCall.Frame, _ order: [SortKey], _ settings: SessionSettings,
        keep: (Expression) -> Int
    ) throws(SQLError) {
        self.frame = frame
        var bounds: [Bound] = []
        var keyType: DataType?
        for (bound, isStart) in [(frame.start, true), (frame.end, false)] {
            switch bound {
            case .unboundedPreceding: bounds.append(.unboundedPreceding)
            case .currentRow: bounds.append(.currentRow)
            case .unboundedFollowing: bounds.append(.unboundedFollowing)
            case .preceding(let expression), .following(let expression):
                var isBefore = false
                if case .preceding = bound { isBefore = true }
                let distance = try Evaluator.value(expression, settings: settings)
                try OverFrameBounds.check(distance, isStart, frame.unit)
                if frame.unit == .range, let key = order.first {
                    var value = try OverFrameBounds.boundValue(
                        key, distance, expression.type, isBefore: isBefore != key.isDescending)
                    if distance.isInfiniteNumber {
                        value = try OverFrameBounds.numbered(
                            value, key, isLow: isStart != key.isDescending)
                    }
                    keyType = value.type
                    bounds.append(.value(keep(value)))
                } else if case .integer(let count) = distance {
                    let rows = Int(min(count, 1 << 40))
                    bounds.append(.distance(isBefore ? -rows : rows))
                } else {
                    bounds.append(.currentRow)
                }
            }
        }
        (start, end) = (bounds[0], bounds[1])
        guard let keyType, let key = order.first else {
            codec = nil
            keyColumn = nil
            return
        }
        let same = key.expression.type.layout == keyType.layout && key.expression.type != .date
        keyColumn = keep(
            same ? key.expression : .cast(key.expression, keyType, isTry: false))
        codec = SortKeyCodec([
            .init(type: keyType, isDescending: key.isDescending, nullsFirst: key.nullsFirst)
        ])
    }

    private static func boundValue(
        _ key: SortKey, _ distance: Value, _ type: DataType, isBefore: Bool
    ) throws(SQLError) -> Expression {
        let function = try FunctionRegistry.scalar(
            isBefore ? "-" : "+", [key.expression.type, type])
        func moved(_ distance: Value) -> Expression {
            .call(function, [key.expression, .literal(distance, type)], function.result)
        }
        guard case .integer(let number) = distance, type == .bigint else { return moved(distance) }
        // No key of 32 bits is farther from another; and beyond 64 bits there is none.
        guard key.expression.type == .bigint else { return moved(.integer(min(number, 1 << 40))) }
        let (last, most) =
            isBefore ? (Int64.min + max(number, 0), Int64.min) : (.max - max(number, 0), .max)
        let isBeyond = try FunctionRegistry.scalar(isBefore ? "<" : ">", [.bigint, .bigint])
        return .choice(
            [
                .init(
                    .call(isBeyond, [key.expression, .literal(.integer(last), .bigint)], .boolean),
                    .literal(.integer(most), .bigint))
            ], otherwise: moved(distance), .bigint)
    }

    /// Infinity less infinity is no number: the frame then holds all that are.
    private static func numbered(
        _ bound: Expression, _ key: SortKey, isLow: Bool
    ) throws(SQLError) -> Expression {
        let type = bound.type
        guard type == .double || type == .real || type.base == .anyNumeric else { return bound }
        let own = Expression.cast(key.expression, type, isTry: false)
        let nan = Expression.literal(
            type.layout == .double ? .double(.nan) : .numeric(.nan), type)
        let infinity = Expression.literal(
            try TypeText.parse(isLow ? "-Infinity" : "Infinity", as: type), type)
        let equals = try FunctionRegistry.scalar("=", [type, type])
        let isLost = Expression.and([
            .call(equals, [bound, nan], .boolean), .not(.call(equals, [own, nan], .boolean)),
        ])
        return .choice([.init(isLost, infinity)], otherwise: bound, type)
    }

    private static func check(
        _ distance: Value, _ isStart: Bool, _ unit: OverCall.Frame.Unit
    ) throws(SQLError) {
        let which = isStart ? "starting" : "ending"
        let isNegative: Bool
        switch distance {
        case .null:
            throw SQLError("frame \(which) offset must not be null", .nullValueNotAllowed)
        case .integer(let value): isNegative = value < 0
        case .double(let value): isNegative = value < 0 || value.isNaN
        case .numeric(let value): isNegative = value < Numeric(0)
        case .interval(let value): isNegative = value < Interval()
        default: isNegative = false
        }
        guard isNegative else { return }
        throw SQLError(
            unit == .range
                ? "invalid preceding or following size in window function"
                : "frame \(which) offset must not be negative", .invalidFrameOffset)
    }

    /// `column` gives a kept column of the rows.
    func frames(_ rows: OverRows, _ column: (Int) -> Column) -> OverFrames {
        var frames = OverFrames(
            starts: Array(repeating: 0, count: rows.count),
            ends: Array(repeating: 0, count: rows.count), exclusion: frame.exclusion)
        fill(&frames.starts, start, rows, isStart: true, column)
        fill(&frames.ends, end, rows, isStart: false, column)
        if case .unboundedPreceding = start, frame.exclusion == .none {
            frames.beginAtStart = true
            if case .unboundedFollowing = end { frames.areWhole = true }
        }
        return frames
    }

    private func fill(
        _ target: inout [Int32], _ bound: Bound, _ rows: OverRows, isStart: Bool,
        _ column: (Int) -> Column
    ) {
        switch bound {
        case .unboundedPreceding:
            for row in 0..<rows.count { target[row] = Int32(rows.partition(row).lowerBound) }
        case .unboundedFollowing:
            for row in 0..<rows.count { target[row] = Int32(rows.partition(row).upperBound) }
        case .currentRow where frame.unit == .rows:
            for row in 0..<rows.count { target[row] = Int32(isStart ? row : row + 1) }
        case .currentRow:
            for row in 0..<rows.count {
                let peers = rows.peers(row)
                target[row] = Int32(isStart ? peers.lowerBound : peers.upperBound)
            }
        case .distance(let distance) where frame.unit == .rows:
            for row in 0..<rows.count {
                let partition = rows.partition(row)
                let place = row + distance + (isStart ? 0 : 1)
                target[row] = Int32(
                    min(max(place, partition.lowerBound), partition.upperBound))
            }
        case .distance(let distance): fillGroups(&target, distance, rows, isStart)
        case .value(let index): fillValues(&target, column(index), rows, isStart, column)
        }
    }

    private func fillGroups(
        _ target: inout [Int32], _ distance: Int, _ rows: OverRows, _ isStart: Bool
    ) {
        for row in 0..<rows.count {
            let partition = rows.partition(row)
            let group = Int(rows.groups[row]) + distance + (isStart ? 0 : 1)
            let place =
                group < 0
                ? 0 : rows.groupStarts[min(group, rows.groupStarts.count - 1)]
            target[row] = Int32(min(max(place, partition.lowerBound), partition.upperBound))
        }
    }

    /// The first row of the partition whose key is not before the bound, or for ends is behind it.
    private func fillValues(
        _ target: inout [Int32], _ bounds: Column, _ rows: OverRows, _ isStart: Bool,
        _ column: (Int) -> Column
    ) {
        guard let codec, let keyColumn else { return }
        let sizes = PlainVector<Int>()
        let keys = KeyBytes()
        let limits = KeyBytes()
        codec.encode([column(keyColumn)], count: rows.count, into: keys, sizes: sizes)
        codec.encode([bounds], count: rows.count, into: limits, sizes: sizes)
        for row in 0..<rows.count {
            let limit = unsafe limits.bytes(row)
            var low = rows.partition(row).lowerBound
            var high = rows.partition(row).upperBound
            while low < high {
                let middle = (low + high) / 2
                let order = unsafe compareBytes(keys.bytes(middle), limit)
                if isStart ? order < 0 : order <= 0 { low = middle + 1 } else { high = middle }
            }
            target[row] = Int32(low)
        }
    }
}

extension Value {
    fileprivate var isInfiniteNumber: Bool {
        switch self {
        case .double(let value): value.isInfinite
        case .numeric(let value): !value.isFinite && !value.isNaN
        default: false
        }
    }
}
