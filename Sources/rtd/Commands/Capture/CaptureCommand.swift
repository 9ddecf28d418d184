import ArgumentParsing
import ChangeDataCapture
import Platform

/// `rtd cdc`. The main thread runs the source; signals and a reader that has left end it from their
/// own threads.
enum CaptureCommand {
    static func run(_ options: CaptureOptions) -> Int32 {
        let interruption = Interruption.watch(answers: true)
        var status: Int32 = 0
        do throws(CommandFailure) {
            let address = try address(options)
            switch options.job {
            case .check: status = try CaptureCheck.run(address, options)
            case .slots: try SlotListing.run(address, options)
            case .request: try order(.begin(options.backfills), address, options)
            case .cancel: try order(.cancel(options.backfills), address, options)
            case .pause: try order(.pause, address, options)
            case .resume: try order(.resume, address, options)
            case .emit:
                try MessageEmitter.run(
                    address, prefix: options.emittedPrefix ?? "", options.reporting)
            case .verify: status = try CaptureVerify.run(address, options, interruption)
            case nil: try capture(address, options, interruption)
            }
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
            status = error.status
        }
        interruption.raiseAgain()
        return status
    }

    private static func address(
        _ options: CaptureOptions
    ) throws(CommandFailure) -> PostgresAddress {
        do throws(CaptureError) {
            var address = try PostgresAddress.parse(
                options.source, passwordFile: options.passwordFile)
            address.applicationName = "rtd"
            return address
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Asks the capture of a slot.
    private static func order(
        _ order: BackfillOrder, _ address: PostgresAddress, _ options: CaptureOptions
    ) throws(CommandFailure) {
        let plan = try CapturePlan(address, options)
        do throws(CaptureError) {
            try order.send(to: plan.slot, at: address)
        } catch {
            throw CommandFailure(error)
        }
    }

    private static func capture(
        _ address: PostgresAddress, _ options: CaptureOptions, _ interruption: Interruption
    ) throws(CommandFailure) {
        let plan = try CapturePlan(address, options)
        let reporting = options.reporting
        let notices: @Sendable (String) -> Void = { message in
            if !reporting.isQuiet { StandardError.write(line: "rtd: \(message)") }
        }
        switch options.target ?? .standardOutput {
        case .standardOutput:
            let target = try plan.target(StandardOutputLines(), start: [], "stdout")
            let sink = LineSink(target, plan.format, plan.settings, notices: notices)
            try run(plan.configuration(after: nil), sink, options, interruption, leaves: true) {
                _ throws(CaptureOutputError) in try sink.finish()
            }
        case .file(let path):
            let file = try CaptureFile(path, slot: plan.slot)
            let start = plan.format == .avro ? try file.start(AvroContainer.headBytesMax) : []
            let target = try plan.target(file, start: start, path)
            let sink = LineSink(target, plan.format, plan.settings, notices: notices)
            try run(plan.configuration(after: file.position), sink, options, interruption) {
                _ throws(CaptureOutputError) in try sink.finish()
            }
        case .topics:
            let thread = try ClusterThread("cdc", options.connection, reporting)
            defer { thread.close() }
            let registry = try plan.registry(thread.connection.properties, notices)
            let configuration = plan.configuration(after: nil)
            // Taking the transactional id over would end a capture that is at work.
            do throws(CaptureError) {
                try Capture.waitUntilFree(configuration, notices: notices)
            } catch {
                throw CommandFailure(error)
            }
            let sink = try TopicSink(
                thread, plan.format, plan.settings, registry: registry, slot: plan.slot,
                others: Capture.otherSlots(configuration), partitions: options.partitions ?? 1,
                notices: notices)
            try run(
                plan.configuration(after: sink.position), sink, options, interruption,
                stopping: registry?.stop
            ) {
                isWhole throws(CaptureOutputError) in try sink.finish(isWhole: isWhole)
            }
        }
    }

    /// Runs the source until its end, a signal, or a reader that leaves; `finish` is told whether
    /// all went well. `leaves`: the output is a pipe whose reader may go. `stopping` ends what the
    /// sink waits for.
    private static func run(
        _ configuration: CaptureConfiguration, _ sink: any ChangeSink, _ options: CaptureOptions,
        _ interruption: Interruption, leaves: Bool = false,
        stopping: (@Sendable () -> Void)? = nil,
        finish: (Bool) throws(CaptureOutputError) -> Void
    ) throws(CommandFailure) {
        let capture: Capture
        do throws(CaptureError) { capture = try Capture(configuration) } catch {
            throw CommandFailure(error)
        }
        let hasLeft = ReaderWatch()
        interruption.handle {
            capture.stop()
            stopping?()
        }
        interruption.handleQuestion {
            let lines = CaptureStateText.lines(
                capture.progress, wallMilliseconds: SystemClock().wallMilliseconds)
            for line in lines { StandardError.write(line: "rtd: \(line)") }
        }
        if leaves { hasLeft.watch { capture.stop() } }
        let metrics = try metricsListener(options, configuration, capture)
        defer { metrics?.close() }
        let progress = CaptureProgressLine(options.reporting, capture)
        defer { progress?.finish() }
        do {
            _ = try capture.run(into: sink)
            if hasLeft.isSet { return }
            try finish(true)
        } catch CaptureOutputError.closed {
            return
        } catch CaptureOutputError.stopped {
            try? finish(false)
        } catch CaptureOutputError.failed(let failure) {
            try? finish(false)
            throw failure
        } catch let error as CaptureError {
            progress?.finish()
            do throws(CaptureOutputError) { try finish(true) } catch {}
            throw CommandFailure(error)
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}

// Metrics.
extension CaptureCommand {
    private static func metricsListener(
        _ options: CaptureOptions, _ configuration: CaptureConfiguration, _ capture: Capture
    ) throws(CommandFailure) -> MetricsListener? {
        guard let place = options.metrics else { return nil }
        var slot = ""
        if case .durable(let name) = configuration.slot { slot = name }
        let metrics = CaptureMetrics(database: configuration.address.database, slot: slot)
        let address: SocketAddress
        do throws(ResolutionError) {
            address = try SocketAddress.resolve(host: place.host, port: place.port)[0]
        } catch {
            throw CommandFailure("cannot listen on \(place): \(error.reason)")
        }
        do throws(SystemError) {
            let listener = try MetricsListener(address) {
                metrics.text(
                    capture.progress, wallMilliseconds: SystemClock().wallMilliseconds)
            }
            if place.port == 0 || !options.reporting.isQuiet {
                StandardError.write(line: "rtd: metrics at http://\(listener.address)/metrics")
            }
            return listener
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension CommandFailure {
    init(_ error: CaptureError) {
        if case .usage = error {
            self.init("cdc: \(error)", status: UsageError.exitStatus)
        } else {
            self.init("\(error)")
        }
    }
}

/// Waits on a thread of its own until nobody reads stdout any more.
private final class ReaderWatch: @unchecked Sendable {
    private let lock = Lock()
    private var value = false

    var isSet: Bool { lock.withLock { value } }

    func watch(_ stop: @escaping @Sendable () -> Void) {
        Thread.start { [self] in
            StandardOutput.waitForReaderToLeave()
            lock.withLock { value = true }
            stop()
        }
    }
}

/// What the options mean: names, envelopes, the configuration of the source.
struct CapturePlan {
    let address: PostgresAddress
    let options: CaptureOptions
    let format: EnvelopeFormat
    let settings: EnvelopeSettings
    /// The slot's name, and what outputs know it by.
    let slot: String

    init(_ address: PostgresAddress, _ options: CaptureOptions) throws(CommandFailure) {
        self.address = address
        self.options = options
        format = options.format ?? .debezium
        var settings = EnvelopeSettings()
        settings.version = Program.version
        settings.database = address.database
        settings.topicPrefix = address.database
        settings.image = options.image ?? .both
        settings.masks = options.masks
        settings.includedColumns = options.includedColumns
        settings.hasSchemas = options.hasSchemas
        settings.outbox.table = options.outbox ?? ""
        for case .envelope(let name, let value) in options.properties {
            // Judged when it was parsed.
            _ = try? settings.set(name, value)
        }
        if options.writesSchemaChanges { settings.writesSchemas = true }
        if let prefix = options.topicPrefix { settings.topicPrefix = prefix }
        // The longest name of a topic that is not of a table: PREFIX.transaction.
        let prefixMax = CaptureTopic.nameBytesMax - 12
        guard settings.topicPrefix.utf8.count <= prefixMax else {
            throw CommandFailure(
                "cdc: --topic-prefix has at most \(prefixMax) bytes, as Kafka's names of topics "
                    + "have at most \(CaptureTopic.nameBytesMax)", status: UsageError.exitStatus)
        }
        self.settings = settings
        slot = options.slot ?? Self.slotName(settings.topicPrefix)
        let isName = slot.utf8.allSatisfy {
            (48...57).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: "_")
        }
        guard isName, (1...63).contains(slot.utf8.count) else {
            throw CommandFailure(
                "cdc: a slot's name has lower-case letters, digits and underscores, at most 63, "
                    + "unlike \"\(slot)\"", status: UsageError.exitStatus)
        }
    }

    /// PostgreSQL takes lower-case letters, digits and underscores, at most 63.
    private static func slotName(_ prefix: String) -> String {
        let bytes = prefix.utf8.map { byte -> UInt8 in
            switch byte {
            case 48...57, 97...122: byte
            case 65...90: byte + 32
            default: UInt8(ascii: "_")
            }
        }
        return String(decoding: Array("rtd_".utf8) + bytes.prefix(59), as: UTF8.self)
    }

    /// What writes changes before `target`: of Avro a container, others have lines.
    func target(
        _ target: any LineTarget, start: [UInt8], _ name: String
    ) throws(CommandFailure) -> any LineTarget {
        guard format == .avro else { return target }
        return try AvroContainer(target, start: start, name)
    }

    /// Of a format whose schemas stand there; it has answered.
    func registry(
        _ client: ClientProperties, _ notices: @escaping @Sendable (String) -> Void
    ) throws(CommandFailure) -> RegistryClient? {
        guard format == .avro else { return nil }
        var properties = RegistryProperties()
        do throws(UsageError) {
            for assignment in client.registry { _ = try properties.set(assignment) }
        } catch {
            throw CommandFailure("cdc: \(error.message)", status: UsageError.exitStatus)
        }
        guard !properties.addresses.isEmpty else {
            throw CommandFailure(
                "cdc: --format avro needs a schema registry: -X "
                    + "schema.registry.url=http://HOST:8081",
                status: UsageError.exitStatus)
        }
        let registry = try RegistryClient(
            properties,
            deliveryMilliseconds: client.deliveryTimeout?.millisecondsClamped ?? 120_000,
            notices: notices)
        try registry.connect(retry: options.connection.retry)
        return registry
    }

    func configuration(after: CapturePosition?) -> CaptureConfiguration {
        let isTemporary =
            options.slot == nil && (options.target ?? .standardOutput) == .standardOutput
        var configuration = CaptureConfiguration(
            address, slot: isTemporary ? .temporary : .durable(name: slot),
            publication: options.publication,
            tables: TableSelection(included: options.tables, excluded: options.excluded),
            snapshot: snapshot, end: options.end ?? .never, after: after)
        configuration.givenUp = options.givenUp
        configuration.outbox = options.outbox
        configuration.isTwoPhase = options.isTwoPhase
        configuration.fillsUnchanged = options.fillsUnchanged
        configuration.capturesStatements = options.capturesStatements
        configuration.continuesSlot = (options.target ?? .standardOutput) == .standardOutput
        configuration.includedPrefixes = options.includedPrefixes
        configuration.excludedPrefixes = options.excludedPrefixes
        for filter in options.filters { configuration.filters[filter.table] = filter.condition }
        if let directory = ProcessEnvironment.value("TMPDIR"), !directory.isEmpty {
            configuration.spoolDirectory = directory
        }
        configuration.backfills = options.backfills
        for property in options.properties {
            if case .chunkRows(let rows) = property { configuration.backfillChunkRows = rows }
            if case .snapshotWorkers(let count) = property {
                configuration.snapshotWorkers = count
            }
        }
        if let workers = options.snapshotWorkers { configuration.snapshotWorkers = workers }
        for key in options.keys { configuration.keys[key.table] = key.columns }
        configuration.masks = options.masks
        configuration.retainedBytesMax = options.retainedBytesMax.map(Int64.init)
        if let retry = options.connection.retry {
            configuration.retryNanoseconds = retry.nanosecondsClamped
            configuration.retriesFirstContact = true
        }
        return configuration
    }

    private var snapshot: CaptureConfiguration.Snapshot {
        switch options.snapshot {
        case .initial, nil: .initial
        case .never: .never
        case .only: .only
        case .always: .always
        }
    }
}
