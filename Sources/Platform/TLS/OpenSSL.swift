#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The functions of OpenSSL 3 that TLS needs, found at run time: who does not ask for TLS needs no
/// library, and the binary links to none.
///
/// Loaded once, by whichever thread asks first. The objects of OpenSSL are opaque pointers here;
/// `TLSContext` and `TLSSession` own them. Macros of its headers are the numbers in `Control`.
@safe final class OpenSSL: @unchecked Sendable {
    typealias Pointer = OpaquePointer
    typealias Bytes = UnsafeRawPointer
    typealias Room = UnsafeMutableRawPointer
    typealias Text = UnsafePointer<CChar>
    typealias Number = UnsafeMutablePointer<CInt>

    /// The requests behind the macros of ssl.h.
    enum Control {
        static let mode: CInt = 33
        static let setServerName: CInt = 55
        static let addChainCertificate: CInt = 89
        static let setVersionMin: CInt = 123
        /// Partial writes, moving buffers, and no buffers for a session at rest.
        static let modes: CLong = 0x1 | 0x2 | 0x10
        static let version12: CLong = 0x0303
    }

    /// What SSL_get_error says.
    enum Outcome {
        static let wantsRead: CInt = 2
        static let wantsWrite: CInt = 3
        static let closed: CInt = 6
    }

    /// For SSL_CTX_set_verify.
    enum Verification {
        static let none: CInt = 0
        static let peer: CInt = 1
        static let required: CInt = 1 | 2
    }

    let methodTLS: @convention(c) () -> Pointer?
    let contextNew: @convention(c) (Pointer?) -> Pointer?
    let contextFree: @convention(c) (Pointer?) -> Void
    let contextControl: @convention(c) (Pointer?, CInt, CLong, Room?) -> CLong
    let contextSetVerify: @convention(c) (Pointer?, CInt, Room?) -> Void
    let contextUseCertificate: @convention(c) (Pointer?, Pointer?) -> CInt
    let contextUseKey: @convention(c) (Pointer?, Pointer?) -> CInt
    let contextCheckKey: @convention(c) (Pointer?) -> CInt
    let contextStore: @convention(c) (Pointer?) -> Pointer?
    let contextDefaultPaths: @convention(c) (Pointer?) -> CInt
    let contextLoadPaths: @convention(c) (Pointer?, Text?, Text?) -> CInt
    let contextAddClientAuthority: @convention(c) (Pointer?, Pointer?) -> CInt
    let contextSetCiphers: @convention(c) (Pointer?, Text?) -> CInt
    let sessionNew: @convention(c) (Pointer?) -> Pointer?
    let sessionFree: @convention(c) (Pointer?) -> Void
    let sessionSetBuffers: @convention(c) (Pointer?, Pointer?, Pointer?) -> Void
    let sessionConnects: @convention(c) (Pointer?) -> Void
    let sessionAccepts: @convention(c) (Pointer?) -> Void
    let sessionHandshake: @convention(c) (Pointer?) -> CInt
    let sessionRead: @convention(c) (Pointer?, Room?, CInt) -> CInt
    let sessionWrite: @convention(c) (Pointer?, Bytes?, CInt) -> CInt
    let sessionError: @convention(c) (Pointer?, CInt) -> CInt
    let sessionShutdown: @convention(c) (Pointer?) -> CInt
    let sessionControl: @convention(c) (Pointer?, CInt, CLong, Room?) -> CLong
    let sessionSetHost: @convention(c) (Pointer?, Text?) -> CInt
    let sessionParameters: @convention(c) (Pointer?) -> Pointer?
    let sessionVerifyResult: @convention(c) (Pointer?) -> CLong
    let sessionPeer: @convention(c) (Pointer?) -> Pointer?
    let parametersSetAddress: @convention(c) (Pointer?, Text?) -> CInt
    let storeAdd: @convention(c) (Pointer?, Pointer?) -> CInt
    let verifyText: @convention(c) (CLong) -> Text?
    let certificateFree: @convention(c) (Pointer?) -> Void
    let certificateSubject: @convention(c) (Pointer?) -> Pointer?
    let certificateSignature: @convention(c) (Pointer?, Number?, Number?, Number?, Number?) -> CInt
    let certificateDigest:
        @convention(c) (Pointer?, Pointer?, Room?, UnsafeMutablePointer<CUnsignedInt>?) -> CInt
    let objectName: @convention(c) (CInt) -> Text?
    let digestNamed: @convention(c) (Text?) -> Pointer?
    let keyFree: @convention(c) (Pointer?) -> Void
    let nameText: @convention(c) (Pointer?, Pointer?, CInt, CUnsignedLong) -> CInt
    let readCertificate: @convention(c) (Pointer?, Pointer?, Room?, Room?) -> Pointer?
    let readKey: @convention(c) (Pointer?, Pointer?, Room?, Room?) -> Pointer?
    let bufferNew: @convention(c) (Pointer?) -> Pointer?
    let bufferMethod: @convention(c) () -> Pointer?
    let bufferOf: @convention(c) (Bytes?, CInt) -> Pointer?
    let bufferFree: @convention(c) (Pointer?) -> CInt
    let bufferRead: @convention(c) (Pointer?, Room?, CInt) -> CInt
    let bufferWrite: @convention(c) (Pointer?, Bytes?, CInt) -> CInt
    let bufferPending: @convention(c) (Pointer?) -> Int
    let errorClear: @convention(c) () -> Void
    let errorLast: @convention(c) () -> CUnsignedLong
    let errorReason: @convention(c) (CUnsignedLong) -> Text?

