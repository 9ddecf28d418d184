import KafkaProtocol

/// A user as the cluster lists him: the SCRAM mechanisms that he has a password for.
public struct UserListing: Sendable, Equatable {
    public let name: String
    public let mechanisms: [SASLMechanism]
    public let iterations: [Int]
}

extension Cluster {
    /// The users with SCRAM passwords.
    public func listUsers() async throws(ClientError) -> [UserListing] {
        try await onLoop { [self] () async throws(ClientError) in
            let response = try await askController(DescribeUserScramCredentialsRequest())
            guard response.errorCode == .none else {
                throw .refused(
                    api: .describeUserScramCredentials, response.errorCode,
                    detail: response.errorMessage)
            }
            return response.results.map { result in
                let known = result.credentialInfos.filter {
                    SCRAMHash(rawValue: $0.mechanism) != nil
                }
                return UserListing(
                    name: result.user,
                    mechanisms: known.compactMap { SCRAMHash(rawValue: $0.mechanism)?.mechanism },
                    iterations: known.map { Int($0.iterations) })
            }
            .sorted { $0.name < $1.name }
        }
    }

    /// Sets a user's password for all SCRAM mechanisms. It is stretched here: the cluster never
    /// sees it.
    public func setPassword(_ password: String, of user: String) async throws(ClientError) {
        let iterations = Limits.passwordIterations
        let request = AlterUserScramCredentialsRequest.with {
            $0.upsertions = SCRAMHash.allCases.map { hash in
                let salt = environment.login.salt()
                let salted = hash.stretched(password, salt: salt, iterations: iterations)
                return .with {
                    $0.name = user
                    $0.mechanism = hash.rawValue
                    $0.iterations = Int32(iterations)
                    $0.salt = salt
                    $0.saltedPassword = salted
                }
            }
        }
        try await alterUsers(request)
    }

    /// Takes all SCRAM passwords of a user away.
    public func deleteUser(_ user: String) async throws(ClientError) {
        guard let known = try await listUsers().first(where: { $0.name == user }) else {
            throw .refused(
                api: .alterUserScramCredentials, .resourceNotFound,
                detail: "there is no user \"\(user)\"")
        }
        try await alterUsers(
            .with {
                $0.deletions = known.mechanisms.compactMap(\.hash).map { hash in
                    .with {
                        $0.name = user
                        $0.mechanism = hash.rawValue
                    }
                }
            })
    }

    private func alterUsers(_ request: AlterUserScramCredentialsRequest) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            let response = try await askController(request)
            for result in response.results where result.errorCode != .none {
                throw .refused(
                    api: .alterUserScramCredentials, result.errorCode,
                    detail: result.errorMessage)
            }
        }
    }
}
