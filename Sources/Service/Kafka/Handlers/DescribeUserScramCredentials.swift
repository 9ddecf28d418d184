import KafkaProtocol

/// DescribeUserScramCredentials, key 50, v0 (KIP-554): the users and the mechanisms that they have
/// a password for; nothing of the passwords.
enum DescribeUserScramCredentialsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    static func handle(
        _ request: DescribeUserScramCredentialsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeUserScramCredentialsRequest>
    ) {
        var response = DescribeUserScramCredentialsResponse()
        let logIn = context.server.logIn
        let all = logIn.users.list()
        guard all.isEmpty || logIn.maySeeUsers(context.connection.session.principal) else {
            response.errorCode = .securityDisabled
            response.errorMessage = "Users are told to those who have logged in."
            return reply.send(response)
        }
        guard let wanted = request.users, !wanted.isEmpty else {
            response.results = all.map { entry($0.user, $0.credentials) }
            return reply.send(response)
        }
        var seen: Set<String> = []
        for name in wanted.map(\.name) where seen.insert(name).inserted {
            if wanted.filter({ $0.name == name }).count > 1 {
                response.results.append(failed(name, .duplicateResource, "It is named twice."))
            } else if let found = all.first(where: { $0.user == name }) {
                response.results.append(entry(name, found.credentials))
            } else {
                response.results.append(
                    failed(name, .resourceNotFound, "There is no user \(name)."))
            }
        }
        reply.send(response)
    }

    private static func failed(_ user: String, _ code: ErrorCode, _ words: String)
        -> DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult
    {
        .with {
            $0.user = user
            $0.errorCode = code
            $0.errorMessage = words
        }
    }

    private static func entry(_ user: String, _ credentials: [SCRAMCredential])
        -> DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult
    {
        .with {
            $0.user = user
            $0.credentialInfos = credentials.map { kept in
                .with {
                    $0.mechanism = kept.hash.rawValue
                    $0.iterations = Int32(clamping: kept.iterations)
                }
            }
        }
    }
}
