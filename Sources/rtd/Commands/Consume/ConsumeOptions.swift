import ArgumentParsing

/// What was typed after `rtd consume`.
struct ConsumeOptions: Sendable, Equatable {
    /// How records are printed.
    enum Format: String, CaseIterable, Sendable {
        case lines, json, raw
        case lengthPrefixed = "length-prefixed"
    }

    /// What happens where the topic ends.
    enum AtEnd: Sendable, Equatable {
        case exit, follow
    }

    var topics: [String] = []
    var topicOptions: [String] = []
    /// Topics are read that any of them matches.
    var patterns = TopicPatterns()
    var partitions: [Int] = []
    /// `-g`; `joined` adds what the properties say.
    var group: String?
    /// The merged `-o`; both bounds nil: the beginning, with a group its committed offset.
    var offset = OffsetSpecification()
    var offsetParts: [OffsetSpecification] = []
    /// nil follows.
    var atEnd: AtEnd?
    var count: Int?
    var timeout: Duration?
    var waitsForTopic = false
    var explains = false
    var isolation: IsolationChoice?
    var groupProtocol: GroupProtocolChoice?
    var acknowledgement: AcknowledgementChoice?

    var format: Format?
    var template: String?
    var delimiter: [UInt8]?
    var keyDelimiter: [UInt8]?
    var printsHeaders = false
    var printsNulls = false
    var nestsJSONValues = false
    var isUnbuffered = false

    /// `--exec`: what makes records of others of what is read.
    var command: String?
    /// `--to`
    var targetTopic: String?
    var transactionalID: String?
    /// `--txn-every`; nil: a second.
    var transactionSpan: TransactionSpan?

    var errorPolicy: ErrorPolicy?
    var connection = ConnectionOptions()
    var reporting = ReportingOptions()

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        var topics: [String] = []
        for topic in options.topicOptions + operands where !topics.contains(topic) {
            try ValueParser.checkTopicName(topic)
            topics.append(topic)
        }
        guard !topics.isEmpty || !options.patterns.isEmpty else {
            throw UsageError("which topic? rtd consume TOPIC...")
        }
        options.topics = topics
        for part in options.offsetParts {
            options.offset = try options.offset.merging(part)
        }
        if options.acknowledgement != nil, options.groupProtocol != .share {
            throw UsageError("--ack goes with --protocol share")
        }
        if options.nestsJSONValues, options.format != .json {
            throw UsageError("--json-value goes with -J")
        }
        try checkCommand(options)
        try options.checkGroup()
    }

    private static func checkCommand(_ options: Self) throws(UsageError) {
        guard options.command != nil else {
            let isAlone =
                options.targetTopic != nil || options.transactionalID != nil
                || options.transactionSpan != nil
            if isAlone { throw UsageError("--to, --txn and --txn-every go with --exec COMMAND") }
            return
        }
        guard let target = options.targetTopic else {
            throw UsageError("--exec needs the topic that it writes to: --to TOPIC")
        }
        try ValueParser.checkTopicName(target)
        guard options.transactionalID != nil else {
            throw UsageError("--exec needs the name of its transactions: --txn ID")
        }
    }
}
