import Formats
import Synchronization

/// The numbers of one call of random() in a statement: the seed of the session, and a counter that
/// workers share, mixed (SplitMix64).
final class RandomSource: Sendable {
    private let counter = Atomic<UInt64>(0)
    /// Tells the calls of a process apart.
    private let stream: UInt64

    private static let streams = Atomic<UInt64>(0)

    init() { stream = RandomSource.streams.add(1, ordering: .relaxed).newValue }

    func next(seed: UInt64) -> UInt64 {
        let step = counter.add(1, ordering: .relaxed).newValue
        return mixed(seed ^ mixed(stream) &+ step &* 0x9E37_79B9_7F4A_7C15)
    }

    private func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ z &>> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z &>> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z &>> 31
    }

    static func overload() -> Overload {
        Overload("random", []) { _ throws(SQLError) in
            let source = RandomSource()
            return ScalarFunction("random", [], .double, volatility: .volatile) {
                _, context throws(SQLError) in
                let target = Buffer<Double>(capacity: context.count)
                let services = context.session.services
                for row in 0..<context.count {
                    if let seeded = services?.random() {
                        unsafe target.base[row] = seeded
                        continue
                    }
                    let bits = source.next(seed: context.session.randomSeed)
                    unsafe target.base[row] = Double(bits &>> 11) * 0x1p-53
                }
                return Column(.double, count: context.count, .double(target))
            }
        }
    }
}
