import ArgumentParsing
import Formats

/// A time as typed: absolute, or before the moment the command starts (the clock is read later).
enum TimePoint: Equatable, Sendable {
    /// Milliseconds since 1970, Kafka's timestamps.
    case epoch(milliseconds: Int64)
    case beforeNow(Duration)

    /// Milliseconds since 1970 when it is now `now`.
    func milliseconds(now: Int64) -> Int64 {
        switch self {
        case .epoch(let milliseconds): milliseconds
        case .beforeNow(let duration): now &- duration.wholeMilliseconds
        }
    }

    /// Reads seconds (up to 10 digits), milliseconds (11 to 13) or nanoseconds (19) since 1970, a
    /// date, an ISO 8601 time (UTC unless it names its offset), or `-48h` for a time before now. A
    /// duration without a sign counts from `start`, as in `@2025-06-01:1h`.
    init?(_ text: Substring, after start: TimePoint? = nil) {
        if text.first == "-", let duration = try? Duration(spelled: String(text.dropFirst())) {
            self = .beforeNow(duration)
        } else if let milliseconds = Self.epochMilliseconds(text) ?? Self.isoMilliseconds(text) {
            self = .epoch(milliseconds: milliseconds)
        } else if let start, let duration = try? Duration(spelled: String(text)) {
            self = start.advanced(by: duration)
        } else {
            return nil
        }
    }

    private func advanced(by duration: Duration) -> TimePoint {
        switch self {
        case .epoch(let milliseconds):
            .epoch(milliseconds: milliseconds &+ duration.wholeMilliseconds)
        case .beforeNow(let before): .beforeNow(before - duration)
        }
    }

    private static func epochMilliseconds(_ text: Substring) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text) else {
            return nil
        }
        switch text.utf8.count {
        case ...10: return number * 1000
        case 11...13: return number
        case 19: return number / 1_000_000
        default: return nil
        }
    }

    private static func isoMilliseconds(_ text: Substring) -> Int64? {
        try? ISO8601.parse(String(text)).milliseconds
    }
}

extension Duration {
    /// Rounded towards zero.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1000 &+ attoseconds / 1_000_000_000_000_000
    }
}
