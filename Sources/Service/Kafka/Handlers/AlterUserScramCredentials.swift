import KafkaProtocol
import Platform

/// AlterUserScramCredentials, key 51, v0 (KIP-554): sets and deletes passwords, which come salted.
/// The owner of the directory and super users may change every user's, others their own; where
/// nobody logs in it is SECURITY_DISABLED, but for an ephemeral server's. All that
/// is valid is kept together, on the disk, before the answer.
enum AlterUserScramCredentialsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    private typealias Refusal = (code: ErrorCode, words: String)

    static func handle(
        _ request: AlterUserScramCredentialsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<AlterUserScramCredentialsRequest>
    ) {
        let logIn = context.server.logIn
        let principal = context.connection.session.principal
        var changes = Changes(logIn.users, isAnonymous: principal == .anonymous)
        for deletion in request.deletions {
            changes.add(deletion.name, deletion.mechanism, nil) {
                logIn.mayChange($0, principal)
            }
        }
        for upsertion in request.upsertions {
            changes.add(upsertion.name, upsertion.mechanism, upsertion) {
                logIn.mayChange($0, principal)
            }
        }
        let all = changes
        context.server.workers.submit { reply.send(all.apply(to: logIn.users)) }
    }

    /// What a request asks for, judged user by user.
    private struct Changes: Sendable {
        private let users: UserStore
        private var order: [String] = []
        private var refusals: [String: Refusal] = [:]
        private var removed: [(user: String, hash: SCRAMHash)] = []
        private var added: [(user: String, SCRAMCredential)] = []
        private var seen: Set<String> = []

        private let isAnonymous: Bool

        init(_ users: UserStore, isAnonymous: Bool) {
            self.users = users
            self.isAnonymous = isAnonymous
        }

        mutating func add(
            _ user: String, _ mechanism: Int8,
            _ new: AlterUserScramCredentialsRequest.ScramCredentialUpsertion?,
            isAllowed: (String) -> Bool
        ) {
            if !order.contains(user) { order.append(user) }
            if refusals[user] != nil { return }
            guard isAllowed(user) else {
                if isAnonymous {
                    return refuse(
                        user, .securityDisabled,
                        "Nobody logs in here, so nobody may add users: rtd serve --add-user does,"
                            + " and so do clients of an --ephemeral server.")
                }
                return refuse(
                    user, .clusterAuthorizationFailed,
                    "Passwords of others are changed by super.users, or on the server's machine.")
            }
            guard !user.isEmpty else {
                return refuse(user, .unacceptableCredential, "A user has a name.")
            }
            guard let hash = SCRAMHash(rawValue: mechanism) else {
                return refuse(user, .unsupportedSaslMechanism, "Unknown SCRAM mechanism.")
            }
            guard seen.insert("\(mechanism) \(user)").inserted else {
                return refuse(user, .duplicateResource, "A credential is named twice.")
            }
            guard let new else {
                guard users.has(user, hash) else {
                    return refuse(
                        user, .resourceNotFound, "The user has no \(hash.mechanism.rawValue).")
                }
                return removed.append((user, hash))
            }
            let allowed = KafkaProtocol.Limits.scramIterationsMin...Limits.userIterationsMax
            guard allowed.contains(Int(new.iterations)) else {
                return refuse(
                    user, .unacceptableCredential,
                    "Iterations are between \(allowed.lowerBound) and \(allowed.upperBound).")
            }
            guard new.saltedPassword.count == hash.digestBytes,
                (1...Limits.userSaltBytesMax).contains(new.salt.count)
            else {
                return refuse(user, .unacceptableCredential, "The salt or password is no hash.")
            }
            added.append(
                (
                    user,
                    SCRAMCredential(
                        hash: hash, salt: new.salt, iterations: Int(new.iterations),
                        saltedPassword: new.saltedPassword)
                ))
        }

        private mutating func refuse(_ user: String, _ code: ErrorCode, _ words: String) {
            refusals[user] = (code, words)
            removed.removeAll { $0.user == user }
            added.removeAll { $0.user == user }
        }

        /// Keeps what is valid; blocks.
        func apply(to users: UserStore) -> AlterUserScramCredentialsResponse {
            var refusals = refusals
            if !removed.isEmpty || !added.isEmpty {
                do throws(SystemError) {
                    try users.change(removing: removed, adding: added)
                } catch {
                    for user in order where refusals[user] == nil {
                        refusals[user] = (.kafkaStorageError, error.description)
                    }
                }
            }
            return .with {
                $0.results = order.map { user in
                    .with {
                        $0.user = user
                        $0.errorCode = refusals[user]?.code ?? .none
                        $0.errorMessage = refusals[user]?.words
                    }
                }
            }
        }
    }
}
