import Aggregation
import Formats

// --memory.
extension QueryRun {
    /// Rows that sources keep to take them back, and the output until the end.
    private var heldRows: (bytes: Int, detail: String) {
        let kept = readings.reduce(0) { $0 + $1.input.source.memory }
        let output = sink.output.memory
        let detail =
            kept >= output
            ? "Most is in the rows of its inputs, which changes may take back: about \(kept) "
                + "bytes."
            : "Most is in the rows of the result, which changes may take back: about \(output) "
                + "bytes."
        return (kept + output, detail)
    }

    /// Between the steps of a query that has several.
    func checkMemory() throws(SQLError) {
        guard memoryMax < Int.max else { return }
        let held = heldRows
        let total = operators.reduce(held.bytes) { $0 + $1.memory }
        guard total > memoryMax else { return }
        guard let largest = operators.max(by: { $0.memory < $1.memory }),
            largest.memory > held.bytes
        else {
            throw exceeded(
                total, detail: held.detail,
                hint: "Fewer columns or a condition on the key take less; "
                    + "--memory SIZE allows more.")
        }
        let groups = (largest as? any WindowedOperator)?.openGroups
        let rows = groups.map { "\($0) groups" } ?? "\(largest.rowsIn) rows"
        throw exceeded(
            total, detail: "Most is in \(largest.name): \(largest.memory) bytes for \(rows).",
            hint: "A window or a time bound frees what is kept, --state-ttl what is idle; "
                + "--memory SIZE allows more.")
    }

    /// In a query of one step, whose operators spill or are looked at by their `MemoryGuard`.
    func checkHeldRows() throws(SQLError) {
        guard memoryMax < Int.max else { return }
        let held = heldRows
        guard held.bytes > memoryMax else { return }
        throw exceeded(
            held.bytes, detail: held.detail,
            hint: "Fewer columns or a condition on the key take less; --memory SIZE allows more.")
    }

    private func exceeded(_ total: Int, detail: String, hint: String) -> SQLError {
        SQLError(
            "the query holds \(total) bytes, and may hold \(memoryMax)", .outOfMemory,
            hint: hint, detail: detail)
    }
}
