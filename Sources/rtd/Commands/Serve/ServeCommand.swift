import ArgumentParsing
import Platform
import Service

/// `rtd serve`: the server until it is told to stop, or one of the jobs around it.
enum ServeCommand {
    static func run(_ options: ServeOptions) -> Int32 {
        do throws(CommandFailure) {
            if let user = options.addedUser { return try UserJobs.add(user, options) }
            if let user = options.removedUser { return try UserJobs.remove(user, options) }
            if options.job == .users { return try UserJobs.list(options) }
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
            return error.status
        }
        do throws(ServiceError) {
            let directory = try DataDirectory.locate(options.data)
            switch options.job {
            case .status: return try status(options, directory)
            case .stop:
                try ServerJobs.stop(directory)
                return 0
            case .check: return try check(directory, options.reporting)
            case .detach:
                try LocalServer.detach(try detachedArguments(options, directory), directory)
                return 0
            case .trace: return try trace(options, directory)
            case nil, .users: return try serve(options, directory, trace: nil)
            }
        } catch {
            return fail(error, options)
        }
    }

    private static func fail(_ error: ServiceError, _ options: ServeOptions) -> Int32 {
        if options.tellsStarter {
            let busy = options.isOnDemand && error.isInUse
            DetachedProcess.tellStarter(busy ? "busy" : "error \(error.status) \(error.message)")
        } else {
            StandardError.write(line: "rtd: \(error.message)")
        }
        return error.status
    }

    // MARK: Serving

    private static func serve(
        _ options: ServeOptions, _ directory: DataDirectory, trace: (@Sendable (String) -> Void)?
    ) throws(ServiceError) -> Int32 {
        let security = try security(options)
        let ending = Ending()
        Signals.watch([Signals.interrupt, Signals.terminate, Signals.hangUp]) { ending.signal($0) }
        let log = ServerLog(isBounded: options.tellsStarter, isQuiet: options.reporting.isQuiet)
        var configuration = try configuration(options, directory, log)
        configuration.trace = trace
        configuration.security = security.configuration()
        let server = try Server(configuration)
        announce(server, options, security, directory, log)
        if options.tellsStarter { DetachedProcess.tellStarter("ready") }
        if options.isOnDemand { server.leaveWhenIdle { ending.end() } }
        if let owner = options.ownerID {
            server.leave(with: Int32(clamping: owner)) { ending.end() }
        }
        while let number = ending.wait() {
            if number == Signals.hangUp { server.reloadCertificate() }
            // A hang-up asks a server on demand to make room if nobody uses it.
            if number == Signals.hangUp && (!options.isOnDemand || server.isInUse) { continue }
            break
        }
        server.stop()
        if let owner = options.ownerID, Processes.parentID != owner { remove(directory) }
        return 0
    }

    /// Removes the directory of a private server whose owner cannot do it any more.
    private static func remove(_ directory: DataDirectory) {
        try? POSIXFileSystem().removeTree(RunDirectory(of: directory).path)
        try? POSIXFileSystem().removeTree(directory.path)
    }

    private static func configuration(
        _ options: ServeOptions, _ directory: DataDirectory, _ log: ServerLog
    ) throws(ServiceError) -> ServerConfiguration {
        let kind: ServerRecord.Kind =
            options.isOnDemand ? .onDemand : options.isEphemeral ? .ephemeral : .serve
        var configuration = ServerConfiguration(
            kind: kind, directory: directory, version: Program.version,
            kafka: try kafkaAddresses(options)
        ) { log.write($0) }
        configuration.kafkaWasAskedFor = options.kafka != nil
        configuration.advertise = options.advertise.map { ($0.host, Int32($0.port)) }
        configuration.memoryBytes = options.memoryBytes
        configuration.portFile = options.portFile
        configuration.properties = try properties(options)
        if let text = ProcessEnvironment.value("RTD_IDLE") {
            do throws(UsageError) {
                configuration.idleNanoseconds = try Duration(spelled: text).nanosecondsClamped
            } catch {
                throw ServiceError("RTD_IDLE \(error.message)", status: UsageError.exitStatus)
            }
        }
        return configuration
    }

    /// What the listeners ask of clients; one that is open to others and asks too little throws.
    private static func security(_ options: ServeOptions) throws(ServiceError) -> ServeSecurity {
        let security: ServeSecurity
        do throws(UsageError) {
            let files = try PropertyFiles.read(options.propertyFiles)
            security = try ServeSecurity(options, try options.brokerProperties(files: files))
        } catch {
            throw ServiceError("serve: \(error.message)", status: UsageError.exitStatus)
        }
        guard let refusal = security.openListenerRefusal else { return security }
        throw ServiceError(refusal.message, status: UsageError.exitStatus)
    }

    private static func properties(_ options: ServeOptions) throws(ServiceError) -> [String: String]
    {
        do throws(UsageError) {
            let files = try PropertyFiles.read(options.propertyFiles)
            var values: [String: String] = [:]
            for property in try options.brokerProperties(files: files) {
                // What Kafka knows and has no meaning here is accepted.
                if Server.understands(property.name) { values[property.name] = property.value }
            }
            return values
        } catch {
            throw ServiceError("serve: \(error.message)", status: UsageError.exitStatus)
        }
    }

