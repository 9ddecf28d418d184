/// What a group request can be refused with, under Kafka's names and with Kafka's codes.
///
/// An answer without an error carries nil, whose `code` is 0 (NONE).
public enum GroupError: Int16, Error, Equatable, Sendable {
    case unknownServerError = -1
    case unknownTopicOrPartition = 3
    case offsetMetadataTooLarge = 12
    case coordinatorLoadInProgress = 14
    case coordinatorNotAvailable = 15
    case notCoordinator = 16
    case illegalGeneration = 22
    case inconsistentGroupProtocol = 23
    case invalidGroupID = 24
    case unknownMemberID = 25
    case invalidSessionTimeout = 26
    case rebalanceInProgress = 27
    case invalidCommitOffsetSize = 28
    case unsupportedVersion = 35
    case invalidRequest = 42
    case storageError = 56
    case nonEmptyGroup = 68
    case groupIDNotFound = 69
    case memberIDRequired = 79
    case groupMaxSizeReached = 81
    case fencedInstanceID = 82
    case groupSubscribedToTopic = 86
    case unstableOffsetCommit = 88
    case fencedMemberEpoch = 110
    case unreleasedInstanceID = 111
    case unsupportedAssignor = 112
    case staleMemberEpoch = 113
    case invalidRegularExpression = 128

    /// The code on the wire.
    public var code: Int16 { rawValue }
}

extension GroupError? {
    /// The code on the wire; 0 for no error.
    public var code: Int16 { self?.rawValue ?? 0 }
}
