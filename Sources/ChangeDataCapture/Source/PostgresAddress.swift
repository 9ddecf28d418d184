import Bytes
import Platform

/// Where a PostgreSQL server is, who asks and for which database, and how the connection is
/// secured.
///
/// Made from a URI (`postgres://user:password@host:port/database?parameter=value`) or from
/// `key=value` pairs, as libpq takes them; what is not said comes from libpq's variables (`PGHOST`,
/// `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, ...) and from the password file.
public struct PostgresAddress: Sendable, Equatable {
    public enum TLSMode: String, Sendable, CaseIterable {
        case disable, allow, prefer, require
        case verifyCA = "verify-ca"
        case verifyFull = "verify-full"
    }

    public enum ChannelBinding: String, Sendable, CaseIterable { case disable, prefer, require }

    /// A name, a numeric address, or the directory of a Unix socket (it begins with a slash).
    public var host: String
    public var port: UInt16
    public var user: String
    public var database: String
    public var password: String?
    public var tls = TLSMode.prefer
    /// Files of PEM: authorities that are believed (`system`: those of this machine), a certificate
    /// of our own, its key. What is nil is looked for in `certificateDirectory`.
    public var rootCertificate: String?
    public var certificate: String?
    public var key: String?
    public var keyPassword: String?
    /// `~/.postgresql`, where libpq looks.
    public var certificateDirectory: String?
    public var channelBinding = ChannelBinding.prefer
    /// Where to connect to, instead of what `host` is looked up to be.
    public var numericHost: String?
    /// More servers, which are tried behind the first one.
    public var others: [PostgresServer] = []
    public var sessionTarget = SessionTarget.any
    /// `load_balance_hosts=random`.
    public var balancesHosts = false
    public var applicationName = "rtd"
    public var connectTimeoutSeconds = 10
    /// When a server that is gone without a word is noticed.
    public var keepAlive = KeepAlive()
    /// More settings of the session, `-c name=value ...`.
    public var options = ""

    public init(host: String, port: UInt16 = 5432, user: String, database: String) {
        self.host = host
        self.port = port
        self.user = user
        self.database = database
    }

    /// A Unix socket needs no TLS, and has none.
    var isLocal: Bool { host.hasPrefix("/") && numericHost == nil }

    /// As people see it: without the password.
    public var description: String {
        isLocal ? "\(host)/.s.PGSQL.\(port)" : "\(host):\(port)"
    }
}

/// What stands around an address: variables, the user's name, the password file.
public struct AddressSurroundings: Sendable {
    public var variable: @Sendable (String) -> String?
    /// Bytes of a file, nil if it is missing.
    public var passwordFile: @Sendable (String) -> [UInt8]?
    /// The same of one that holds passwords of several servers; nil also if it may be read by
    /// others.
    public var passwordList: @Sendable (String) -> [UInt8]?
    /// Bytes of a service file, nil if it is missing.
    public var serviceFile: @Sendable (String) -> [UInt8]?
    /// Of the process.
    public var userName: String

    public init(
        variable: @escaping @Sendable (String) -> String?,
        passwordFile: @escaping @Sendable (String) -> [UInt8]?,
        passwordList: (@Sendable (String) -> [UInt8]?)? = nil,
        serviceFile: @escaping @Sendable (String) -> [UInt8]? = { _ in nil },
        userName: String = "postgres"
    ) {
        self.variable = variable
        self.passwordFile = passwordFile
        self.passwordList = passwordList ?? passwordFile
        self.serviceFile = serviceFile
        self.userName = userName
    }

    private static func file(_ path: String) -> [UInt8]? {
        try? POSIXFileSystem().readAll(path, limit: Limits.passwordFileBytesMax)
    }

    /// libpq leaves out what others may read, and says so.
    private static func secretFile(_ path: String) -> [UInt8]? {
        guard let bytes = file(path) else { return nil }
        guard !POSIXFileSystem().isOpenToOthers(path) else {
            StandardError.write(
                line: "rtd: password file \"\(path)\" has group or world access; permissions "
                    + "should be u=rw (0600) or less; it is not used")
            return nil
        }
        return bytes
    }

    /// This process's.
    public static let system = AddressSurroundings(
        variable: { ProcessEnvironment.value($0) },
        passwordFile: file, passwordList: secretFile, serviceFile: file,
        userName: Processes.userName(Processes.userID))
}
