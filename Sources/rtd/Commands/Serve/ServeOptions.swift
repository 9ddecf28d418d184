import ArgumentParsing

/// What was typed after `rtd serve`.
struct ServeOptions: Sendable, Equatable {
    enum Listener: Sendable, Equatable {
        case off
        /// Port 0 lets the kernel choose one.
        case address(HostPort)
    }

    /// Something else to do than to serve until told to stop.
    enum Job: Sendable, Equatable {
        case detach, status, stop, check, trace, users
    }

    /// nil: 127.0.0.1:9092 and ::1.
    var kafka: Listener?
    var data: String?
    var portFile: String?
    var isEphemeral = false
    var memoryBytes: Int?
    var properties: [PropertyAssignment] = []
    var propertyFiles: [String] = []
    var job: Job?
    var coversAll = false
    var advertise: HostPort?
    var allowsInsecureListening = false
    /// TCP clients must log in.
    var asksForLogin = false
    var certificateFile: String?
    /// nil: the key is in the certificate's file.
    var keyFile: String?
    /// Clients must have a certificate of one of these authorities.
    var clientAuthorityFile: String?
    var addedUser: String?
    var removedUser: String?
    var passwordFile: String?
    var upgradesFormat = false
    /// Started by a command of this user: Unix sockets only, and gone when idle.
    var isOnDemand = false
    /// Says on a pipe when it is ready, or why it is not.
    var hasReadyPipe = false
    /// The command that started it for itself; the server and its directory go when it has ended.
    var ownerID: Int?
    var reporting = ReportingOptions()

    var tellsStarter: Bool { isOnDemand || hasReadyPipe }

    /// The properties of `-F` and `-X` in the order they take effect; `files` are the contents of
    /// `propertyFiles`. Names are checked, values are the server's to judge.
    func brokerProperties(
        files: [(name: String, text: String)] = []
    ) throws(UsageError) -> [PropertyAssignment] {
        var result: [PropertyAssignment] = []
        for file in files {
            for (line, assignment) in try PropertyAssignment.list(inFile: file.text, file.name) {
                do {
                    try assignment.checkName(among: PropertyNames.broker, of: "a broker")
                } catch {
                    throw UsageError("\(file.name) line \(line): \(error.message)")
                }
                result.append(assignment)
            }
        }
        return result + properties
    }

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        if let operand = operands.first {
            throw UsageError(
                "unexpected operand \"\(operand)\"; the directory is given by --data DIR")
        }
        if options.keyFile != nil, options.certificateFile == nil {
            throw UsageError("--tls-key goes with --tls-certificate")
        }
        if options.passwordFile != nil, options.addedUser == nil {
            throw UsageError("--password-file goes with --add-user")
        }
        if options.coversAll, options.job != .status {
            throw UsageError("--all goes with --status")
        }
        if options.memoryBytes != nil, !options.isEphemeral {
            throw UsageError("--memory goes with --ephemeral")
        }
    }
}

extension ValueParser where Value == ServeOptions.Listener {
    static let listener = ValueParser("HOST:PORT") { text throws(UsageError) in
        text == "none" ? .off : .address(try HostPort(text))
    }
}
