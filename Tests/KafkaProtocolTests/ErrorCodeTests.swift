import KafkaProtocol
import Testing

/// Names and meanings of Kafka's numbers.
struct ErrorCodeTests {
    @Test func `each of Kafka's codes has its name and a sentence`() {
        var names: Set<String> = []
        for code in Int16(-1)...133 {
            let error = ErrorCode(rawValue: code)
            names.insert(error.name)
            #expect(error.message.hasSuffix("."))
        }
        #expect(names.count == 135)
        #expect(ErrorCode.unknownTopicOrPartition.rawValue == 3)
        #expect(ErrorCode.unknownTopicOrPartition.name == "UNKNOWN_TOPIC_OR_PARTITION")
        #expect(ErrorCode.transactionalIdAuthorizationFailed.rawValue == 53)
        #expect(ErrorCode.shareSessionLimitReached.rawValue == 133)
    }

    @Test func `a code that is not known keeps its number`() {
        for code in [Int16.min, -2, 134, .max] {
            let error = ErrorCode(rawValue: code)
            #expect(error.name == "ERROR_\(code)")
            #expect(!error.retriable)
        }
    }

    @Test func `what may succeed later is told from what will not`() {
        #expect(ErrorCode.notLeaderOrFollower.retriable)
        #expect(ErrorCode.coordinatorLoadInProgress.retriable)
        #expect(!ErrorCode.none.retriable)
        #expect(!ErrorCode.messageTooLarge.retriable)
        #expect(!ErrorCode.topicAuthorizationFailed.retriable)
    }

    @Test func `API keys have Kafka's names`() {
        #expect(APIKey.listOffsets.name == "ListOffsets")
        #expect(APIKey(rawValue: 92)?.name == "DeleteShareGroupOffsets")
        #expect(APIKey.allCases.count == 93)
    }
}
