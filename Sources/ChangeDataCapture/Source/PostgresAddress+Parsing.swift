import Bytes
import Platform

extension PostgresAddress {
    /// Reads a URI or `key=value` pairs, and fills in from the surroundings. `passwordFile` holds
    /// the password in its first line and goes before all but a password in the text.
    public static func parse(
        _ text: String, passwordFile: String? = nil,
        _ surroundings: AddressSurroundings = .system
    ) throws(CaptureError) -> PostgresAddress {
        var settings: [String: String] = [:]
        if let scheme = ["postgres://", "postgresql://"].first(where: { text.hasPrefix($0) }) {
            settings = try uri(text.dropFirst(scheme.utf8.count))
        } else if text.contains("=") {
            settings = try pairs(text)
        } else {
            throw invalid(
                "the source \"\(text)\" is no PostgreSQL address",
                hint: "it looks like postgres://user@host/database")
        }
        try takeOld(&settings)
        let service = settings.removeValue(forKey: "service") ?? surroundings.variable("PGSERVICE")
        if let service, !service.isEmpty {
            let found = try Self.service(service, &settings, surroundings)
            settings.merge(found) { said, _ in said }
        }
        for (variable, name) in variables where settings[name] == nil {
            if let value = surroundings.variable(variable), !value.isEmpty {
                settings[name] = value
            }
        }
        var address = try make(settings, surroundings)
        let isSaid = settings["password"] != nil && passwordFile == nil
        if !isSaid {
            address.password = try password(
                of: address, settings, file: passwordFile, surroundings)
        }
        for index in address.others.indices {
            var server = address
            server.host = address.others[index].host
            server.port = address.others[index].port
            address.others[index].password =
                isSaid
                ? address.password
                : try password(of: server, settings, file: passwordFile, surroundings)
        }
        return address
    }

    private static let variables = [
        ("PGHOST", "host"), ("PGHOSTADDR", "hostaddr"), ("PGPORT", "port"),
        ("PGTARGETSESSIONATTRS", "target_session_attrs"),
        ("PGLOADBALANCEHOSTS", "load_balance_hosts"), ("PGUSER", "user"), ("PGDATABASE", "dbname"),
        ("PGPASSWORD", "password"), ("PGPASSFILE", "passfile"), ("PGSSLMODE", "sslmode"),
        ("PGSSLROOTCERT", "sslrootcert"), ("PGSSLCERT", "sslcert"), ("PGSSLKEY", "sslkey"),
        ("PGCONNECT_TIMEOUT", "connect_timeout"), ("PGOPTIONS", "options"),
        ("PGAPPNAME", "application_name"), ("PGCHANNELBINDING", "channel_binding"),
        ("PGSSLCRL", "sslcrl"), ("PGSSLCRLDIR", "sslcrldir"), ("PGREQUIREPEER", "requirepeer"),
        ("PGREQUIREAUTH", "require_auth"), ("PGSSLNEGOTIATION", "sslnegotiation"),
        ("PGGSSENCMODE", "gssencmode"),
        ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
        ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ]

    /// Values that ask for what is so anyway.
    private static let harmless = [
        "requirepeer": ["postgres"], "sslnegotiation": ["postgres"],
        "gssencmode": ["disable", "prefer"],
        "ssl_min_protocol_version": ["", "TLSv1", "TLSv1.1", "TLSv1.2"],
        "ssl_max_protocol_version": ["", "TLSv1.3"],
    ]

    /// What else libpq knows, and what has no effect here.
    private static let withoutEffect: Set<String> = [
        "client_encoding", "fallback_application_name", "replication",
        "sslcompression", "sslsni", "krbsrvname", "gsslib",
    ]

    /// What libpq knows and would be unsafe to pass over.
    private static let refused: Set<String> = [
        "sslcrl", "sslcrldir", "requirepeer", "require_auth", "sslnegotiation", "gssencmode",
        "ssl_min_protocol_version", "ssl_max_protocol_version",
    ]

