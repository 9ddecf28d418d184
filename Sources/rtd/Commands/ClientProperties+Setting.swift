import ArgumentParsing

extension ClientProperties {
    /// Takes over a property: into its field, or nowhere where it has no meaning here. Throws for
    /// a name that neither Kafka's clients nor librdkafka know, and for one whose meaning this
    /// client cannot give.
    mutating func set(_ assignment: PropertyAssignment) throws(UsageError) {
        var assignment = assignment
        // kcat marks the properties of topics so.
        if assignment.name.hasPrefix("topic."),
            !PropertyNames.client.contains(assignment.name)
        {
            assignment.name.removeFirst("topic.".count)
        }
        let reader = PropertyValueReader(assignment)
        if try setConnection(reader) { return }
        if try security.set(assignment.name, assignment.value) { return }
        if try setProducer(reader) { return }
        if try setConsumer(reader) { return }
        if try setFetching(reader) { return }
        if PropertyNames.isForeign(assignment.name) {
            if RegistryProperties.name(assignment.name) != nil { registry.append(assignment) }
            return foreign.append(assignment.name)
        }
        try assignment.checkName(among: PropertyNames.client, of: "a Kafka client")
    }

    /// What is to be said of properties that were passed over; nil if none was.
    var warning: String? {
        guard let first = foreign.first else { return nil }
        let others = foreign.count - 1
        let names =
            others == 0
            ? first
            : others == 1
                ? "\(first) and \(foreign[1])" : "\(first) and \(others) others"
        return "\(names) \(others == 0 ? "is" : "are") not for a Kafka client, and without effect"
    }

    private mutating func setConnection(_ value: PropertyValueReader) throws(UsageError) -> Bool {
        switch value.name {
        case "bootstrap.servers", "metadata.broker.list":
            brokers = try value.read { text throws(UsageError) in
                try ValueParser.brokers.parse(text)
            }
        case "client.id": clientID = value.text
        case "client.rack": clientRack = value.text
        case "request.timeout.ms", "socket.timeout.ms": requestTimeout = try value.milliseconds()
        case "socket.connection.setup.timeout.ms": connectTimeout = try value.milliseconds()
        case "delivery.timeout.ms", "message.timeout.ms":
            deliveryTimeout = try value.milliseconds()
            // librdkafka's word for no limit.
            if value.name == "message.timeout.ms", deliveryTimeout?.nanosecondsClamped == 0 {
                deliveryTimeout = .seconds(Int32.max)
            }
        case "retry.backoff.ms": retryBackoff = try value.milliseconds()
        case "retry.backoff.max.ms": retryBackoffMax = try value.milliseconds()
        case "reconnect.backoff.ms": reconnectBackoff = try value.milliseconds()
        case "reconnect.backoff.max.ms": reconnectBackoffMax = try value.milliseconds()
        case "metadata.max.age.ms": metadataAgeMax = try value.milliseconds()
        case "connections.max.idle.ms": connectionsIdleMax = try value.milliseconds()
        case "retries", "message.send.max.retries": retries = try value.integer()
        default: return false
        }
        return true
    }

    private mutating func setProducer(_ value: PropertyValueReader) throws(UsageError) -> Bool {
        switch value.name {
        case "acks", "request.required.acks":
            acks = try value.read { text throws(UsageError) in try Acknowledgement(text) }
        case "linger.ms", "queue.buffering.max.ms": linger = try value.milliseconds()
        case "batch.size": batchBytes = try value.integer()
        case "batch.num.messages": batchRecords = try value.integer(in: 1...Int.max)
        case "buffer.memory": bufferBytes = try value.integer(in: 1...Int.max)
        case "queue.buffering.max.kbytes":
            bufferBytes = try value.integer(in: 1...Int.max >> 10) << 10
        case "max.request.size", "message.max.bytes": requestBytesMax = try value.integer()
        case "max.in.flight.requests.per.connection", "max.in.flight":
            inFlightMax = try value.integer(in: 1...Int.max)
        case "compression.type", "compression.codec": compression = try value.choice()
        case "compression.level": compressionLevel = try value.integer(in: -131_072...22)
        case "compression.gzip.level": codecLevels["gzip"] = try value.integer(in: -1...9)
        case "compression.lz4.level": codecLevels["lz4"] = try value.integer(in: 1...17)
        case "compression.zstd.level": codecLevels["zstd"] = try value.integer(in: -131_072...22)
        case "enable.idempotence": isIdempotent = try value.boolean()
        case "partitioner": partitioner = try value.choice()
        case "transactional.id": transactionalID = value.text.isEmpty ? nil : value.text
        case "transaction.timeout.ms":
            transactionTimeout = try value.milliseconds()
            if transactionTimeout == .zero {
                throw UsageError("transaction.timeout.ms wants more than no time")
            }
        default: return false
        }
        return true
    }

