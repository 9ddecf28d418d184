extension ErrorCode: CustomStringConvertible {
    /// Kafka's name, such as `UNKNOWN_TOPIC_OR_PARTITION`.
    public var name: String { known?.name ?? "ERROR_\(rawValue)" }

    /// What it means, in one sentence.
    public var message: String { known?.message ?? "The broker answered with error \(rawValue)." }

    /// Whether the same request may succeed later, after new metadata where that is at fault.
    public var retriable: Bool { ErrorCode.retriableCodes.contains(rawValue) }

    public var description: String { name }

    private var known: (name: String, message: String)? {
        let index = Int(rawValue) - ErrorCode.firstCode
        return ErrorCode.table.indices.contains(index) ? ErrorCode.table[index] : nil
    }

    /// Those that are a RetriableException in Kafka's own clients.
    private static let retriableCodes: Set<Int16> = [
        2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84,
        88, 89, 100, 103, 106, 122, 123, 133,
    ]

    private static let firstCode = -1

    /// Names and sentences, from code -1 on without a gap.
    private static let table: [(name: String, message: String)] = [
        ("UNKNOWN_SERVER_ERROR", "The server met an error that it did not expect."),
        ("NONE", "No error."),
        ("OFFSET_OUT_OF_RANGE", "The offset is not within the range that the partition holds."),
        ("CORRUPT_MESSAGE", "The records are damaged: their checksum, size or form is wrong."),
        ("UNKNOWN_TOPIC_OR_PARTITION", "The topic or partition does not exist on this server."),
        ("INVALID_FETCH_SIZE", "The number of bytes to fetch is not valid."),
        ("LEADER_NOT_AVAILABLE", "The partition has no leader at the moment."),
        (
            "NOT_LEADER_OR_FOLLOWER",
            "This broker is not the partition's leader, or holds no replica of it."
        ),
        ("REQUEST_TIMED_OUT", "The request was not done within its time."),
        ("BROKER_NOT_AVAILABLE", "The broker is not available."),
        ("REPLICA_NOT_AVAILABLE", "The replica is not available on this broker."),
        ("MESSAGE_TOO_LARGE", "A batch is larger than max.message.bytes allows."),
        ("STALE_CONTROLLER_EPOCH", "The controller has moved to another broker."),
        ("OFFSET_METADATA_TOO_LARGE", "The metadata beside a committed offset is too large."),
        ("NETWORK_EXCEPTION", "The connection ended before the answer came."),
        ("COORDINATOR_LOAD_IN_PROGRESS", "The coordinator is still loading its state."),
        ("COORDINATOR_NOT_AVAILABLE", "No coordinator is available."),
        ("NOT_COORDINATOR", "This broker is not the coordinator."),
        (
            "INVALID_TOPIC_EXCEPTION",
            "The topic's name is not valid, or the topic may not be used like this."
        ),
        ("RECORD_LIST_TOO_LARGE", "A batch is larger than a log segment may be."),
        ("NOT_ENOUGH_REPLICAS", "Fewer replicas are in sync than min.insync.replicas asks for."),
        (
            "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
            "The records were appended, but to fewer replicas than asked for."
        ),
        ("INVALID_REQUIRED_ACKS", "The value of acks is none of 0, 1 and -1."),
        ("ILLEGAL_GENERATION", "The group's generation is another one."),
        ("INCONSISTENT_GROUP_PROTOCOL", "The member's protocols do not fit those of the group."),
        ("INVALID_GROUP_ID", "The group's id is not valid."),
        ("UNKNOWN_MEMBER_ID", "The group has no member with this id."),
        (
            "INVALID_SESSION_TIMEOUT",
            "The session timeout is outside the range that the broker allows."
        ),
        ("REBALANCE_IN_PROGRESS", "The group is rebalancing, so the member has to join again."),
        ("INVALID_COMMIT_OFFSET_SIZE", "The offsets to commit are too large."),
        ("TOPIC_AUTHORIZATION_FAILED", "The user may not use the topic."),
        ("GROUP_AUTHORIZATION_FAILED", "The user may not use the group."),
        ("CLUSTER_AUTHORIZATION_FAILED", "The user may not administer the cluster."),
        ("INVALID_TIMESTAMP", "A record's timestamp is outside the range that the topic accepts."),
        ("UNSUPPORTED_SASL_MECHANISM", "The broker does not offer this SASL mechanism."),
        ("ILLEGAL_SASL_STATE", "The request does not fit the state of authentication."),
        ("UNSUPPORTED_VERSION", "The broker does not support this version of the request."),
        ("TOPIC_ALREADY_EXISTS", "A topic with this name already exists."),
        ("INVALID_PARTITIONS", "The number of partitions is not valid."),
        (
            "INVALID_REPLICATION_FACTOR",
            "The replication factor is below 1 or above the number of brokers."
        ),
        ("INVALID_REPLICA_ASSIGNMENT", "The assignment of replicas is not valid."),
        ("INVALID_CONFIG", "A config has a name or value that is not valid."),
        ("NOT_CONTROLLER", "This broker is not the controller."),
        ("INVALID_REQUEST", "The request contradicts itself or cannot be understood."),
        (
            "UNSUPPORTED_FOR_MESSAGE_FORMAT",
            "The format of the stored records does not allow this request."
        ),
        ("POLICY_VIOLATION", "The request breaks a policy of the broker."),
        (
            "OUT_OF_ORDER_SEQUENCE_NUMBER",
            "The producer's batches have a gap or came in the wrong order."
        ),
        ("DUPLICATE_SEQUENCE_NUMBER", "The producer sent a batch a second time."),
        ("INVALID_PRODUCER_EPOCH", "The producer's epoch is old."),
        ("INVALID_TXN_STATE", "The transaction's state does not allow this operation."),
        ("INVALID_PRODUCER_ID_MAPPING", "The producer id does not belong to the transactional id."),
        (
            "INVALID_TRANSACTION_TIMEOUT",
            "The transaction timeout is above transaction.max.timeout.ms."
        ),
        ("CONCURRENT_TRANSACTIONS", "Another operation on the same transaction is under way."),
        ("TRANSACTION_COORDINATOR_FENCED", "Another transaction coordinator has taken over."),
        ("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "The user may not use the transactional id."),
        ("SECURITY_DISABLED", "Security features are turned off."),
        (
            "OPERATION_NOT_ATTEMPTED",
            "The operation was not tried, as another one of the request failed."
        ),
        ("KAFKA_STORAGE_ERROR", "The broker cannot read or write its disk."),
        ("LOG_DIR_NOT_FOUND", "The broker has no such log directory."),
        ("SASL_AUTHENTICATION_FAILED", "SASL authentication failed."),
        ("UNKNOWN_PRODUCER_ID", "The broker knows nothing of this producer id any more."),
        ("REASSIGNMENT_IN_PROGRESS", "The partition is being reassigned."),
        ("DELEGATION_TOKEN_AUTH_DISABLED", "Delegation tokens are turned off."),
        ("DELEGATION_TOKEN_NOT_FOUND", "The delegation token does not exist."),
        (
            "DELEGATION_TOKEN_OWNER_MISMATCH",
            "The user neither owns the delegation token nor may renew it."
        ),
        (
            "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
            "Delegation tokens may not be asked for on this connection."
        ),
        ("DELEGATION_TOKEN_AUTHORIZATION_FAILED", "The user may not use the delegation token."),
        ("DELEGATION_TOKEN_EXPIRED", "The delegation token has expired."),
        ("INVALID_PRINCIPAL_TYPE", "The kind of principal is not supported."),
        ("NON_EMPTY_GROUP", "The group still has members."),
        ("GROUP_ID_NOT_FOUND", "The group does not exist."),
        ("FETCH_SESSION_ID_NOT_FOUND", "The broker has forgotten the fetch session."),
        ("INVALID_FETCH_SESSION_EPOCH", "The fetch session expects another epoch."),
        ("LISTENER_NOT_FOUND", "The leader has no listener of the kind that was asked."),
        ("TOPIC_DELETION_DISABLED", "Deletion of topics is turned off."),
        ("FENCED_LEADER_EPOCH", "The leader epoch of the request is older than the broker's."),
        ("UNKNOWN_LEADER_EPOCH", "The leader epoch of the request is newer than the broker's."),
        (
            "UNSUPPORTED_COMPRESSION_TYPE",
            "The version of the request does not allow the batch's compression."
        ),
        ("STALE_BROKER_EPOCH", "The broker's epoch has changed."),
        ("OFFSET_NOT_AVAILABLE", "The new leader does not know its high watermark yet."),
        ("MEMBER_ID_REQUIRED", "The member has to join again with the id that it was given."),
        ("PREFERRED_LEADER_NOT_AVAILABLE", "The preferred leader is not available."),
        ("GROUP_MAX_SIZE_REACHED", "The group has as many members as it may have."),
        ("FENCED_INSTANCE_ID", "Another member has joined with the same group.instance.id."),
        ("ELIGIBLE_LEADERS_NOT_AVAILABLE", "No replica that could lead is available."),
        ("ELECTION_NOT_NEEDED", "The partition needs no election."),
        ("NO_REASSIGNMENT_IN_PROGRESS", "The partition is not being reassigned."),
        (
            "GROUP_SUBSCRIBED_TO_TOPIC",
            "The group consumes the topic, so its offsets there cannot be deleted."
        ),
        ("INVALID_RECORD", "A record is not valid for its topic."),
        ("UNSTABLE_OFFSET_COMMIT", "Offsets of an open transaction are not settled yet."),
        ("THROTTLING_QUOTA_EXCEEDED", "The quota is used up."),
        ("PRODUCER_FENCED", "A newer producer with the same transactional id has taken over."),
        ("RESOURCE_NOT_FOUND", "The resource does not exist."),
        ("DUPLICATE_RESOURCE", "The request names the same resource twice."),
        ("UNACCEPTABLE_CREDENTIAL", "The credential does not meet what the broker asks for."),
        ("INCONSISTENT_VOTER_SET", "The sender or the receiver is not one of the expected voters."),
        ("INVALID_UPDATE_VERSION", "The version to update to is not valid."),
        ("FEATURE_UPDATE_FAILED", "The features could not be updated."),
        (
            "PRINCIPAL_DESERIALIZATION_FAILURE",
            "The principal of a forwarded request could not be read."
        ),
        ("SNAPSHOT_NOT_FOUND", "The snapshot does not exist."),
        ("POSITION_OUT_OF_RANGE", "The position is not within the snapshot."),
        ("UNKNOWN_TOPIC_ID", "No topic on this server has this id."),
        ("DUPLICATE_BROKER_REGISTRATION", "The broker id is already in use."),
        ("BROKER_ID_NOT_REGISTERED", "The broker id is not registered."),
        ("INCONSISTENT_TOPIC_ID", "The topic's id is not the one in the request."),
        ("INCONSISTENT_CLUSTER_ID", "The cluster's id is not the one in the request."),
        ("TRANSACTIONAL_ID_NOT_FOUND", "The transactional id does not exist."),
        ("FETCH_SESSION_TOPIC_ID_ERROR", "The fetch session mixes topic names and topic ids."),
        ("INELIGIBLE_REPLICA", "A replica may not join those in sync."),
        ("NEW_LEADER_ELECTED", "The partition has changed its leader."),
        ("OFFSET_MOVED_TO_TIERED_STORAGE", "The offset has moved to tiered storage."),
        (
            "FENCED_MEMBER_EPOCH",
            "The member's epoch is old: it has to give up its partitions and join again."
        ),
        ("UNRELEASED_INSTANCE_ID", "Another member still uses the instance id."),
        ("UNSUPPORTED_ASSIGNOR", "The group does not support the assignor."),
        (
            "STALE_MEMBER_EPOCH",
            "The member's epoch is old: it has to heartbeat first, then try again."
        ),
        ("MISMATCHED_ENDPOINT_TYPE", "The request came to the wrong kind of endpoint."),
        ("UNSUPPORTED_ENDPOINT_TYPE", "This kind of endpoint is not supported."),
        ("UNKNOWN_CONTROLLER_ID", "The controller's id is not known."),
        ("UNKNOWN_SUBSCRIPTION_ID", "The telemetry subscription is not known or is old."),
        ("TELEMETRY_TOO_LARGE", "The telemetry is larger than the broker accepts."),
        ("INVALID_REGISTRATION", "The controller does not accept the broker's registration."),
        ("TRANSACTION_ABORTABLE", "The transaction failed and has to be aborted."),
        ("INVALID_RECORD_STATE", "The record's state does not allow the acknowledgement."),
        ("SHARE_SESSION_NOT_FOUND", "The broker has forgotten the share session."),
        ("INVALID_SHARE_SESSION_EPOCH", "The share session expects another epoch."),
        ("FENCED_STATE_EPOCH", "The epoch of the share group's state is another one."),
        ("INVALID_VOTER_KEY", "The voter's key is not the replica's."),
        ("DUPLICATE_VOTER", "The voter is one already."),
        ("VOTER_NOT_FOUND", "The voter is not one of the voters."),
        ("INVALID_REGULAR_EXPRESSION", "The regular expression is not valid."),
        ("REBOOTSTRAP_REQUIRED", "The client has to start again from its list of brokers."),
        ("STREAMS_INVALID_TOPOLOGY", "The topology of the streams group is not valid."),
        (
            "STREAMS_INVALID_TOPOLOGY_EPOCH",
            "The epoch of the streams group's topology is not valid."
        ),
        ("STREAMS_TOPOLOGY_FENCED", "The topology of the streams group is old."),
        ("SHARE_SESSION_LIMIT_REACHED", "The broker holds as many share sessions as it may."),
    ]
}