    private static let loaded: Result<OpenSSL, TLSError> = {
        do throws(TLSError) {
            return .success(try OpenSSL())
        } catch {
            return .failure(error)
        }
    }()

    /// The library; the same error each time if this machine has none.
    static func library() throws(TLSError) -> OpenSSL { try loaded.get() }

    private init() throws(TLSError) {
        let symbols = try Symbols()
        unsafe methodTLS = unsafe try symbols.find("TLS_method")
        unsafe contextNew = unsafe try symbols.find("SSL_CTX_new")
        unsafe contextFree = unsafe try symbols.find("SSL_CTX_free")
        unsafe contextControl = unsafe try symbols.find("SSL_CTX_ctrl")
        unsafe contextSetVerify = unsafe try symbols.find("SSL_CTX_set_verify")
        unsafe contextUseCertificate = unsafe try symbols.find("SSL_CTX_use_certificate")
        unsafe contextUseKey = unsafe try symbols.find("SSL_CTX_use_PrivateKey")
        unsafe contextCheckKey = unsafe try symbols.find("SSL_CTX_check_private_key")
        unsafe contextStore = unsafe try symbols.find("SSL_CTX_get_cert_store")
        unsafe contextDefaultPaths = unsafe try symbols.find("SSL_CTX_set_default_verify_paths")
        unsafe contextLoadPaths = unsafe try symbols.find("SSL_CTX_load_verify_locations")
        unsafe contextAddClientAuthority = unsafe try symbols.find("SSL_CTX_add_client_CA")
        unsafe contextSetCiphers = unsafe try symbols.find("SSL_CTX_set_cipher_list")
        unsafe sessionNew = unsafe try symbols.find("SSL_new")
        unsafe sessionFree = unsafe try symbols.find("SSL_free")
        unsafe sessionSetBuffers = unsafe try symbols.find("SSL_set_bio")
        unsafe sessionConnects = unsafe try symbols.find("SSL_set_connect_state")
        unsafe sessionAccepts = unsafe try symbols.find("SSL_set_accept_state")
        unsafe sessionHandshake = unsafe try symbols.find("SSL_do_handshake")
        unsafe sessionRead = unsafe try symbols.find("SSL_read")
        unsafe sessionWrite = unsafe try symbols.find("SSL_write")
        unsafe sessionError = unsafe try symbols.find("SSL_get_error")
        unsafe sessionShutdown = unsafe try symbols.find("SSL_shutdown")
        unsafe sessionControl = unsafe try symbols.find("SSL_ctrl")
        unsafe sessionSetHost = unsafe try symbols.find("SSL_set1_host")
        unsafe sessionParameters = unsafe try symbols.find("SSL_get0_param")
        unsafe sessionVerifyResult = unsafe try symbols.find("SSL_get_verify_result")
        unsafe sessionPeer = unsafe try symbols.find("SSL_get1_peer_certificate")
        unsafe parametersSetAddress = unsafe try symbols.find("X509_VERIFY_PARAM_set1_ip_asc")
        unsafe storeAdd = unsafe try symbols.find("X509_STORE_add_cert")
        unsafe verifyText = unsafe try symbols.find("X509_verify_cert_error_string")
        unsafe certificateFree = unsafe try symbols.find("X509_free")
        unsafe certificateSubject = unsafe try symbols.find("X509_get_subject_name")
        unsafe certificateSignature = unsafe try symbols.find("X509_get_signature_info")
        unsafe certificateDigest = unsafe try symbols.find("X509_digest")
        unsafe objectName = unsafe try symbols.find("OBJ_nid2sn")
        unsafe digestNamed = unsafe try symbols.find("EVP_get_digestbyname")
        unsafe keyFree = unsafe try symbols.find("EVP_PKEY_free")
        unsafe nameText = unsafe try symbols.find("X509_NAME_print_ex")
        unsafe readCertificate = unsafe try symbols.find("PEM_read_bio_X509")
        unsafe readKey = unsafe try symbols.find("PEM_read_bio_PrivateKey")
        unsafe bufferNew = unsafe try symbols.find("BIO_new")
        unsafe bufferMethod = unsafe try symbols.find("BIO_s_mem")
        unsafe bufferOf = unsafe try symbols.find("BIO_new_mem_buf")
        unsafe bufferFree = unsafe try symbols.find("BIO_free")
        unsafe bufferRead = unsafe try symbols.find("BIO_read")
        unsafe bufferWrite = unsafe try symbols.find("BIO_write")
        unsafe bufferPending = unsafe try symbols.find("BIO_ctrl_pending")
        errorClear = try symbols.find("ERR_clear_error")
        errorLast = try symbols.find("ERR_peek_last_error")
        unsafe errorReason = unsafe try symbols.find("ERR_reason_error_string")
    }