    private mutating func setConsumer(_ value: PropertyValueReader) throws(UsageError) -> Bool {
        switch value.name {
        case "group.id": group = value.text
        case "group.instance.id": groupInstance = value.text
        case "group.protocol": groupProtocol = try value.choice()
        case "group.remote.assignor": remoteAssignor = value.text
        case "partition.assignment.strategy": assignors = try value.assignors()
        case "session.timeout.ms": sessionTimeout = try value.milliseconds()
        case "heartbeat.interval.ms": heartbeatInterval = try value.milliseconds()
        case "max.poll.interval.ms": pollIntervalMax = try value.milliseconds()
        case "auto.offset.reset": offsetReset = try value.offsetReset()
        case "enable.auto.commit", "auto.commit.enable":
            commitsAutomatically = try value.boolean()
        case "auto.commit.interval.ms": commitInterval = try value.milliseconds()
        case "isolation.level": isolation = try value.choice()
        default: return false
        }
        return true
    }

    private mutating func setFetching(_ value: PropertyValueReader) throws(UsageError) -> Bool {
        switch value.name {
        case "fetch.min.bytes": fetchBytesMin = try value.integer()
        case "fetch.max.bytes": fetchBytesMax = try value.integer()
        case "max.partition.fetch.bytes", "fetch.message.max.bytes":
            partitionFetchBytesMax = try value.integer()
        case "fetch.max.wait.ms", "fetch.wait.max.ms": fetchWaitMax = try value.milliseconds()
        case "check.crcs": checksCRC = try value.boolean()
        default: return false
        }
        return true
    }
}

/// Reads the value of one property; an error names the property.
private struct PropertyValueReader {
    let name: String
    let text: String

    init(_ assignment: PropertyAssignment) {
        name = assignment.name
        text = assignment.value
    }

    func read<Value>(
        _ convert: (String) throws(UsageError) -> Value
    ) throws(UsageError) -> Value {
        do {
            return try convert(text)
        } catch {
            throw UsageError("\(name) \(error.message)")
        }
    }

    func integer(in range: ClosedRange<Int> = 0...Int.max) throws(UsageError) -> Int {
        try read { text throws(UsageError) in
            try ValueParser.integer("N", in: range).parse(text)
        }
    }

    /// Kafka counts milliseconds; librdkafka also takes a fraction of one (`linger.ms=0.5`).
    func milliseconds() throws(UsageError) -> Duration {
        try read { text throws(UsageError) in
            guard text.last?.isNumber == true, let time = try? Duration(spelled: text + "ms") else {
                throw UsageError("wants a number of milliseconds, not \"\(text)\"")
            }
            return time
        }
    }

    func boolean() throws(UsageError) -> Bool {
        switch text.lowercased() {
        case "true", "1", "t": return true
        case "false", "0", "f": return false
        default: throw UsageError("\(name) wants true or false, not \"\(text)\"")
        }
    }

    func choice<Value>() throws(UsageError) -> Value
    where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
        try read { text throws(UsageError) in
            try ValueParser<Value>.choice(name).parse(text)
        }
    }

    func offsetReset() throws(UsageError) -> OffsetReset {
        switch text {
        case "earliest", "smallest", "beginning": return .earliest
        case "latest", "largest", "end": return .latest
        case "none", "error": return .none
        default: throw UsageError("\(name) wants earliest, latest or none, not \"\(text)\"")
        }
    }

    /// Names of assignors in the order of preference; Java's class names are understood.
    func assignors() throws(UsageError) -> [String] {
        var names: [String] = []
        for part in text.split(separator: ",") {
            let last = part.split(separator: ".").last.map(String.init) ?? ""
            switch last.trimmingSpaces {
            case "range", "RangeAssignor": names.append("range")
            case "roundrobin", "RoundRobinAssignor": names.append("roundrobin")
            case "sticky", "StickyAssignor": names.append("sticky")
            case "cooperative-sticky", "CooperativeStickyAssignor":
                names.append("cooperative-sticky")
            default:
                throw UsageError(
                    "\(name) wants range, roundrobin, sticky or cooperative-sticky, not \"\(part)\""
                )
            }
        }
        return names
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    var trimmingSpaces: String {
        var slice = self[...]
        while slice.first?.isWhitespace == true { slice.removeFirst() }
        while slice.last?.isWhitespace == true { slice.removeLast() }
        return String(slice)
    }
}
