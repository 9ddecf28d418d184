/// One TLS session between two buffers in memory: what came from the peer goes in, what must go to
/// the peer comes out. It never touches a socket. Used on one loop.
@safe final class TLSSession: @unchecked Sendable {
    enum Status: Equatable {
        /// So many bytes of plain text were moved; for a handshake: it is done.
        case moved(Int)
        /// More of the peer is needed first.
        case wantsInput
        /// The peer has ended the session in order.
        case closed
        case failed(String)
    }

    private let context: TLSContext
    private let library: OpenSSL
    private let pointer: OpenSSL.Pointer
    /// Owned by the session.
    private let incoming: OpenSSL.Pointer
    private let outgoing: OpenSSL.Pointer
    private let host: String?

    init(_ context: TLSContext, _ parent: OpenSSL.Pointer, host: String?) throws(TLSError) {
        let library = context.library
        guard let pointer = unsafe library.sessionNew(parent),
            let incoming = unsafe library.bufferNew(library.bufferMethod()),
            let outgoing = unsafe library.bufferNew(library.bufferMethod())
        else { throw TLSError("OpenSSL has no memory for a session") }
        self.context = context
        self.library = library
        unsafe self.pointer = unsafe pointer
        unsafe self.incoming = unsafe incoming
        unsafe self.outgoing = unsafe outgoing
        self.host = host
        unsafe library.sessionSetBuffers(pointer, incoming, outgoing)
        switch context.side {
        case .server: unsafe library.sessionAccepts(pointer)
        case .client:
            unsafe library.sessionConnects(pointer)
            if let host { name(host) }
        }
    }

    deinit { unsafe library.sessionFree(pointer) }

    var isServer: Bool { context.side == .server }

    /// Tells the server, and the check of its certificate, which host is meant.
    private func name(_ host: String) {
        let isAddress = SocketAddress(host: host, port: 0) != nil
        if !isAddress {
            var name = Array(host.utf8CString)
            unsafe name.withUnsafeMutableBytes { bytes in
                _ = unsafe library.sessionControl(
                    pointer, OpenSSL.Control.setServerName, 0, bytes.baseAddress)
            }
        }
        guard context.settings.verifiesPeer, context.settings.verifiesHost else { return }
        if isAddress {
            _ = unsafe library.parametersSetAddress(library.sessionParameters(pointer), host)
        } else {
            _ = unsafe library.sessionSetHost(pointer, host)
        }
    }

    func handshake() -> Status {
        library.errorClear()
        let result = unsafe library.sessionHandshake(pointer)
        return result == 1 ? .moved(0) : status(result)
    }

    /// Takes bytes of the peer.
    func feed(_ bytes: UnsafeRawBufferPointer) {
        _ = unsafe library.bufferWrite(incoming, bytes.baseAddress, CInt(clamping: bytes.count))
    }

    /// Bytes that wait to go to the peer.
    var pendingOutput: Int { unsafe library.bufferPending(outgoing) }

    func takeOutput() -> [UInt8] {
        let count = pendingOutput
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = unsafe max(
                0, Int(library.bufferRead(outgoing, buffer.baseAddress, CInt(count))))
        }
    }

    func decrypt(into target: UnsafeMutableRawBufferPointer) -> Status {
        library.errorClear()
        let count = unsafe library.sessionRead(
            pointer, target.baseAddress, CInt(clamping: target.count))
        return count > 0 ? .moved(Int(count)) : status(count)
    }

    func encrypt(_ source: UnsafeRawBufferPointer) -> Status {
        library.errorClear()
        let count = unsafe library.sessionWrite(
            pointer, source.baseAddress, CInt(clamping: source.count))
        return count > 0 ? .moved(Int(count)) : status(count)
    }

    /// Says to the peer that nothing follows.
    func end() {
        library.errorClear()
        _ = unsafe library.sessionShutdown(pointer)
    }

    private func status(_ result: CInt) -> Status {
        switch unsafe library.sessionError(pointer, result) {
        case OpenSSL.Outcome.wantsRead, OpenSSL.Outcome.wantsWrite: return .wantsInput
        case OpenSSL.Outcome.closed: return .closed
        default: return .failed(reason())
        }
    }

    private func reason() -> String {
        let words = library.lastReason()
        if isServer { return TLSReason.ofServer(words) }
        let code = unsafe library.sessionVerifyResult(pointer)
        guard code != 0, context.settings.verifiesPeer, words == "certificate verify failed" else {
            return TLSReason.ofClient(words, context.settings.vocabulary)
        }
        let text = unsafe library.verifyText(code).map { unsafe String(cString: $0) } ?? words
        return TLSReason.certificate(
            Int(code), text, host: host, context.settings.vocabulary)
    }

    /// What `tls-server-end-point` binds a login to (RFC 5929): the digest of the peer's
    /// certificate by the hash of its signature, SHA-256 for the weak ones; nil where that is not
    /// defined.
    func endPointBinding() -> [UInt8]? {
        guard let certificate = unsafe library.sessionPeer(pointer) else { return nil }
        defer { unsafe library.certificateFree(certificate) }
        var hash: CInt = 0
        guard unsafe library.certificateSignature(certificate, &hash, nil, nil, nil) == 1 else {
            return nil
        }
        // NID_md5 and NID_sha1.
        let name = unsafe hash == 4 || hash == 64 ? nil : library.objectName(hash)
        let digest =
            unsafe name == nil ? library.digestNamed("SHA256") : library.digestNamed(name)
        guard unsafe digest != nil else { return nil }
        var bytes = [UInt8](repeating: 0, count: 64)
        var count: CUnsignedInt = 0
        let isDone = unsafe bytes.withUnsafeMutableBytes { room in
            unsafe library.certificateDigest(certificate, digest, room.baseAddress, &count) == 1
        }
        return isDone ? Array(bytes.prefix(Int(count))) : nil
    }

    /// The name in the peer's verified certificate, as RFC 2253 writes it; nil if it sent none.
    func peerName() -> String? {
        guard let certificate = unsafe library.sessionPeer(pointer) else { return nil }
        defer { unsafe library.certificateFree(certificate) }
        guard let buffer = unsafe library.bufferNew(library.bufferMethod()) else { return nil }
        defer { _ = unsafe library.bufferFree(buffer) }
        // XN_FLAG_RFC2253 without ASN1_STRFLGS_ESC_MSB, so that UTF-8 stays readable.
        let flags: CUnsignedLong = 0x111_0317 & ~0x4
        _ = unsafe library.nameText(buffer, library.certificateSubject(certificate), 0, flags)
        let count = unsafe library.bufferPending(buffer)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            filled = unsafe max(0, Int(library.bufferRead(buffer, target.baseAddress, CInt(count))))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
