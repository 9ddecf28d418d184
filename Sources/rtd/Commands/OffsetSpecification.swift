import ArgumentParsing

/// Where reading of each partition begins and ends, as `-o` says it in kcat's and rpk's grammar.
/// Both bounds are nil where nothing was said. The end is exclusive.
struct OffsetSpecification: Equatable, Sendable {
    enum Bound: Equatable, Sendable {
        /// The log start offset.
        case beginning
        /// The high watermark when reading begins.
        case end
        /// The committed offset of the group.
        case stored
        case offset(Int64)
        /// So many records before the end.
        case beforeEnd(Int64)
        /// So many records after the log start offset.
        case afterBeginning(Int64)
        /// The first record at or after this time.
        case time(TimePoint)
    }

    var start: Bound?
    var end: Bound?

    init(start: Bound? = nil, end: Bound? = nil) {
        self.start = start
        self.end = end
    }

    /// `beginning end stored N -N +N a:b :end @t @t1:t2 s@ms e@ms`.
    init(_ text: String) throws(UsageError) {
        if text.hasPrefix("s@"), let time = TimePoint(text.dropFirst(2)) {
            start = .time(time)
        } else if text.hasPrefix("e@"), let time = TimePoint(text.dropFirst(2)) {
            end = .time(time)
        } else if text.hasPrefix("@") {
            guard let range = Self.timeRange(text.dropFirst()) else { throw Self.refused(text) }
            self = range
        } else {
            guard let range = Self.offsetRange(text) else { throw Self.refused(text) }
            self = range
        }
    }

    /// kcat gives the two ends of a time span as two options; anything else said twice is refused.
    func merging(_ other: OffsetSpecification) throws(UsageError) -> OffsetSpecification {
        guard start == nil || other.start == nil, end == nil || other.end == nil else {
            throw UsageError("-o given twice; a range is START:END")
        }
        return OffsetSpecification(start: start ?? other.start, end: end ?? other.end)
    }

    private static func offsetRange(_ text: String) -> OffsetSpecification? {
        guard let colon = text.firstIndex(of: ":") else {
            return bound(text[...]).map { OffsetSpecification(start: $0) }
        }
        let first = text[..<colon]
        let second = text[text.index(after: colon)...]
        guard !(first.isEmpty && second.isEmpty) else { return nil }
        var range = OffsetSpecification()
        if !first.isEmpty {
            guard let start = bound(first) else { return nil }
            range.start = start
        }
        if !second.isEmpty {
            guard let end = bound(second), end != .stored else { return nil }
            range.end = end
        }
        if case .offset(let from) = range.start, case .offset(let to) = range.end, from > to {
            return nil
        }
        return range
    }

    private static func bound(_ text: Substring) -> Bound? {
        switch text {
        case "beginning", "start", "earliest": return .beginning
        case "end", "latest": return .end
        case "stored": return .stored
        default: break
        }
        guard let number = Int64(text) else { return nil }
        switch text.first {
        case "-": return .beforeEnd(-number)
        case "+": return .afterBeginning(number)
        default: return .offset(number)
        }
    }

    /// `t`, `t:`, `:t`, `t1:t2` and `t:end`. Times hold colons themselves, so the cut is the first
    /// one that leaves a time on both sides.
    private static func timeRange(_ text: Substring) -> OffsetSpecification? {
        if let time = TimePoint(text) { return OffsetSpecification(start: .time(time)) }
        for colon in text.indices where text[colon] == ":" {
            let first = text[..<colon]
            let second = text[text.index(after: colon)...]
            let start = TimePoint(first)
            guard start != nil || (first.isEmpty && !second.isEmpty) else { continue }
            let end: Bound?
            if second.isEmpty {
                end = nil
            } else if second == "end" {
                end = .end
            } else if let time = TimePoint(second, after: start) {
                end = .time(time)
            } else {
                continue
            }
            return OffsetSpecification(start: start.map { .time($0) }, end: end)
        }
        return nil
    }

    private static func refused(_ text: String) -> UsageError {
        UsageError(
            "wants beginning, end, stored, N, -N, +N, A:B, @TIME or @TIME:TIME, not \"\(text)\"")
    }
}

extension ValueParser where Value == OffsetSpecification {
    static let offset = ValueParser(
        "OFFSET", completion: .choices(["beginning", "end", "stored"])
    ) { text throws(UsageError) in try OffsetSpecification(text) }
}
