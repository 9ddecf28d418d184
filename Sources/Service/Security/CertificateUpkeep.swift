import Platform

/// Reads the certificate of the listeners anew when its files change or the owner says so; a
/// certificate that does not fit leaves the old one in place and is told. Any thread.
final class CertificateUpkeep: @unchecked Sendable {
    private let listener: ListenerSecurity
    private let make: @Sendable () throws(TLSError) -> TLSContext
    private let files: [String]
    private let report: @Sendable (String) -> Void
    private let lock = Lock()
    private var stamps: [String?]

    init?(
        _ security: ServerSecurity, _ listener: ListenerSecurity,
        report: @escaping @Sendable (String) -> Void
    ) {
        guard let make = security.tls else { return nil }
        self.make = make
        self.listener = listener
        self.report = report
        files = security.tlsFiles
        stamps = Self.stamps(security.tlsFiles)
    }

    private static func stamps(_ files: [String]) -> [String?] {
        files.map { POSIXFileSystem().stamp($0) }
    }

    /// Looks whether a file has changed. Touches the disk.
    func check() {
        let now = Self.stamps(files)
        let isNew = lock.withLock {
            defer { stamps = now }
            return stamps != now
        }
        if isNew { reload() }
    }

    func reload() {
        do throws(TLSError) {
            listener.replace(try make())
            report("the certificate was read anew, for new connections")
        } catch {
            report("the certificate is kept, as the new one cannot be used: \(error)")
        }
    }
}
