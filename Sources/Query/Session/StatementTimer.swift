import Platform

/// Ends a statement that runs for longer than statement_timeout: a thread of its own raises the
/// stop flag, which all that a statement does looks at. The session makes one for a statement.
final class StatementTimer: Sendable {
    private let state = State()

    /// Waits are this long at most, so that the clock is looked at.
    private static let waitMax: Int64 = 3_600_000_000_000

    private final class State: @unchecked Sendable {
        let lock = Lock()
        let condition = Condition()
        var hasEnded = false
    }

    init(milliseconds: Int64, _ stop: StopFlag) {
        let clock = SystemClock()
        let (span, isLong) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (end, isFar) = clock.monotonicNanoseconds.addingReportingOverflow(span)
        guard !isLong, !isFar else { return }
        let state = state
        Thread.start {
            state.lock.withLock {
                while !state.hasEnded {
                    let left = end - clock.monotonicNanoseconds
                    guard left > 0 else { return stop.expire() }
                    _ = state.lock.wait(
                        state.condition, nanoseconds: min(left, StatementTimer.waitMax))
                }
            }
        }
    }

    /// The statement has ended: nothing is raised from here on.
    func end() {
        state.lock.withLock {
            state.hasEnded = true
            state.condition.signal()
        }
    }

    private static let units: [(name: String, milliseconds: Double)] = [
        ("us", 0.001), ("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000),
        ("d", 86_400_000),
    ]

    /// As PostgreSQL reads it: a number, of milliseconds where no unit follows. nil: it is none.
    static func milliseconds(_ text: String) -> Int64? {
        let plain = text.filter { $0 != " " }
        let number = plain.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-") }
        let unit = plain.dropFirst(number.count)
        guard let value = Double(number),
            let scale = unit.isEmpty ? 1 : units.first(where: { $0.name == unit })?.milliseconds
        else { return nil }
        let result = (value * scale).rounded()
        return result >= 0 && result <= Double(Int32.max) ? Int64(result) : nil
    }

    /// In the largest unit that divides it, as PostgreSQL shows it.
    static func text(_ milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0" }
        let unit = units.last { $0.milliseconds >= 1 && milliseconds % Int64($0.milliseconds) == 0 }
        guard let unit else { return "\(milliseconds)ms" }
        return "\(milliseconds / Int64(unit.milliseconds))\(unit.name)"
    }
}
