/// What a name means among several: QUERY.md §3. A quoted name matches exactly; another one
/// exactly, else the only one that differs in nothing but case.
enum NameMatch: Equatable {
    case none
    case one(Int)
    case ambiguous

    init(_ name: Name, in candidates: some Sequence<String>) {
        var exact: [Int] = []
        var similar: [Int] = []
        let folded = name.text.lowercased()
        for (index, candidate) in candidates.enumerated() {
            if candidate == name.text {
                exact.append(index)
            } else if !name.isQuoted, candidate.lowercased() == folded {
                similar.append(index)
            }
        }
        let found = exact.isEmpty ? similar : exact
        self = found.isEmpty ? .none : found.count == 1 ? .one(found[0]) : .ambiguous
    }
}

extension Name {
    /// Whether this name alone, without rivals, means `other`.
    public func means(_ other: String) -> Bool { NameMatch(self, in: [other]) != .none }
}

extension [Name] {
    public var dotted: String { map(\.text).joined(separator: ".") }

    var place: Range<Int>? {
        guard let first, let last else { return nil }
        return first.place.lowerBound..<Swift.max(last.place.upperBound, first.place.upperBound)
    }
}
