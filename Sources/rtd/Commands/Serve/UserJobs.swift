import ArgumentParsing
import KafkaClient
import KafkaProtocol
import Platform
import Service

/// The users of a directory's server: `--add-user`, `--remove-user`, `--users`. The server is asked
/// over its Unix socket, and started if none runs.
enum UserJobs {
    private static let passwordBytesMax = 4_096

    static func add(_ user: String, _ options: ServeOptions) throws(CommandFailure) -> Int32 {
        let password = try password(options, of: user)
        try asking(options) { cluster async throws(ClientError) in
            try await cluster.setPassword(password, of: user)
        }
        return 0
    }

    static func remove(_ user: String, _ options: ServeOptions) throws(CommandFailure) -> Int32 {
        try asking(options) { cluster async throws(ClientError) in
            try await cluster.deleteUser(user)
        }
        return 0
    }

    /// A line a user: the name, then the mechanisms.
    static func list(_ options: ServeOptions) throws(CommandFailure) -> Int32 {
        let users = try asking(options) { cluster async throws(ClientError) in
            try await cluster.listUsers()
        }
        let lines = users.map { user in
            "\(user.name)\t\(user.mechanisms.map(\.rawValue).joined(separator: ","))\n"
        }
        return HelpCommand.print(lines.joined())
    }

    private static func asking<Value: Sendable>(
        _ options: ServeOptions,
        _ body: @escaping @Sendable (Cluster) async throws(ClientError) -> Value
    ) throws(CommandFailure) -> Value {
        var connection = ConnectionOptions()
        connection.data = options.data ?? ProcessEnvironment.value("RTD_DATA") ?? ""
        if connection.data == "" { connection.data = try directory() }
        let thread = try ClusterThread("serve", connection, options.reporting)
        defer { thread.close() }
        do throws(ClientError) {
            let cluster = thread.connection.cluster
            return try thread.call { () async throws(ClientError) in try await body(cluster) }
        } catch {
            throw thread.connection.failure(error)
        }
    }

    /// The default directory, so that `$RTD_BROKER` has no say: users are the directory's.
    private static func directory() throws(CommandFailure) -> String {
        do throws(ServiceError) {
            return try DataDirectory.locate(nil).path
        } catch {
            throw CommandFailure(error)
        }
    }

    /// The first line of the file, of stdin for `-`, else the environment's.
    private static func password(_ options: ServeOptions, of user: String)
        throws(CommandFailure) -> String
    {
        guard let path = options.passwordFile else {
            if let text = ProcessEnvironment.value(SecurityProperties.passwordVariable),
                !text.isEmpty
            {
                return text
            }
            throw CommandFailure(
                "--add-user \(user) wants --password-file FILE (- is stdin), or the password in"
                    + " $\(SecurityProperties.passwordVariable)", status: UsageError.exitStatus)
        }
        if path != "-", POSIXFileSystem().isOpenToOthers(path) {
            throw CommandFailure(
                "\(path) holds a password, and other users can read it (chmod 600 \(path))")
        }
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes =
                path == "-"
                ? try StandardInput.readAll(limit: passwordBytesMax)
                : try StandardInput.readAll(path: path, limit: passwordBytesMax)
        } catch {
            throw CommandFailure(error)
        }
        let line = bytes.prefix { $0 != 10 && $0 != 13 }
        guard !line.isEmpty, let text = String(validating: line, as: UTF8.self) else {
            throw CommandFailure("the password of \"\(user)\" is empty, or no UTF-8")
        }
        return text
    }
}
