import KafkaProtocol

/// SaslAuthenticate, key 36, v0-2: one token of a log-in that SaslHandshake v1 has begun. A refusal
/// is answered after a while with SASL_AUTHENTICATION_FAILED, and the connection is closed.
enum SaslAuthenticateHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2

    static func handle(
        _ request: SaslAuthenticateRequest, _ context: borrowing RequestContext,
        _ reply: Reply<SaslAuthenticateRequest>
    ) {
        context.server.logIn.received(request.authBytes, isBare: false, context.connection) {
            var response = SaslAuthenticateResponse()
            switch $0 {
            case .token(let bytes, let lifetime):
                response.authBytes = bytes
                response.sessionLifetimeMs = lifetime
            case .refused(let words):
                response.errorCode = .saslAuthenticationFailed
                response.errorMessage = words
            }
            reply.send(response)
        }
    }
}
