/// How many connections a server takes (`max.connections`), and of one address
/// (`max.connections.per.ip`, `max.connections.per.ip.overrides`).
public struct ConnectionLimits: Sendable {
    public let total: Int
    private let perAddress: Int
    private let overrides: [String: Int]

    public init(_ broker: BrokerSettings) {
        total = Int(clamping: broker.number("max.connections"))
        perAddress = Int(clamping: broker.number("max.connections.per.ip"))
        overrides = Self.overrides(broker.text("max.connections.per.ip.overrides")) ?? [:]
    }

    public func limit(of address: String) -> Int { overrides[address] ?? perAddress }

    /// Reads `192.0.2.1:10,::1:20`; nil for what cannot be read.
    static func overrides(_ text: String) -> [String: Int]? {
        var result: [String: Int] = [:]
        for element in ConfigType.elements(of: text) {
            guard let colon = element.lastIndex(of: ":"), colon != element.startIndex,
                let count = Int(element[element.index(after: colon)...]), count >= 0
            else { return nil }
            result[String(element[..<colon])] = count
        }
        return result
    }
}