    private static func kafkaAddresses(_ options: ServeOptions) throws(ServiceError)
        -> [SocketAddress]
    {
        if options.isOnDemand { return [] }
        switch options.kafka {
        case .off: return []
        case nil:
            return [
                .ipv4(host: "127.0.0.1", port: HostPort.kafkaPort),
                .ipv6(host: "::1", port: HostPort.kafkaPort),
            ]
        case .address(let address):
            if address.host == "localhost" {
                return [
                    .ipv4(host: "127.0.0.1", port: address.port),
                    .ipv6(host: "::1", port: address.port),
                ]
            }
            do throws(ResolutionError) {
                let found = try SocketAddress.resolve(host: address.host, port: address.port)
                return Array(found.prefix(1))
            } catch {
                throw ServiceError("cannot resolve \(error.host): \(error.reason)")
            }
        }
    }

    /// Where it listens, and the line that other shells need if the directory is not the default.
    private static func announce(
        _ server: Server, _ options: ServeOptions, _ security: ServeSecurity,
        _ directory: DataDirectory, _ log: ServerLog
    ) {
        guard !options.isOnDemand else { return }
        let addresses = server.kafka.map(\.description).joined(separator: " and ")
        let place = options.isEphemeral ? "memory" : directory.displayPath
        log.inform(
            "serving \(place)" + (addresses.isEmpty ? "" : " to Kafka clients on \(addresses)"))
        let standard = try? DataDirectory.locate(nil) {
            $0 == "RTD_DATA" ? nil : ProcessEnvironment.value($0)
        }
        if standard?.path != directory.path {
            log.inform("in other shells: export RTD_DATA=\(shellQuoted(directory.path))")
        }
        for address in server.kafka where !address.isLoopback {
            guard let exposure = security.exposure else { continue }
            log.write("\(address) is open to other machines and \(exposure)")
        }
        if options.asksForLogin, !server.hasUsers {
            log.write(
                "nobody can log in yet: rtd serve --add-user NAME --password-file FILE makes a user"
            )
        }
    }

    private static func shellQuoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy {
            ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a)
                || "/._-+".utf8.contains($0)
        }
        guard !plain else { return text }
        let escaped = text.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''")
        return "'\(escaped)'"
    }

    // MARK: Jobs

    private static func detachedArguments(_ options: ServeOptions, _ directory: DataDirectory)
        throws(ServiceError) -> [String]
    {
        _ = try security(options)
        var arguments = ["--ready-pipe", "--data", directory.path]
        switch options.kafka {
        case .off: arguments += ["--kafka", "none"]
        case .address(let address): arguments += ["--kafka", address.description]
        case nil: break
        }
        if let advertise = options.advertise {
            arguments += ["--advertise", advertise.description]
        }
        if options.allowsInsecureListening { arguments.append("--insecure-listen") }
        if options.asksForLogin { arguments.append("--auth") }
        for (name, file) in [
            ("--tls-certificate", options.certificateFile), ("--tls-key", options.keyFile),
            ("--tls-client-ca", options.clientAuthorityFile),
        ] {
            if let file { arguments += [name, absolute(file)] }
        }
        if options.isEphemeral { arguments.append("--ephemeral") }
        if let bytes = options.memoryBytes { arguments += ["--memory", String(bytes)] }
        // The server's working directory is "/", so paths go absolute.
        if let file = options.portFile { arguments += ["--port-file", absolute(file)] }
        for file in options.propertyFiles { arguments += ["-F", absolute(file)] }
        for property in options.properties {
            arguments += ["-X", "\(property.name)=\(property.value)"]
        }
        if options.reporting.isQuiet { arguments.append("-q") }
        return arguments
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : Processes.canonical(".") + "/" + path
    }

    private static func status(_ options: ServeOptions, _ directory: DataDirectory)
        throws(ServiceError) -> Int32
    {
        let records =
            options.coversAll
            ? ServerJobs.allStatus() : [ServerJobs.status(directory)].compactMap { $0 }
        guard !records.isEmpty else {
            if options.coversAll { return 0 }
            throw ServiceError("no server runs for \(directory.displayPath)")
        }
        return HelpCommand.print(records.map { $0.line + "\n" }.joined())
    }

    private static func check(_ directory: DataDirectory, _ reporting: ReportingOptions)
        throws(ServiceError) -> Int32
    {
        var lines = ""
        let all = try ServerJobs.check(directory) {
            lines += $0 + "\n"
        } read: { path, checked in
            if reporting.isVerbose { StandardError.write(line: "rtd: \(path): \(text(checked))") }
        }
        let status = HelpCommand.print(lines)
        if !reporting.isQuiet {
            let logs = all.logs == 1 ? "1 log" : "\(all.logs) logs"
            StandardError.write(line: "rtd: \(directory.displayPath): \(logs), \(text(all))")
        }
        return status == 0 ? (all.damages == 0 ? 0 : 1) : status
    }

    private static func text(_ checked: ServerJobs.Checked) -> String {
        let batches = checked.batches == 1 ? "1 batch" : "\(checked.batches) batches"
        let torn =
            checked.tornBytes == 0
            ? "" : ", a torn tail of \(checked.tornBytes) B that the next start cuts"
        let damages =
            switch checked.damages {
            case 0: "no damage"
            case 1: "1 damage"
            default: "\(checked.damages) damages"
            }
        return "\(batches), \(ProgressLine.scaled(Double(checked.bytes)))B\(torn): \(damages)"
    }

    /// Prints a line a request: of the server that runs, else of one that is started here.
    private static func trace(_ options: ServeOptions, _ directory: DataDirectory)
        throws(ServiceError) -> Int32
    {
        if ServerJobs.status(directory) == nil {
            return try serve(options, directory) { _ = HelpCommand.print($0 + "\n") }
        }
        return try ServerJobs.trace(directory) { HelpCommand.print($0) == 0 }
    }
}
