import ArgumentParsing

/// One `key=value` of `-X` or of a properties file, its name known, its value not yet judged.
struct PropertyAssignment: Sendable, Equatable {
    var name: String
    var value: String

    init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    init(_ text: String) throws(UsageError) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw UsageError("wants key=value, not \"\(text.prefix(40))\"")
        }
        name = String(text[..<equals]).trimmingSpaces
        value = String(text[text.index(after: equals)...])
    }

    /// Throws unless `names` holds the property.
    func checkName(among names: [String], of owner: String) throws(UsageError) {
        guard !names.contains(name) else { return }
        let hint = nearestName(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
        throw UsageError("\(owner) has no property \"\(name)\"\(hint)")
    }
}

extension ValueParser where Value == PropertyAssignment {
    /// A property of a client; its value is checked at once where it has an effect.
    static let clientProperty = ValueParser("KEY=VALUE") { text throws(UsageError) in
        let assignment = try PropertyAssignment(text)
        try SecurityProperties.refuseSecret(assignment.name)
        var scratch = ClientProperties()
        try scratch.set(assignment)
        return assignment
    }

    /// A property of a broker; the server judges its value.
    static let brokerProperty = ValueParser("KEY=VALUE") { text throws(UsageError) in
        let assignment = try PropertyAssignment(text)
        try SecurityProperties.refuseSecret(assignment.name)
        switch assignment.name {
        case "listeners": throw UsageError("listeners is given by --kafka HOST:PORT")
        case "advertised.listeners":
            throw UsageError("advertised.listeners is given by --advertise HOST:PORT")
        case "log.dir", "log.dirs": throw UsageError("\(assignment.name) is given by --data DIR")
        default: try assignment.checkName(among: PropertyNames.broker, of: "a broker")
        }
        return assignment
    }
}

/// How keys are mapped to partitions, by librdkafka's names.
enum PartitionerChoice: String, CaseIterable, Sendable {
    case random, consistent, murmur2
    case consistentRandom = "consistent_random"
    case murmur2Random = "murmur2_random"
    case fnv1a
    case fnv1aRandom = "fnv1a_random"
}

/// Where a consumer begins whose group has no committed offset.
enum OffsetReset: Sendable, Equatable {
    case earliest, latest, none
}

/// The client properties that have an effect, nil where not set. An option of the command wins
/// over the property; what is nil in both has the default of the client.
struct ClientProperties: Sendable, Equatable {
    var brokers: [HostPort]?
    var security = SecurityProperties()
    var clientID: String?
    var clientRack: String?
    var requestTimeout: Duration?
    var connectTimeout: Duration?
    var deliveryTimeout: Duration?
    var retryBackoff: Duration?
    var retryBackoffMax: Duration?
    var reconnectBackoff: Duration?
    var reconnectBackoffMax: Duration?
    var metadataAgeMax: Duration?
    var connectionsIdleMax: Duration?
    var retries: Int?

    var acks: Acknowledgement?
    var transactionalID: String?
    var transactionTimeout: Duration?
    var linger: Duration?
    var batchBytes: Int?
    var batchRecords: Int?
    var bufferBytes: Int?
    var requestBytesMax: Int?
    var inFlightMax: Int?
    var compression: CompressionChoice?
    var compressionLevel: Int?
    /// Levels that were given for one codec, by its name.
    var codecLevels: [String: Int] = [:]
    var isIdempotent: Bool?
    var partitioner: PartitionerChoice?

    var group: String?
    var groupInstance: String?
    var groupProtocol: GroupProtocolChoice?
    var remoteAssignor: String?
    var assignors: [String]?
    var sessionTimeout: Duration?
    var heartbeatInterval: Duration?
    var pollIntervalMax: Duration?
    var offsetReset: OffsetReset?
    var commitsAutomatically: Bool?
    var commitInterval: Duration?
    var isolation: IsolationChoice?
    var fetchBytesMin: Int?
    var fetchBytesMax: Int?
    var partitionFetchBytesMax: Int?
    var fetchWaitMax: Duration?
    var checksCRC: Bool?

    /// Those of a schema registry's client, for formats that have one; they are in `foreign` too.
    var registry: [PropertyAssignment] = []
    /// Names of other programs' properties that were passed over.
    var foreign: [String] = []
}