    private static func make(_ settings: [String: String], _ surroundings: AddressSurroundings)
        throws(CaptureError) -> PostgresAddress
    {
        let user = settings["user"] ?? surroundings.userName
        let servers = try Self.servers(settings)
        var address = PostgresAddress(
            host: servers[0].host, port: servers[0].port, user: user,
            database: settings["dbname"] ?? user)
        address.numericHost = servers[0].numericHost
        address.others = Array(servers.dropFirst())
        address.password = settings["password"]
        address.certificateDirectory = surroundings.variable("HOME").map { $0 + "/.postgresql" }
        for (name, value) in settings {
            switch name {
            case "host", "hostaddr", "port", "user", "dbname", "password", "passfile": break
            case "target_session_attrs": address.sessionTarget = try choice(name, value)
            case "load_balance_hosts":
                guard ["disable", "random"].contains(value) else {
                    throw invalid("\(name)=\(value) is unknown", hint: "disable, random")
                }
                address.balancesHosts = value == "random"
            case "sslmode": address.tls = try choice(name, value)
            case "channel_binding": address.channelBinding = try choice(name, value)
            case "sslrootcert": address.rootCertificate = value
            case "sslcert": address.certificate = value
            case "sslkey": address.key = value
            case "sslpassword": address.keyPassword = value
            case "application_name": address.applicationName = value
            case "options": address.options = value
            case "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
                "tcp_user_timeout":
                try keepAlive(name, value, &address.keepAlive)
            case "connect_timeout":
                guard let seconds = Int(value) else {
                    throw invalid("connect_timeout=\(value) is no number of seconds")
                }
                // libpq: 0 and less wait for ever, 1 is taken as 2.
                address.connectTimeoutSeconds = seconds <= 0 ? 86_400 : max(2, seconds)
            default:
                guard !refused.contains(name) || harmless[name]?.contains(value) == true else {
                    throw invalid("the address's parameter \(name)=\(value) is not supported")
                }
                guard withoutEffect.contains(name) || refused.contains(name) else {
                    throw invalid("the address has an unknown parameter \"\(name)\"")
                }
            }
        }
        if address.rootCertificate == "system" {
            // As libpq: whoever has a certificate of any authority is not trusted for that alone.
            if settings["sslmode"] == nil { address.tls = .verifyFull }
            guard address.tls == .verifyFull else {
                throw invalid("sslrootcert=system goes with sslmode=verify-full only")
            }
        }
        return address
    }

    /// As libpq: 0 and less leave it to the system, but for `keepalives`, where 0 turns them off.
    private static func keepAlive(
        _ name: String, _ value: String, _ keepAlive: inout KeepAlive
    ) throws(CaptureError) {
        guard let number = Int32(value) else { throw invalid("\(name)=\(value) is no number") }
        let limit = number > 0 ? number : nil
        switch name {
        case "keepalives": keepAlive.isOn = number != 0
        case "keepalives_idle": keepAlive.idleSeconds = limit
        case "keepalives_interval": keepAlive.intervalSeconds = limit
        case "keepalives_count": keepAlive.count = limit
        default: keepAlive.unansweredMilliseconds = limit
        }
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ value: String
    ) throws(CaptureError) -> Choice {
        if let choice = Choice(rawValue: value) { return choice }
        throw invalid(
            "\(name)=\(value) is unknown",
            hint: Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }

    /// The directory of Debian's sockets if there is one there, as its libpq has it.
    static var defaultHost: String {
        ["/var/run/postgresql", "/tmp"].first {
            POSIXFileSystem().exists("\($0)/.s.PGSQL.5432")
        } ?? "127.0.0.1"
    }

    static func invalid(_ message: String, hint: String? = nil) -> CaptureError {
        .usage(CaptureReport(message, hint: hint))
    }
}

// The two spellings.
extension PostgresAddress {
    /// What stands behind the scheme:
    /// `[user[:password]@][host[:port][,...]][/database][?parameters]`.
    private static func uri(_ text: Substring) throws(CaptureError) -> [String: String] {
        var settings: [String: String] = [:]
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let place = parts[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var server = place[0]
        if place.count == 2, !place[1].isEmpty { settings["dbname"] = try decoded(place[1]) }
        if let at = server.lastIndex(of: "@") {
            let login = server[..<at].split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if !login[0].isEmpty { settings["user"] = try decoded(login[0]) }
            if login.count == 2 { settings["password"] = try decoded(login[1]) }
            server = server[server.index(after: at)...]
        }
        var hosts: [String] = []
        var ports: [String] = []
        for part in server.split(separator: ",", omittingEmptySubsequences: false) {
            let (host, port) = try hostAndPort(part)
            hosts.append(host)
            ports.append(port)
        }
        if hosts.contains(where: { !$0.isEmpty }) {
            settings["host"] = hosts.joined(separator: ",")
        }
        if ports.contains(where: { !$0.isEmpty }) {
            settings["port"] = ports.joined(separator: ",")
        }
        guard parts.count == 2 else { return settings }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else {
                throw invalid("the address has a parameter without a value: \"\(pair)\"")
            }
            settings[try decoded(sides[0])] = try decoded(sides[1])
        }
        return settings
    }

    /// `host`, `host:port`, `[address]:port`; empty: not said.
    private static func hostAndPort(_ text: Substring) throws(CaptureError) -> (String, String) {
        var host = ""
        var rest = text
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = String(text[text.index(after: text.startIndex)..<end])
            rest = text[text.index(after: end)...]
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            host = try decoded(text[..<end])
            rest = text[end...]
        }
        return (host, rest.hasPrefix(":") ? String(rest.dropFirst()) : "")
    }

