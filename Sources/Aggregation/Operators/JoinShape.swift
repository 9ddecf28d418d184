import Formats

/// What a join does, prepared from its plan: keys, types, conditions; shared by the join's parts.
struct JoinShape {
    let kind: JoinPlan.Kind
    let isLookup: Bool
    /// Of left and right.
    let isEndless: [Bool]
    /// The result only grows: pairs leave at once, all else once it is final.
    let isAppendOnly: Bool
    /// Of left and right.
    let types: [[DataType]]
    let keys: [RowExpressions]
    let keyTypes: [DataType]
    let nullsMatch: [Bool]
    let truth: JoinTruth?
    /// Nothing but equality of the plan's keys, where nulls match nothing.
    let hasPlainKeys: Bool
    /// When a kept row of left and right is freed.
    let bounds: [RowExpression?]
    /// The times in the rows of each side that its watermark speaks of.
    let times: [[RowExpression]]
    /// Whether the watermark of the result speaks of times of the side: then what leaves says which
    /// of its rows came late.
    let isTimed: [Bool]

    static let manyRows = SQLError(
        "more than one row returned by a subquery used as an expression", .cardinalityViolation)

    /// True if rows of the side may stand in the result without a pair.
    func preserves(_ side: Int) -> Bool {
        switch kind {
        case .inner, .asof: false
        case .left, .semi, .anti, .mark, .single, .asofLeft: side == 0
        case .right: side == 1
        case .full: true
        }
    }

    var countsMatches: Bool { preserves(0) || preserves(1) }

    var emitsPairs: Bool {
        switch kind {
        case .semi, .anti, .mark: false
        default: true
        }
    }

    /// What stands beside the pairs for a row with so many matches.
    func mark(known: Int64, unknown: Int64, _ side: Int) -> MatchCounts.Mark {
        switch kind {
        case .inner, .asof: .nothing
        case .left, .right, .full, .single, .asofLeft, .anti: known > 0 ? .nothing : .row
        case .semi: known > 0 ? .row : .nothing
        case .mark: known > 0 ? .isTrue : unknown > 0 ? .isUnknown : .isFalse
        }
    }

    var outputTypes: [DataType] {
        switch kind {
        case .semi, .anti: types[0]
        case .mark: types[0] + [.boolean]
        default: types[0] + types[1]
        }
    }

    /// The output's columns for rows of one side alone.
    func alone(
        _ columns: [Column], _ count: Int, _ side: Int, _ mark: MatchCounts.Mark
    ) -> [Column] {
        switch kind {
        case .semi, .anti: return columns
        case .mark:
            let value: Value =
                mark == .isTrue ? .boolean(true) : mark == .isFalse ? .boolean(false) : .null
            return columns + [.constant(value, .boolean, count: count)]
        default:
            let nulls = types[1 - side].map { Column.constant(.null, $0, count: count) }
            return side == 0 ? columns + nulls : nulls + columns
        }
    }
}

/// What must hold for a pair beside the equality of keys: a condition, and for mark joins keys
/// whose nulls make the answer unknown.
struct JoinTruth {
    let condition: Predicate?
    /// The condition's value, where three-valued.
    let value: RowExpression?
    /// Pairs of columns over the joined row.
    let equalities: [(left: RowExpression, right: RowExpression, SortKeyCodec)]

    /// The pairs for which it is true; those for which it is unknown go to `unknown` where that is
    /// asked for.
    func places(_ joined: Batch, unknown: PlainVector<Int32>) throws(SQLError) -> [Int32] {
        if let condition {
            return try condition.select(joined) ?? (0..<Int32(joined.count)).map { $0 }
        }
        // 0 false, 1 unknown, 2 true: AND is the minimum.
        var truths = Array(repeating: UInt8(2), count: joined.count)
        if let value {
            let column = try value.column(joined)
            for row in 0..<joined.count {
                let isTrue = unsafe column.booleans[row & column.indexMask] != 0
                truths[row] = column.isNull(row) ? 1 : isTrue ? 2 : 0
            }
        }
        let a = KeyBytes()
        let b = KeyBytes()
        let sizes = PlainVector<Int>()
        for (left, right, codec) in equalities {
            let x = try left.column(joined)
            let y = try right.column(joined)
            codec.encode([x], count: joined.count, into: a, sizes: sizes)
            codec.encode([y], count: joined.count, into: b, sizes: sizes)
            for row in 0..<joined.count {
                let isUnknown = x.isNull(row) || y.isNull(row)
                let truth: UInt8 =
                    unsafe isUnknown ? 1 : equalBytes(a.bytes(row), b.bytes(row)) ? 2 : 0
                truths[row] = min(truths[row], truth)
            }
        }
        var places: [Int32] = []
        for row in 0..<joined.count {
            if truths[row] == 2 { places.append(Int32(row)) }
            if truths[row] == 1 { unknown.append(Int32(row)) }
        }
        return places
    }
}
