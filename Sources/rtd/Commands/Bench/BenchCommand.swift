import ArgumentParsing
import Platform
import Service

/// `rtd bench`: runs the workload on a private server or on the cluster that was named, and prints
/// what it gave.
struct BenchCommand {
    private let options: BenchOptions
    private let target: ConnectionOptions.Target
    /// One, or with `--sweep` one for each value.
    private let loads: [(part: String?, load: BenchLoad)]
    private var load: BenchLoad { loads[0].load }
    /// Of the cluster that is named.
    private let security: BenchSecurity
    private let interruption: Interruption
    /// Names topics and directory of this run.
    private let id: String

    static func run(_ options: BenchOptions) -> Int32 {
        let interruption = Interruption.watch()
        var status: Int32
        do throws(CommandFailure) {
            let id = "rtd-bench-" + String(SystemRandom().next() >> 16, radix: 36)
            let (properties, target) = try resolve(options)
            if let warning = properties.warning, !options.reporting.isQuiet {
                StandardError.write(line: "rtd: \(warning)")
            }
            let command = BenchCommand(
                options: options, target: target, loads: try loads(options, properties),
                security: try security(properties, target), interruption: interruption, id: id)
            status = try command.run()
        } catch {
            if !interruption.isSignalled { StandardError.write(line: "rtd: \(error.message)") }
            status = error.status
        }
        interruption.raiseAgain()
        return status
    }

    private static func loads(
        _ options: BenchOptions, _ properties: ClientProperties
    ) throws(CommandFailure) -> [(part: String?, load: BenchLoad)] {
        guard let sweep = options.sweep else { return [(nil, try BenchLoad(options, properties))] }
        var loads: [(part: String?, load: BenchLoad)] = []
        for value in sweep.values {
            let one: BenchOptions
            do throws(UsageError) {
                one = try sweep.options(options, value)
            } catch {
                throw CommandFailure("bench: \(error.message)", status: UsageError.exitStatus)
            }
            loads.append(("\(sweep.key.rawValue)=\(value)", try BenchLoad(one, properties)))
        }
        return loads
    }

    private func run() throws(CommandFailure) -> Int32 {
        if options.workload == .query || options.workload == .nexmark { return try runQueries() }
        if options.workload == .cdc { return try runCapture() }
        if options.measuresFloor || options.workload == .storage { return try runHere() }
        let path: String?
        switch target {
        case .brokers(let brokers): return try report(runAll(remote(brokers)))
        case .directory(let directory): path = directory
        }
        // Until there is a run to end, a signal is only noted.
        interruption.handle {}
        let server = try PrivateServer(beside: try data(path), id: id)
        defer { server.remove() }
        return try report(runAll(own(server)))
    }

    // MARK: Where

    private static func resolve(
        _ options: BenchOptions
    ) throws(CommandFailure) -> (ClientProperties, ConnectionOptions.Target) {
        do throws(UsageError) {
            let files = try PropertyFiles.readForClient(options.connection.propertyFiles)
            let properties = try options.connection.clientProperties(files: files)
            let target = try options.connection.target(
                properties: properties, environment: ProcessEnvironment.value)
            return (properties, target)
        } catch {
            throw CommandFailure("bench: \(error.message)", status: UsageError.exitStatus)
        }
    }

    /// How the named cluster is reached; a server of the benchmark's own asks nothing.
    private static func security(
        _ properties: ClientProperties, _ target: ConnectionOptions.Target
    ) throws(CommandFailure) -> BenchSecurity {
        guard case .brokers = target else { return .none }
        do throws(UsageError) {
            return BenchSecurity(
                login: try properties.security.login(environment: ProcessEnvironment.value),
                tls: try properties.security.tls())
        } catch {
            throw CommandFailure("bench: \(error.message)", status: UsageError.exitStatus)
        }
    }

    private func data(_ path: String?) throws(CommandFailure) -> DataDirectory {
        do throws(ServiceError) {
            return try DataDirectory.locate(path)
        } catch {
            throw CommandFailure(error)
        }
    }

    private func remote(_ brokers: [HostPort]) -> BenchTarget {
        BenchTarget(
            name: brokers.map(\.description).joined(separator: ","), bootstrap: brokers,
            security: security)
    }

