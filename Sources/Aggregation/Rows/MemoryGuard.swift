import Formats

/// Looks at the memory of all operators of a query that runs in a single step, where what can spill
/// has spilled already: what still grows makes the query fail. Asked whenever rows are handed on.
final class MemoryGuard {
    private let operators: [Operator]
    private let memoryMax: Int
    /// Above it only what cannot spill grows: operators look at their memory once a batch.
    private let limit: Int
    private var handedOn = 0

    init(_ operators: [Operator], memoryMax: Int) {
        self.operators = operators
        self.memoryMax = memoryMax
        limit = memoryMax + memoryMax / 4 + Limits.unguardedBytes
    }

    func look() throws(SQLError) {
        handedOn &+= 1
        if handedOn & 31 == 0 { try lookNow() }
    }

    /// Also asked before more is made of one row than a batch holds.
    func lookNow() throws(SQLError) {
        let total = operators.reduce(0) { $0 + $1.memory }
        guard total > limit, let largest = operators.max(by: { $0.memory < $1.memory }) else {
            return
        }
        throw MemoryGuard.exceeded(
            total, memoryMax,
            detail: "Most is in \(largest.name), which cannot put it on disk: "
                + "\(largest.memory) bytes for \(largest.rowsIn) rows.")
    }

    static func exceeded(_ total: Int, _ memoryMax: Int, detail: String) -> SQLError {
        SQLError(
            "the query holds \(total) bytes, and may hold \(memoryMax)", .outOfMemory,
            hint: "--memory SIZE allows more; fewer or narrower rows, or PARTITION BY, take less.",
            detail: detail)
    }
}