    private static func decoded(_ text: Substring) throws(CaptureError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(Substring(rest.prefix(2))), radix: 16),
                value != 0
            else { throw invalid("the address has a % that two hexadecimal digits do not follow") }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `key=value`, with `'` around values that have spaces and `\` before what is meant as it is.
    private static func pairs(_ text: String) throws(CaptureError) -> [String: String] {
        var settings: [String: String] = [:]
        var rest = text[...]
        while true {
            rest = rest.drop { $0.isWhitespace }
            guard !rest.isEmpty else { return settings }
            guard let equals = rest.firstIndex(of: "=") else {
                throw invalid("the address has a parameter without a value: \"\(rest)\"")
            }
            let name = rest[..<equals].filter { !$0.isWhitespace }
            rest = rest[rest.index(after: equals)...].drop { $0.isWhitespace }
            var value = ""
            let isQuoted = rest.first == "'"
            if isQuoted { rest.removeFirst() }
            var isClosed = !isQuoted
            while let character = rest.popFirst() {
                if character == "\\", let next = rest.popFirst() {
                    value.append(next)
                } else if isQuoted, character == "'" {
                    isClosed = true
                    break
                } else if !isQuoted, character.isWhitespace {
                    break
                } else {
                    value.append(character)
                }
            }
            guard isClosed else { throw invalid("the address has a ' that is not closed") }
            settings[name] = value
        }
    }
}

// Services, and what JDBC's addresses have.
extension PostgresAddress {
    /// `ssl=true`, as libpq takes it.
    private static func takeOld(_ settings: inout [String: String]) throws(CaptureError) {
        guard let value = settings.removeValue(forKey: "ssl") else { return }
        guard value == "true" else {
            throw invalid("ssl=\(value) is unknown", hint: "sslmode says which TLS is meant")
        }
        settings["sslmode"] = settings["sslmode"] ?? "require"
    }

    /// The parameters of `[name]` in the user's service file, or in the system's.
    private static func service(
        _ name: String, _ settings: inout [String: String], _ surroundings: AddressSurroundings
    ) throws(CaptureError) -> [String: String] {
        let named =
            settings.removeValue(forKey: "servicefile") ?? surroundings.variable("PGSERVICEFILE")
        let own = named ?? surroundings.variable("HOME").map { $0 + "/.pg_service.conf" }
        let system =
            (surroundings.variable("PGSYSCONFDIR") ?? "/etc/postgresql-common")
            + "/pg_service.conf"
        for path in [own, system].compactMap({ $0 }) {
            guard let bytes = surroundings.serviceFile(path) else {
                if path == named { throw .file(CaptureReport("cannot read service file \(path)")) }
                continue
            }
            if let found = section(name, in: String(decoding: bytes, as: UTF8.self)) {
                return found
            }
        }
        throw invalid("there is no definition of service \"\(name)\"")
    }

    static func section(_ name: String, in text: String) -> [String: String]? {
        var found: [String: String]?
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.drop { $0.isWhitespace }
            if line.hasPrefix("#") || line.isEmpty { continue }
            if line.hasPrefix("[") {
                if found != nil { return found }
                if line.dropFirst().prefix(while: { $0 != "]" }) == name { found = [:] }
                continue
            }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { found?[String(parts[0])] = String(parts[1]) }
        }
        return found
    }
}

// Passwords in files.
extension PostgresAddress {
    private static func password(
        of address: PostgresAddress, _ settings: [String: String], file: String?,
        _ surroundings: AddressSurroundings
    ) throws(CaptureError) -> String? {
        if let file {
            guard let bytes = surroundings.passwordFile(file) else {
                throw .file(CaptureReport("cannot read the password file \(file)"))
            }
            let line = bytes.split(separator: 10, omittingEmptySubsequences: false).first ?? []
            return String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }
        let path =
            settings["passfile"] ?? surroundings.variable("HOME").map { $0 + "/.pgpass" }
        guard let path, let bytes = surroundings.passwordList(path) else { return nil }
        return lookUp(address, in: String(decoding: bytes, as: UTF8.self))
    }

    /// The first line `host:port:database:user:password` that fits; `*` fits all. A Unix socket's
    /// host is `localhost` there.
    static func lookUp(_ address: PostgresAddress, in text: String) -> String? {
        let host = address.host.hasPrefix("/") ? "localhost" : address.host
        let wanted = [host, "\(address.port)", address.database, address.user]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = fields(line)
            guard fields.count >= 5 else { continue }
            let fits = zip(fields, wanted).allSatisfy { $0 == "*" || $0 == $1 }
            if fits { return fields[4...].joined(separator: ":") }
        }
        return nil
    }

    private static func fields(_ line: Substring) -> [String] {
        var fields = [""]
        var rest = line[...]
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.popFirst() {
                fields[fields.count - 1].append(next)
            } else if character == ":", fields.count < 5 {
                fields.append("")
            } else if character != "\r" {
                fields[fields.count - 1].append(character)
            }
        }
        return fields
    }
}
