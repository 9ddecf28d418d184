import Platform

/// One of the servers that an address names.
public struct PostgresServer: Sendable, Equatable {
    /// A name, a numeric address, or the directory of a Unix socket (it begins with a slash).
    public var host: String
    public var port: UInt16
    /// Where to connect to, instead of what the name is looked up to be (`hostaddr`).
    public var numericHost: String?
    /// Of the password file, which tells hosts apart.
    public var password: String?
}

/// Which of several servers is wanted: `target_session_attrs`.
public enum SessionTarget: String, Sendable, CaseIterable {
    case any, primary, standby
    case readWrite = "read-write"
    case readOnly = "read-only"
    case preferStandby = "prefer-standby"

    /// What is looked for in turn among all of them.
    var rounds: [SessionTarget] { self == .preferStandby ? [.standby, .any] : [self] }

    /// Whether a session is what is wanted.
    func fits(isStandby: Bool, isReadOnly: Bool) -> Bool {
        switch self {
        case .any, .preferStandby: true
        case .primary: !isStandby
        case .standby: isStandby
        case .readWrite: !isReadOnly
        case .readOnly: isReadOnly
        }
    }
}

extension PostgresAddress {
    /// Each server as an address of its own, in the order in which they are tried.
    var servers: [PostgresAddress] {
        var first = self
        first.others = []
        first.sessionTarget = .any
        let all =
            [first]
            + others.map { server in
                var address = first
                address.host = server.host
                address.port = server.port
                address.numericHost = server.numericHost
                address.password = server.password
                return address
            }
        return balancesHosts ? all.shuffled() : all
    }

    /// `host`, `hostaddr` and `port`: lists of the same length, or one port for all.
    static func servers(_ settings: [String: String]) throws(CaptureError) -> [PostgresServer] {
        let hosts = list(settings["host"])
        let numeric = list(settings["hostaddr"])
        let ports = list(settings["port"])
        let count = max(1, hosts.count, numeric.count)
        guard hosts.isEmpty || numeric.isEmpty || hosts.count == numeric.count else {
            throw invalid("the address has \(hosts.count) hosts and \(numeric.count) hostaddr")
        }
        guard ports.count <= 1 || ports.count == count else {
            throw invalid("the address has \(count) hosts and \(ports.count) ports")
        }
        var servers: [PostgresServer] = []
        for index in 0..<count {
            let port = ports.count > 1 ? ports[index] : ports.first ?? ""
            let address = numeric.isEmpty || numeric[index].isEmpty ? nil : numeric[index]
            let host = hosts.isEmpty || hosts[index].isEmpty ? nil : hosts[index]
            servers.append(
                PostgresServer(
                    host: host ?? address ?? defaultHost, port: try number(ofPort: port),
                    numericHost: address))
        }
        return servers
    }

    private static func list(_ text: String?) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    private static func number(ofPort text: String) throws(CaptureError) -> UInt16 {
        if text.isEmpty { return 5_432 }
        guard let port = UInt16(text), port > 0 else {
            throw invalid("the port \"\(text)\" is no number from 1 to 65535")
        }
        return port
    }
}

extension PostgresConnection {
    /// Connects and logs in; with `replication` statements of replication can be sent as well. Of
    /// several servers the first that can be reached and is what is wanted. `keepsPath` leaves
    /// search_path what it is for this role in this database.
    public static func open(
        _ address: PostgresAddress, replication: Bool = false, stop: StopSignal? = nil,
        keepsPath: Bool = false
    ) throws(CaptureError) -> PostgresConnection {
        let servers = address.servers
        var failures: [String] = []
        for target in address.sessionTarget.rounds {
            failures = []
            for server in servers {
                do throws(CaptureError) {
                    let connection = try openOne(
                        server, replication: replication, stop: stop, keepsPath: keepsPath)
                    if target == .any { return connection }
                    if try connection.fits(target) { return connection }
                    connection.close()
                    failures.append("\(server.description) is not \(target.rawValue)")
                } catch {
                    // Whoever refuses us is the one that was meant.
                    guard case .connection = error, servers.count > 1, stop?.isSet != true else {
                        throw error
                    }
                    failures.append("\(error)")
                }
            }
        }
        throw .connection(CaptureReport(failures.joined(separator: "; ")))
    }

    private func fits(_ target: SessionTarget) throws(CaptureError) -> Bool {
        let row =
            try rows(
                "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')",
                doing: "ask what the server is"
            ).first ?? []
        guard row.count == 2 else { throw unexpected("ask what the server is") }
        return target.fits(isStandby: row[0] == "t", isReadOnly: row[1] == "on")
    }
}
