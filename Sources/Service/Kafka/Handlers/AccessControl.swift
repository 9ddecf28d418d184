import KafkaProtocol

// There are no ACLs: who has logged in may do everything. The three requests are answered as a
// broker of Kafka does that has no authorizer.

private let disabled: (code: ErrorCode, message: String?) = (
    .securityDisabled, "No Authorizer is configured."
)

/// DescribeAcls, key 29, v1-3: SECURITY_DISABLED.
enum DescribeAclsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...3

    static func handle(
        _ request: DescribeAclsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeAclsRequest>
    ) {
        reply.send(.with { ($0.errorCode, $0.errorMessage) = disabled })
    }
}

/// CreateAcls, key 30, v1-3: SECURITY_DISABLED for each.
enum CreateAclsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...3

    static func handle(
        _ request: CreateAclsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<CreateAclsRequest>
    ) {
        reply.send(
            .with { response in
                response.results = request.creations.map { _ in
                    .with { ($0.errorCode, $0.errorMessage) = disabled }
                }
            })
    }
}

/// DeleteAcls, key 31, v1-3: SECURITY_DISABLED for each filter.
enum DeleteAclsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...3

    static func handle(
        _ request: DeleteAclsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DeleteAclsRequest>
    ) {
        reply.send(
            .with { response in
                response.filterResults = request.filters.map { _ in
                    .with { ($0.errorCode, $0.errorMessage) = disabled }
                }
            })
    }
}

/// What a client may do with a resource, a bit for each of Kafka's operations (KIP-430). There are
/// no ACLs, so it is all that the kind of resource knows.
enum AuthorizedOperations {
    private static let (read, write, create, delete, alter, describe) = (3, 4, 5, 6, 7, 8)
    private static let (clusterAction, describeConfigs, alterConfigs) = (9, 10, 11)
    private static let idempotentWrite = 12

    static let topic = bits(
        read, write, create, delete, alter, describe, describeConfigs, alterConfigs)
    static let group = bits(read, delete, describe, describeConfigs, alterConfigs)
    static let cluster = bits(
        create, clusterAction, describeConfigs, alterConfigs, idempotentWrite, alter, describe)

    private static func bits(_ operations: Int...) -> Int32 {
        operations.reduce(0) { $0 | 1 << Int32($1) }
    }
}
