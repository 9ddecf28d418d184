/// The name that a person most likely meant, or nil when none is close: within a third of its
/// length by Damerau-Levenshtein distance, else the only one that begins with what was typed.
public func nearestName(to typed: String, among names: some Sequence<String>) -> String? {
    let wanted = Array(typed.utf8)
    guard !wanted.isEmpty, wanted.count <= Limits.nearestNameBytesMax else { return nil }
    var best: (name: String, distance: Int)?
    var prefixed: [String] = []
    for name in names {
        let candidate = Array(name.utf8)
        guard candidate.count <= Limits.nearestNameBytesMax else { continue }
        if wanted.count > 1, candidate.starts(with: wanted) { prefixed.append(name) }
        let distance = editDistance(wanted, candidate)
        let allowed = max(1, max(wanted.count, candidate.count) / 3)
        // One edit of a one-letter name is any other name.
        guard distance <= allowed, distance < max(wanted.count, candidate.count) else { continue }
        if distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name ?? (prefixed.count == 1 ? prefixed[0] : nil)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1] + [Int](repeating: 0, count: b.count)
        for j in b.indices {
            let substituted = last[j] + (a[i] == b[j] ? 0 : 1)
            row[j + 1] = min(substituted, last[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
            }
        }
        beforeLast = last
        last = row
    }
    return last[b.count]
}
