import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a socket is or goes: a numeric internet address with a port, or a path.
public enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    case ipv4(host: String, port: UInt16)
    case ipv6(host: String, port: UInt16)
    case unix(path: String)

    /// The longest path a Unix socket may have; sun_path holds 108 bytes with its end on Linux.
    public static let unixPathBytesMax = 107

    /// From a numeric host; nil for a name (see `resolve`).
    public init?(host: String, port: UInt16) {
        var four = in_addr()
        var six = in6_addr()
        if unsafe inet_pton(AF_INET, host, &four) == 1 {
            self = .ipv4(host: host, port: port)
        } else if unsafe inet_pton(AF_INET6, host, &six) == 1 {
            self = .ipv6(host: host, port: port)
        } else {
            return nil
        }
    }

    /// The addresses of a host name or numeric host, IPv4 first. Blocks; not for loops.
    public static func resolve(host: String, port: UInt16) throws(ResolutionError)
        -> [SocketAddress]
    {
        if let numeric = SocketAddress(host: host, port: port) { return [numeric] }
        var hints = unsafe addrinfo()
        #if canImport(Glibc)
            unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, nil, &hints, &list)
        guard status == 0 else {
            throw ResolutionError(host: host, reason: unsafe String(cString: gai_strerror(status)))
        }
        defer { unsafe freeaddrinfo(list) }
        var four: [SocketAddress] = []
        var six: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            var text = [CChar](repeating: 0, count: 64)
            let flags = NI_NUMERICHOST
            if unsafe getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil,
                0, flags) == 0,
                let address = SocketAddress(host: Self.string(text), port: port)
            {
                if case .ipv4 = address { four.append(address) } else { six.append(address) }
            }
            unsafe next = entry.pointee.ai_next
        }
        return four + six
    }

    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port): port
        case .unix: nil
        }
    }

    public var host: String? {
        switch self {
        case .ipv4(let host, _), .ipv6(let host, _): host
        case .unix: nil
        }
    }

    /// True for 127.0.0.0/8, ::1 and Unix sockets.
    public var isUnix: Bool {
        if case .unix = self { true } else { false }
    }

    public var isLoopback: Bool {
        switch self {
        case .ipv4(let host, _): host.hasPrefix("127.")
        case .ipv6(let host, _): host == "::1"
        case .unix: true
        }
    }

    public var description: String {
        switch self {
        case .ipv4(let host, let port): "\(host):\(port)"
        case .ipv6(let host, let port): "[\(host)]:\(port)"
        case .unix(let path): path
        }
    }

    /// The text of a C string held in an array.
    static func string(_ characters: [CChar]) -> String {
        String(
            decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A host name that has no address.
public struct ResolutionError: Error, Equatable, Sendable {
    public let host: String
    public let reason: String
}

extension SocketAddress {
    var family: CInt {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// Calls `body` with the kernel's form of this address.
    func withRaw<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            let raw = UnsafeMutableRawPointer(pointer)
            switch self {
            case .ipv4(let host, let port):
                let target = unsafe raw.assumingMemoryBound(to: sockaddr_in.self)
                unsafe target.pointee.sin_family = sa_family_t(AF_INET)
                unsafe target.pointee.sin_port = port.bigEndian
                unsafe inet_pton(AF_INET, host, &target.pointee.sin_addr)
                length = socklen_t(MemoryLayout<sockaddr_in>.size)
            case .ipv6(let host, let port):
                let target = unsafe raw.assumingMemoryBound(to: sockaddr_in6.self)
                unsafe target.pointee.sin6_family = sa_family_t(AF_INET6)
                unsafe target.pointee.sin6_port = port.bigEndian
                unsafe inet_pton(AF_INET6, host, &target.pointee.sin6_addr)
                length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            case .unix(let path):
                let target = unsafe raw.assumingMemoryBound(to: sockaddr_un.self)
                unsafe target.pointee.sun_family = sa_family_t(AF_UNIX)
                unsafe withUnsafeMutableBytes(of: &target.pointee.sun_path) { room in
                    unsafe room.copyBytes(from: path.utf8.prefix(room.count - 1))
                }
                length = socklen_t(MemoryLayout<sockaddr_un>.size)
            }
        }
        return unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, length)
            }
        }
    }

    /// The address that `ask` (getsockname, getpeername) fills in.
    static func of(
        _ descriptor: CInt,
        _ ask: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe ask(descriptor, $0, &length)
            }
        }
        guard status == 0 else { return .unix(path: "") }
        return unsafe withUnsafeBytes(of: &storage) { unsafe SocketAddress(raw: $0) }
    }

    private init(raw: UnsafeRawBufferPointer) {
        var text = [CChar](repeating: 0, count: 64)
        switch unsafe CInt(raw.load(as: sockaddr.self).sa_family) {
        case AF_INET:
            var address = unsafe raw.load(as: sockaddr_in.self)
            unsafe inet_ntop(AF_INET, &address.sin_addr, &text, socklen_t(text.count))
            self = .ipv4(host: Self.string(text), port: UInt16(bigEndian: address.sin_port))
        case AF_INET6:
            var address = unsafe raw.load(as: sockaddr_in6.self)
            unsafe inet_ntop(AF_INET6, &address.sin6_addr, &text, socklen_t(text.count))
            self = .ipv6(host: Self.string(text), port: UInt16(bigEndian: address.sin6_port))
        default:
            let path = unsafe raw.dropFirst(2).prefix { $0 != 0 }
            self = .unix(path: unsafe String(decoding: path, as: UTF8.self))
        }
    }
}
