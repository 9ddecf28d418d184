import Bytes
import Platform
import PostgresProtocol

/// One connection to a PostgreSQL server, with the session's text forms pinned.
///
/// One thread reads and asks; `send` may also come from another, which keeps the connection alive.
/// Calls block, at most until `stop` is set.
public final class PostgresConnection: @unchecked Sendable {
    let address: PostgresAddress
    let socket: BlockingSocket
    private let sending = Lock()
    private let stopSignal: StopSignal?
    /// Read bytes: those from `start` to `end` were not taken yet.
    private(set) var buffer = [UInt8](repeating: 0, count: 256 << 10)
    private var start = 0
    private var end = 0
    /// What is missing of the message that begins at `start`.
    private var needs = 5
    private var lowWater = 1
    private var messageBytesMax = PostgresProtocol.Limits.loginMessageBytesMax
    /// `server_version_num`: 150020.
    public private(set) var version = 0
    private(set) var process: Int32 = 0
    /// When something came last; on the clock of the system's start.
    private(set) var heard: Int64 = 0
    /// How long the server of a stream may say nothing, though it was asked.
    var silenceMax = Limits.silenceNanosecondsMax
    /// The process of the server that does what is asked here, as another connection can see it;
    /// nil: it is not looked after.
    var backend: Int32?
    /// When something was asked, or it was seen at work.
    var asked = SystemClock().monotonicNanoseconds
    /// The server has asked for a proof of who we are: what it says then is about that, and not
    /// about how the connection is secured.
    private var wasAsked = false
    /// Errors of a connection that was lost say "lost" instead of "cannot".
    private var isOpen = false
    var noticed: ((ServerReport) -> Void)?

    static func openOne(
        _ address: PostgresAddress, replication: Bool, stop: StopSignal?, keepsPath: Bool = false
    ) throws(CaptureError) -> PostgresConnection {
        var first: CaptureError?
        for attempt in SecurityAttempt.all(for: address) {
            let connection = PostgresConnection(address, try connect(address), stop)
            do throws(CaptureError) {
                try connection.secure(attempt)
                try connection.logIn(replication: replication, keepsPath: keepsPath)
                return connection
            } catch {
                connection.close()
                switch error {
                case .authentication, .setting: if connection.wasAsked { throw error }
                default: throw first ?? error
                }
                first = first ?? error
            }
        }
        throw first ?? .connection(CaptureReport("cannot reach \(address.description)"))
    }

    private init(_ address: PostgresAddress, _ socket: BlockingSocket, _ stop: StopSignal?) {
        self.address = address
        self.socket = socket
        self.stopSignal = stop
    }

    private static func connect(_ address: PostgresAddress) throws(CaptureError) -> BlockingSocket {
        let places: [SocketAddress]
        if address.isLocal {
            places = [.unix(path: "\(address.host)/.s.PGSQL.\(address.port)")]
        } else {
            do throws(ResolutionError) {
                places = try SocketAddress.resolve(
                    host: address.numericHost ?? address.host, port: address.port)
            } catch {
                throw .connection(
                    CaptureReport("cannot reach \(address.description): \(error.reason)"))
            }
        }
        var failure = CaptureReport("\(address.host) has no address")
        for place in places {
            do throws(SystemError) {
                return try BlockingSocket.connect(
                    place, patienceSeconds: address.connectTimeoutSeconds,
                    keepAlive: address.keepAlive)
            } catch {
                failure = CaptureReport(
                    "cannot reach \(address.description): \(error.reason)",
                    hint: error.isRefused || error.isNotFound ? "is the server running?" : nil)
            }
        }
        throw .connection(failure)
    }

    private func logIn(replication: Bool, keepsPath: Bool) throws(CaptureError) {
        var parameters: [(name: String, value: String)] = [("database", address.database)]
        if replication { parameters.append(("replication", "database")) }
        parameters.append(("application_name", address.applicationName))
        parameters += Self.pinned.filter { !keepsPath || $0.name != "search_path" }
        if !address.options.isEmpty { parameters.append(("options", address.options)) }
        let random = (0..<18).map { _ in UInt8.random(in: .min ... .max) }
        var login = Login(
            user: address.user, password: address.password, nonce: StrictBase64.text(random),
            parameters: parameters, binding: loginBinding)
        try send(login.start)
        while true {
            let message = try nextMessage("log in")
            let step: Login.Step
            do throws(ProtocolError) { step = try login.received(message) } catch {
                throw CaptureError.of(error, doing: "log in", address)
            }
            switch step {
            case .wait: continue
            case .send(let bytes):
                wasAsked = true
                try send(bytes)
            case .ready:
                isOpen = true
                process = login.process
                messageBytesMax = PostgresProtocol.Limits.messageBytesMax
                version = Self.number(login.reported["server_version"] ?? "")
                // Bytes that nobody has looked at, which the server would refuse to send as UTF-8:
                // what is none is repaired here.
                if login.reported["server_encoding"] == "SQL_ASCII" {
                    try execute("SET client_encoding = 'SQL_ASCII'", doing: "begin the session")
                }
                return
            }
        }
    }

    /// Settings of a role would change the text of values.
    private static let pinned: [(name: String, value: String)] = [
        ("client_encoding", "UTF8"), ("DateStyle", "ISO"), ("IntervalStyle", "postgres"),
        ("TimeZone", "UTC"), ("bytea_output", "hex"), ("extra_float_digits", "3"),
        ("lc_monetary", "C"), ("xmlbinary", "base64"), ("quote_all_identifiers", "off"),
        ("search_path", ""), ("standard_conforming_strings", "on"), ("row_security", "off"),
        ("statement_timeout", "0"), ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"), ("client_min_messages", "warning"),
    ]

