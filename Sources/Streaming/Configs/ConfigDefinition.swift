/// What a config's text must be; the wire numbers are DescribeConfigs'.
public enum ConfigType: Sendable, Equatable {
    case boolean
    case int(ClosedRange<Int64>)
    case long(ClosedRange<Int64>)
    case double(ClosedRange<Double>)
    case choice([String])
    /// Comma-separated, each one of the choices; any text if there are none.
    case list([String])
    case text
    /// `max.connections.per.ip.overrides`
    case limits
    /// `share.auto.offset.reset`
    case startOfShare

    public var wireNumber: Int8 {
        switch self {
        case .boolean: 1
        case .text, .choice, .limits, .startOfShare: 2
        case .int: 3
        case .long: 5
        case .double: 6
        case .list: 7
        }
    }

    /// What is wrong with `value`; nil if nothing is.
    func objection(to value: String) -> String? {
        switch self {
        case .boolean:
            return ["true", "false"].contains(value.lowercased()) ? nil : "must be true or false"
        case .int(let range), .long(let range):
            guard let number = Int64(value) else { return "must be a whole number" }
            return range.contains(number)
                ? nil : "must be from \(range.lowerBound) to \(range.upperBound)"
        case .double(let range):
            guard let number = Double(value) else { return "must be a number" }
            return range.contains(number)
                ? nil : "must be from \(range.lowerBound) to \(range.upperBound)"
        case .choice(let choices):
            return choices.contains(value)
                ? nil : "must be one of \(choices.joined(separator: ", "))"
        case .list(let choices):
            guard !choices.isEmpty else { return nil }
            let unknown = ConfigType.elements(of: value).first { !choices.contains($0) }
            return unknown == nil ? nil : "must be of \(choices.joined(separator: ", "))"
        case .text:
            return nil
        case .limits:
            return ConnectionLimits.overrides(value) == nil ? "must be ADDRESS:COUNT,..." : nil
        case .startOfShare:
            return ShareStart(value) == nil
                ? "must be latest, earliest or by_duration:PnDTnHnMnS" : nil
        }
    }

    /// A list with the elements of another added or taken away.
    public func edited(_ list: String, with other: String, adding: Bool) -> String {
        var elements = Self.elements(of: list)
        for element in Self.elements(of: other) {
            elements.removeAll { $0 == element }
            if adding { elements.append(element) }
        }
        return elements.joined(separator: ",")
    }

    static func elements(of list: String) -> [String] {
        list.split(separator: ",").map { String($0.trimmingSpaces()) }.filter { !$0.isEmpty }
    }
}

extension Substring {
    func trimmingSpaces() -> Substring {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}

/// One config of a topic or of the broker, by Kafka's name, with its default and its meaning.
public struct ConfigDefinition: Sendable {
    public let name: String
    public let type: ConfigType
    public let defaultValue: String?
    /// A topic config's name at the broker, where its default can be set.
    public let brokerName: String?
    public let documentation: String
    /// False for what is read only at start.
    public let dynamic: Bool

    init(
        _ name: String, _ type: ConfigType, _ defaultValue: String?, broker: String? = nil,
        dynamic: Bool = true, _ documentation: String
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.brokerName = broker
        self.dynamic = dynamic
        self.documentation = documentation
    }

    /// Throws if `value` is none that this config can have.
    public func check(_ value: String) throws(StreamingError) {
        if let objection = type.objection(to: value) {
            throw .invalidConfig("Invalid value '\(value)' for \(name): it \(objection).")
        }
    }
}

/// Where a value comes from, by the numbers of DescribeConfigs.
public enum ConfigSource: Int8, Sendable {
    case topic = 1
    case dynamicBroker = 2
    case dynamicDefaultBroker = 3
    case staticBroker = 4
    case defaultValue = 5
    case group = 8
}

/// A config as it holds now.
public struct ConfigValue: Sendable {
    public let definition: ConfigDefinition
    public let value: String?
    public let source: ConfigSource
    /// The same setting at each level that sets it, the strongest first.
    public let synonyms: [(name: String, value: String?, source: ConfigSource)]
}

extension Collection where Element == ConfigDefinition {
    /// The definition of that name; the error names the nearest one.
    func named(_ name: String) throws(StreamingError) -> ConfigDefinition {
        if let found = first(where: { $0.name == name }) { return found }
        throw .invalidConfig("Unknown config '\(name)'.")
    }
}
