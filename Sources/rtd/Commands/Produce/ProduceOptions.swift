import ArgumentParsing

/// What was typed after `rtd produce`.
struct ProduceOptions: Sendable, Equatable {
    /// How the input is cut into records.
    enum Format: String, CaseIterable, Sendable {
        case lines, json, csv
        case lengthPrefixed = "length-prefixed"
    }

    /// What goes to stdout for each record.
    enum Echo: Sendable, Equatable {
        /// The record's value as it was read.
        case tee
        /// A JSON line with partition and offset when it is delivered.
        case report
    }

    var topic = ""
    var topicOption: String?
    /// None: stdin. `-` among them is stdin too.
    var files: [String] = []
    var messages: [String] = []

    var format: Format?
    /// `-f`: the template by which the input is read.
    var template: String?
    var delimiter: [UInt8]?
    var keyDelimiter: [UInt8]?
    var keyJSONPath: String?
    var takesJSONValues = false
    var skipsEmpty = false
    var lineBytesMax: Int?

    var key: String?
    var headers: [HeaderAssignment] = []
    var sendsEmptyAsNull = false
    /// -1: any partition, whatever the key.
    var partition: Int?
    var keepsPartition = false

    var partitions: Int?
    var acks: Acknowledgement?
    var isIdempotent: Bool?
    var transactionalID: String?
    var transactionSpan: TransactionSpan?
    var linger: Duration?
    var batchBytes: Int?
    var compression: CompressionChoice?

    var count: Int?
    var timeout: Duration?
    var errorPolicy: ErrorPolicy?
    var echo: Echo?
    var isDryRun = false
    var explains = false
    /// Each record is a batch.
    var isUnbuffered = false

    var connection = ConnectionOptions()
    var reporting = ReportingOptions()

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        var operands = operands[...]
        guard let topic = options.topicOption ?? operands.popFirst() else {
            throw UsageError("which topic? rtd produce TOPIC [FILE...]")
        }
        try ValueParser.checkTopicName(topic)
        options.topic = topic
        options.files = Array(operands)
        if !options.messages.isEmpty, let file = options.files.first {
            throw UsageError("-m gives the records, so \"\(file)\" would not be read")
        }
        if options.keepsPartition, options.format != .json {
            throw UsageError("--keep-partition goes with -J, which names partitions")
        }
        if options.partition != nil, options.keepsPartition {
            throw UsageError("-p and --keep-partition exclude each other")
        }
        if options.isIdempotent == true, let acks = options.acks, acks != .all {
            throw UsageError("--idempotent needs --acks all")
        }
        try checkTransaction(options)
        if options.format == .json, options.keyDelimiter != nil {
            throw UsageError("-J names the key in each record, so -K does not go with it")
        }
    }
}

/// After how much a transaction of `--txn-every` ends and the next begins.
enum TransactionSpan: Sendable, Equatable {
    case records(Int)
    case time(Duration)
}

extension ValueParser where Value == TransactionSpan {
    /// A number of records such as `1000` or `10k`, or a time span with its unit.
    static let transactionSpan = ValueParser("COUNT|DURATION") { text throws(UsageError) in
        if let span = try? Duration(spelled: text) {
            guard span > .zero else { throw UsageError("wants more than no time") }
            return .time(span)
        }
        let counts = ValueParser<Int>.quantity("COUNT", in: 1...Int.max)
        guard let count = try? counts.parse(text) else {
            throw UsageError(
                "wants a number of records such as 10k, or a duration such as 5s, not \"\(text)\"")
        }
        return .records(count)
    }
}

extension ProduceOptions {
    private static func checkTransaction(_ options: Self) throws(UsageError) {
        if options.transactionalID != nil {
            if options.isIdempotent == false {
                throw UsageError("--txn needs --idempotent")
            }
            if let acks = options.acks, acks != .all { throw UsageError("--txn needs --acks all") }
        }
        if options.transactionSpan != nil, options.transactionalID == nil {
            throw UsageError("--txn-every goes with --txn ID")
        }
    }
}