    /// `15.20 (Debian ...)` is 150020; before 10 there were three parts, which is too old anyway.
    static func number(_ text: String) -> Int {
        let parts = text.prefix { $0.isNumber || $0 == "." }.split(separator: ".")
        let major = parts.first.flatMap { Int($0) } ?? 0
        let minor = parts.dropFirst().first.flatMap { Int($0) } ?? 0
        return min(major, 10_000) * 10_000 + min(minor, 9_999)
    }

    public func close() {
        if isOpen { try? send(FrontendMessage.terminate) }
        isOpen = false
        socket.interrupt()
    }

    /// Ends calls that wait, from any thread.
    func interrupt() { socket.interrupt() }

    func send(_ bytes: [UInt8]) throws(CaptureError) {
        do throws(SystemError) {
            try sending.withLock { () throws(SystemError) in try socket.send(bytes) }
        } catch { throw lost(error.reason) }
    }

    /// Sends a statement, from the thread that reads.
    func ask(_ sql: String) throws(CaptureError) {
        asked = SystemClock().monotonicNanoseconds
        try send(FrontendMessage.query(sql))
    }

    func lost(_ reason: String) -> CaptureError {
        .connection(
            CaptureReport(
                isOpen
                    ? "lost the connection to \(address.description): \(reason)"
                    : "cannot reach \(address.description): \(reason)"))
    }
}

// Reading.
extension PostgresConnection {
    /// Where the next whole message that is here lies in `buffer`; nil if more must be received.
    func nextFrame() throws(CaptureError) -> BackendFrame? {
        let buffer = buffer
        do throws(ProtocolError) {
            let frame = try BackendFrame.next(
                in: buffer.rawSpan.extracting(0..<end), at: start, bytesMax: messageBytesMax,
                needs: &needs)
            if let frame { start = frame.body.upperBound }
            return frame
        } catch {
            throw CaptureError.of(error, doing: "read", address)
        }
    }

    /// The bytes that wait: for a loop that takes many messages at once and then says with
    /// `consumed` how far it came.
    var waiting: Range<Int> { start..<end }

    func consumed(upTo position: Int) { start = position }

    var isStopped: Bool { stopSignal?.isSet == true }

    /// Reads what has arrived, waiting at most so long; false if nothing came.
    func receive(waitNanoseconds: Int64, ignoresStop: Bool = false) throws(CaptureError) -> Bool {
        try receiveCount(waitNanoseconds: waitNanoseconds, ignoresStop: ignoresStop) > 0
    }

    /// The same with the number of bytes.
    func receiveCount(waitNanoseconds: Int64, ignoresStop: Bool = false) throws(CaptureError)
        -> Int
    {
        makeRoom()
        do throws(SystemError) {
            var count = try socket.receive(into: &buffer, end..<buffer.count, waits: false)
            if count == nil, waitNanoseconds > 0 {
                let stop = ignoresStop ? nil : stopSignal
                guard socket.wait(nanoseconds: waitNanoseconds, or: stop) == .ready else {
                    return 0
                }
                count = try socket.receive(into: &buffer, end..<buffer.count, waits: false)
            }
            guard let count else { return 0 }
            guard count > 0 else {
                throw SystemError(code: SystemError.connectionResetCode, operation: "read")
            }
            end += count
            heard = SystemClock().monotonicNanoseconds
            return count
        } catch {
            throw lost(error.reason)
        }
    }

    /// Waits until so much has arrived that reading it is worth while, or the time has passed.
    func waitForMuch(_ bytes: Int, nanoseconds: Int64) {
        if lowWater != bytes { socket.setLowWater(bytes) }
        lowWater = bytes
        _ = socket.wait(nanoseconds: nanoseconds, or: stopSignal)
    }

    /// Waits end with the first byte again.
    func waitForAny() {
        if lowWater != 1 { socket.setLowWater(1) }
        lowWater = 1
    }

    var isLocal: Bool { address.isLocal }

    /// Moves the rest of a message to the front, and grows with what has really come: a length that
    /// is only claimed takes no memory.
    private func makeRoom() {
        if start == end {
            (start, end) = (0, 0)
            if buffer.count > Limits.receiveBytes * 8 {
                buffer = [UInt8](repeating: 0, count: Limits.receiveBytes)
            }
        }
        guard buffer.count - end < 64 << 10 || start > buffer.count / 2 else { return }
        if start > 0 {
            // Mostly the first part of one message.
            let rest = end - start
            for index in 0..<rest { buffer[index] = buffer[start + index] }
            (start, end) = (0, rest)
        }
        if buffer.count - end < 64 << 10 {
            let larger = min(buffer.count * 2, messageBytesMax + (128 << 10))
            buffer += [UInt8](repeating: 0, count: max(0, larger - buffer.count))
        }
    }

    /// The next message, read; waits for it. Notices are handed on and passed over.
    func nextMessage(
        _ doing: String, whileWaiting: (() throws(CaptureError) -> Void)? = nil
    ) throws(CaptureError) -> BackendMessage {
        while true {
            guard let frame = try nextFrame() else {
                if !(try receive(waitNanoseconds: 1_000_000_000)) {
                    if stopSignal?.isSet == true { throw .connection(CaptureReport("stopped")) }
                    try whileWaiting?()
                    try lookAfter()
                }
                continue
            }
            let message: BackendMessage
            let buffer = buffer
            do throws(ProtocolError) {
                message = try BackendMessage.read(
                    frame.tag, buffer.rawSpan.extracting(frame.body))
            } catch { throw CaptureError.of(error, doing: doing, address) }
            if case .notice(let report) = message, isOpen {
                noticed?(report)
                continue
            }
            return message
        }
    }
}
