import ArgumentParsing
import Formats
import KafkaClient
import KafkaProtocol
import SQL

extension SQLError {
    /// The nearest of the names that could stand there; where none is near, the hint.
    var fullHint: String? {
        let isKeyword = candidates.allSatisfy { $0.utf8.allSatisfy { (0x41...0x5A).contains($0) } }
        let spelled = isKeyword ? typed.uppercased() : typed
        let nearest = nearestName(to: spelled, among: candidates).map {
            isKeyword || $0.first == "'" ? "Did you mean \($0)?" : "Did you mean \"\($0)\"?"
        }
        return nearest ?? hint
    }
}

/// Why a statement failed: something in its text, or the way to the cluster.
enum StatementError: Error, Sendable {
    case statement(SQLError)
    case client(ClientError)
    /// Finding the cluster, or writing the answer.
    case command(CommandFailure)

    init(_ message: String, _ state: SQLState, at place: Range<Int>?, hint: String? = nil) {
        self = .statement(SQLError(message, state, at: place, hint: hint))
    }

    /// A client's error about what stands at `place`: with its SQLSTATE where there is one.
    init(_ error: ClientError, at place: Range<Int>?) {
        guard let code = error.code, let state = StatementError.states[code] else {
            self = .client(error)
            return
        }
        self.init(StatementError.message(error), state, at: place)
    }

    private static func message(_ error: ClientError) -> String {
        switch error {
        case .topic(let name, .topicAlreadyExists, _): "topic \"\(name)\" already exists"
        case .group(let name, .nonEmptyGroup, _): "group \"\(name)\" has members"
        case .group(let name, .groupIdNotFound, _): "group \"\(name)\" does not exist"
        default: error.description
        }
    }

    private static let states: [ErrorCode: SQLState] = [
        .unknownTopicOrPartition: .undefinedRelation,
        .topicAlreadyExists: .duplicateRelation,
        .invalidTopicException: .invalidName,
        .invalidGroupId: .invalidName,
        .invalidConfig: .invalidParameterValue,
        .invalidPartitions: .invalidParameterValue,
        .invalidReplicationFactor: .invalidParameterValue,
        .invalidRequest: .invalidParameterValue,
        .offsetOutOfRange: .invalidParameterValue,
        .policyViolation: .invalidParameterValue,
        .groupIdNotFound: .undefinedObject,
        .nonEmptyGroup: .objectInUse,
        .topicAuthorizationFailed: .insufficientPrivilege,
        .groupAuthorizationFailed: .insufficientPrivilege,
        .clusterAuthorizationFailed: .insufficientPrivilege,
    ]
}

/// Asks the cluster; an error is about what stands at `place`.
func asking<T>(
    _ place: Range<Int>? = nil, _ request: () async throws(ClientError) -> T
) async throws(StatementError) -> T {
    do throws(ClientError) {
        return try await request()
    } catch {
        throw StatementError(error, at: place)
    }
}