    /// The library's words for the last error of this thread, such as "certificate verify failed".
    func lastReason() -> String {
        guard let text = unsafe errorReason(errorLast()) else { return "" }
        return unsafe String(cString: text)
    }
}

/// The opened library, from which functions are taken by name.
@safe private struct Symbols {
    private let handle: UnsafeMutableRawPointer
    private let name: String

    /// Where OpenSSL 3 is. On macOS a bare name would find the system's guarded stub, which ends
    /// the process, so only the places of package managers are tried.
    private static var candidates: [String] {
        if let chosen = ProcessEnvironment.value("RTD_LIBSSL"), !chosen.isEmpty { return [chosen] }
        #if os(Linux)
            return ["libssl.so.3"]
        #else
            return ["/opt/homebrew/opt/openssl@3", "/usr/local/opt/openssl@3", "/opt/local"]
                .map { $0 + "/lib/libssl.3.dylib" }
        #endif
    }

    init() throws(TLSError) {
        for candidate in Self.candidates {
            if let handle = unsafe dlopen(candidate, RTLD_NOW | RTLD_LOCAL) {
                unsafe self.handle = unsafe handle
                name = candidate
                return
            }
        }
        throw TLSError(
            "TLS needs OpenSSL 3, which is not installed ("
                + Self.candidates.joined(separator: ", ")
                + "; on Debian: apt install libssl3; RTD_LIBSSL names another file)")
    }

    /// A function of libssl or of the libcrypto that it brings. The type is that of its header.
    func find<Function>(_ symbol: String) throws(TLSError) -> Function {
        guard let address = unsafe dlsym(handle, symbol) else {
            throw TLSError("\(name) is no OpenSSL 3: it has no \(symbol)")
        }
        return unsafe unsafeBitCast(address, to: Function.self)
    }
}