    private func own(_ server: PrivateServer) -> BenchTarget {
        BenchTarget(
            name: "rtd \(Program.version)", bootstrap: [server.address], server: server.processID,
            fileSystem: POSIXFileSystem().kind(server.directory.path))
    }

    // MARK: Runs

    /// One run, or with `--compare` several of both, in turn.
    private func runAll(_ target: BenchTarget) throws(CommandFailure) -> [BenchResult] {
        var results: [BenchResult] = []
        guard let other = options.compare.map(remote) else {
            for (number, one) in loads.enumerated() {
                results += try run(one.load, target, number: number).map { result in
                    var result = result
                    result.part = [one.part, result.part].compactMap(\.self)
                        .joined(separator: " ")
                    if result.part?.isEmpty == true { result.part = nil }
                    return result
                }
            }
            return results
        }
        for round in 0..<BenchLimits.comparedRounds {
            results += try run(load, target, number: 2 * round)
            results += try run(load, other, number: 2 * round + 1)
        }
        return results
    }

    private func run(
        _ load: BenchLoad, _ target: BenchTarget, number: Int
    ) throws(CommandFailure) -> [BenchResult] {
        let reporting = options.reporting
        let shows = reporting.showsProgress ?? (StandardError.isTerminal && !reporting.isQuiet)
        var load = load
        load.security = target.security
        return try BenchRun(
            load: load, target: target, id: number == 0 ? id : "\(id)-\(number)",
            interruption: interruption, showsProgress: shows
        ).run()
    }

    /// What needs no server.
    private func runHere() throws(CommandFailure) -> Int32 {
        let data = try data(options.connection.data)
        let directory = PrivateServer.path(beside: data, id: id)
        interruption.handle {}
        defer { remove(directory) }
        let fileSystem = POSIXFileSystem()
        guard options.measuresFloor else {
            var results: [BenchResult] = []
            for one in loads {
                var result = try StorageRun(
                    load: one.load, directory: directory, interruption: interruption
                ).run()
                result.part = one.part
                results.append(result)
                if loads.count > 1 { try? POSIXFileSystem().removeTree(directory) }
            }
            return try report(results)
        }
        let nanoseconds = options.duration?.nanosecondsClamped ?? BenchLimits.floorNanoseconds
        let figures =
            options.workload == .consume
            ? try LoopbackFloor(directory: directory, nanoseconds: nanoseconds).run()
            : try StorageFloor(load: load, directory: directory, nanoseconds: nanoseconds).run()
        return HelpCommand.print(
            FloorText.text(figures, fileSystem.kind(directory), options.format))
    }

    private func runQueries() throws(CommandFailure) -> Int32 {
        let needsDirectory = options.dataSet == nil && !options.isLive
        let temporary =
            try needsDirectory
            ? PrivateServer.path(beside: data(options.connection.data), id: id) : ""
        interruption.handle {}
        defer { if needsDirectory { remove(temporary) } }
        return try QueryBench(
            options: options, temporary: temporary, interruption: interruption
        ).run()
    }

    private func runCapture() throws(CommandFailure) -> Int32 {
        let directory = options.connection.data
        return try CaptureBench(
            options: options, id: id, interruption: interruption
        ) { () throws(CommandFailure) in
            try PrivateServer(beside: try data(directory), id: id)
        }.run()
    }

    private func remove(_ directory: String) {
        do throws(SystemError) {
            try POSIXFileSystem().removeTree(directory)
        } catch {
            StandardError.write(line: "rtd: \(directory) is left: \(error)")
        }
    }

    // MARK: Output

    private func report(_ results: [BenchResult]) throws(CommandFailure) -> Int32 {
        if let path = options.histogramFile { try writeHistogram(results, path) }
        let text =
            results.count > 1 && options.compare == nil
            ? PartsText.text(results, options.format)
            : ComparisonText.text(results, options.format)
        return HelpCommand.print(text)
    }

    /// The latencies of the first cluster.
    private func writeHistogram(_ results: [BenchResult], _ path: String) throws(CommandFailure) {
        var all = Histogram()
        for result in results where result.target == results[0].target {
            all.add(result.latencies)
        }
        do throws(SystemError) {
            try POSIXFileSystem().replace(path, with: Array(all.percentileTable.utf8))
        } catch {
            throw CommandFailure(error)
        }
    }
}
