import Formats

/// Columns of inputs without rows. Nothing tells their types, so those are taken that the statement
/// can be bound with. Owned by the catalog, for one statement.
struct EmptyColumns {
    private static let tried: [DataType] = [
        .json, .bigint, .text, .timestamp, .boolean, .array(.bigint),
    ]
    /// Columns that are tried by themselves; the others follow them.
    private static let independentMax = 3

    private var names: [String] = []
    private var attempt = 0

    var isFirstTry: Bool { attempt == 0 }

    mutating func add(_ columns: [String]) {
        for name in columns where !names.contains(name) { names.append(name) }
    }

    /// At first what the input's format says.
    var types: [String: DataType] {
        guard attempt > 0 else { return [:] }
        var digits: [Int] = []
        var rest = attempt
        for _ in 0..<EmptyColumns.independentMax {
            digits.append(rest % EmptyColumns.tried.count)
            rest /= EmptyColumns.tried.count
        }
        var types: [String: DataType] = [:]
        let free = max(1, min(names.count, EmptyColumns.independentMax))
        for (index, name) in names.enumerated() {
            types[name] = EmptyColumns.tried[digits[index % free]]
        }
        return types
    }

    /// False if all were tried.
    mutating func advance() -> Bool {
        guard !names.isEmpty else { return false }
        attempt += 1
        var count = 1
        for _ in 0..<min(names.count, EmptyColumns.independentMax) {
            count *= EmptyColumns.tried.count
        }
        return attempt < count
    }
}
