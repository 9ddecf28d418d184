import Formats

/// Writes web events as lines of JSON, 271 bytes and ten members each, as `rtd bench query` reads
/// them: the same for the same seed and number. Used by one thread.
struct WebEventGenerator {
    /// Events a second of event time.
    static let rate = 10_000
    static let users = 500_000
    static let paths = 200_000
    /// 2026-01-01 00:00 UTC.
    private static let baseMilliseconds: Int64 = 1_767_225_600_000

    let seed: UInt64
    private var times = EventTimeWriter(separator: UInt8(ascii: "T"), suffix: "Z")

    init(seed: UInt64) { self.seed = seed }

    /// Appends the line of an event; its time is that of its number unless one is given.
    mutating func append(
        _ event: Int, milliseconds: Int64? = nil, to target: inout OutputBuffer
    ) {
        var random = EventRandom(seed: seed, event: event)
        let ownTime = Self.baseMilliseconds + Int64(event) * 1_000 / Int64(Self.rate)
        target.append("{\"ts\":\"")
        times.append(milliseconds ?? ownTime, to: &target)
        target.append("\",\"user_id\":")
        target.append(decimal: Int64(1_000_000 + random.below(Self.users)))
        target.append(",\"session\":\"")
        random.appendLetters(16, to: &target)
        target.append("\",\"method\":\"")
        target.append(Self.methods[random.below(Self.methods.count)])
        target.append("\",\"url\":\"/")
        path(&random, &target)
        target.append("\",\"status\":")
        target.append(Self.statuses[random.below(Self.statuses.count)])
        target.append(",\"latency\":")
        latency(&random, &target)
        target.append(",\"bytes\":")
        target.append(decimal: Int64(200 + random.below(90_000)))
        target.append(",\"geo\":{\"country\":\"")
        target.append(Self.countries[random.below(Self.countries.count)])
        target.append("\",\"city\":\"")
        target.append(Self.cities[random.below(Self.cities.count)])
        target.append("\"},\"agent\":\"")
        random.appendLetters(61, to: &target)
        target.append("\"}\n")
    }

    /// Milliseconds with three digits behind the point: small mostly, with a long tail.
    private func latency(_ random: inout EventRandom, _ target: inout OutputBuffer) {
        let part = random.fraction()
        let microseconds = Int64(800 + 4_000 * part + 90_000 * part * part * part * part)
        target.append(decimal: microseconds / 1_000)
        target.append(UInt8(ascii: "."))
        target.append(decimal: microseconds % 1_000, width: 3)
    }

    /// A few of them are asked for often.
    private func path(_ random: inout EventRandom, _ target: inout OutputBuffer) {
        let part = random.fraction()
        let number = Int64(Double(Self.paths) * part * part * part)
        target.append(Self.sections[Int(number % Int64(Self.sections.count))])
        target.append(UInt8(ascii: "/"))
        target.append(decimal: number, width: 6)
    }

    private static let methods = texts(["GET", "GET", "GET", "GET", "GET", "POST", "PUT", "HEAD"])
    private static let statuses = texts(
        [String](repeating: "200", count: 20) + ["201", "204", "301", "304", "400", "403", "404"]
            + ["404", "429", "500", "502", "503"])
    private static let countries = texts([
        "DE", "US", "FR", "GB", "IN", "BR", "JP", "CN", "IT", "ES", "PL", "NL", "SE", "CA", "AU",
    ])
    private static let cities = texts([
        "Berlin", "Boston", "Paris", "London", "Mumbai", "Recife", "Osaka", "Suzhou", "Milano",
        "Madrid", "Krakow", "Utrecht", "Lund", "Regina", "Perth",
    ])
    private static let sections = texts(["shop", "news", "help", "docs", "blog"])

    private static func texts(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
}
