import Formats

/// The memory of rows that a source keeps in dictionaries, guessed from some of them, so that no
/// row costs anything. Looked at between steps.
struct KeptRowsMemory {
    /// Of a row with its key.
    private var rowBytes = 0
    /// So many rows there were when it was guessed.
    private var guessedAt = 0

    /// Looked at for a guess.
    private static let sampled = 64
    /// What an allocation takes beside its content.
    private static let headBytes = 32

    mutating func bytes(_ byKey: [Value: [Value]], _ counts: [[Value]: Int]) -> Int {
        let count = byKey.count + counts.count
        if abs(count - guessedAt) > guessedAt / 4 {
            guessedAt = count
            let keyed = byKey.prefix(Self.sampled).map { Self.bytes($0.key) + Self.bytes($0.value) }
            let others = counts.keys.prefix(Self.sampled).map { Self.bytes($0) }
            let all = keyed + others
            rowBytes = all.reduce(0, +) / max(1, all.count)
        }
        return count * rowBytes
    }

    /// With its place in a dictionary.
    private static func bytes(_ row: [Value]) -> Int {
        row.reduce(headBytes + 24) { $0 + 8 + bytes($1) }
    }

    private static func bytes(_ value: Value) -> Int {
        switch value {
        case .null: 0
        case .text(let text): headBytes + 16 + (text.utf8.count > 15 ? text.utf8.count + 32 : 0)
        case .bytes(let bytes): headBytes * 2 + bytes.count
        case .array(let values), .record(let values): headBytes + bytes(values)
        default: headBytes + 16
        }
    }
}
