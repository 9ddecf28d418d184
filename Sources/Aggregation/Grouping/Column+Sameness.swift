import Formats

extension Column {
    /// True if row `row` of both columns, which are of one type, would be written alike.
    func isSame(_ other: Column, _ row: Int) -> Bool {
        let isNull = isNull(row)
        guard isNull == other.isNull(row) else { return false }
        if isNull { return true }
        let (a, b) = (row & indexMask, row & other.indexMask)
        switch (storage, other.storage) {
        case (.integer(let x), .integer(let y)): return x[a] == y[b]
        case (.boolean(let x), .boolean(let y)): return x[a] == y[b]
        case (.double(let x), .double(let y)): return x[a].bitPattern == y[b].bitPattern
        case (.string(let x, _), .string(let y, _)): return x[a] == y[b]
        case (.interval(let x), .interval(let y)):
            return x[a].months == y[b].months && x[a].days == y[b].days
                && x[a].microseconds == y[b].microseconds
        case (.numeric(let x), .numeric(let y)):
            if case .finite(let p, let s) = x[a], case .finite(let q, let t) = y[b] {
                return p == q && s == t
            }
            return x[a] == y[b]
        default: return value(row).order(other.value(row)) == 0
        }
    }
}
