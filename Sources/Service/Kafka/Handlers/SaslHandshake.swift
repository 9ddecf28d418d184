import KafkaProtocol
import Platform

/// SaslHandshake, key 17, v0-1: chooses how the client logs in. After v0 the tokens come as frames
/// without a header, after v1 in SaslAuthenticate. A listener that asks nobody to log in answers
/// ILLEGAL_SASL_STATE, as Kafka's does.
enum SaslHandshakeHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    static func handle(
        _ request: SaslHandshakeRequest, _ context: borrowing RequestContext,
        _ reply: Reply<SaslHandshakeRequest>
    ) {
        let connection = context.connection
        var response = SaslHandshakeResponse()
        response.errorCode = context.server.logIn.choose(
            request.mechanism, isBare: context.version == 0, connection)
        response.mechanisms = connection.security.offered(to: connection.stream.peerAddress)
            .map(\.rawValue)
        reply.send(response)
    }
}
