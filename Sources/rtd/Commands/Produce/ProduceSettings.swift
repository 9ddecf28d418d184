import ArgumentParsing
import Bytes
import Formats
import KafkaClient
import Platform
import Records

/// What the options and properties of `rtd produce` mean together; an option wins over a property.
struct ProduceSettings: Sendable {
    let topic: String
    var parser = RecordParser.Options()
    /// `--max-line`; nil: as much as the topic takes.
    var recordBytesMax: Int?
    var inputs: [InputSource]

    var key: [UInt8]?
    var headers = EncodedHeaders.none
    /// Nil: by key; -1: any.
    var partition: Int32?
    var partitioner = PartitionerChoice.murmur2Random

    var partitionsOfNewTopic: Int32 = 1
    var batchBytesMax = ProduceLimits.batchBytes
    /// `max.request.size`: a record that is larger by itself is not sent.
    var requestBytesMax: Int?
    var batchRecordsMax = Int(Int32.max)
    var codec = CompressionCodec.none
    var compressionLevel: Int?
    /// Nil: a batch waits only while others are under way.
    var lingerNanoseconds: Int64?

    /// `--txn-every`; nil: one transaction.
    var transactionSpan: TransactionSpan?

    var countMax = Int.max
    var idleNanosecondsMax: Int64?
    var skipsBadRecords = false
    var echo: ProduceOptions.Echo?
    var reporting: ReportingOptions

    init(_ options: ProduceOptions) throws(UsageError) {
        topic = options.topic
        reporting = options.reporting
        inputs = InputSource.list(options)
        transactionSpan = options.transactionSpan
        key = options.key.map { Array($0.utf8) }
        if !options.headers.isEmpty {
            headers = EncodedHeaders(
                options.headers.map {
                    RecordHeader(key: $0.name, value: $0.value.map { Array($0.utf8) })
                })
        }
        partition = options.partition.map { Int32(clamping: $0) }
        partitionsOfNewTopic = Int32(clamping: options.partitions ?? 1)
        countMax = options.count ?? .max
        idleNanosecondsMax = options.timeout?.nanosecondsClamped
        skipsBadRecords = options.errorPolicy == .skip
        echo = options.echo
        recordBytesMax = options.lineBytesMax
        do throws(RecordTextError) {
            try setParser(options)
        } catch {
            throw UsageError("produce: \(error)")
        }
    }

    private mutating func setParser(_ options: ProduceOptions) throws(RecordTextError) {
        parser.format =
            switch options.format {
            case .json: .json
            case .csv: .csv
            case .lengthPrefixed: .lengthPrefixed
            case .lines, nil: .lines
            }
        if let template = options.template {
            parser.format = .template(try RecordTemplate(template))
        }
        if let delimiter = options.delimiter { parser.delimiter = delimiter }
        if let delimiter = options.keyDelimiter, delimiter.isEmpty {
            throw .usage("-K wants at least one byte")
        }
        if parser.delimiter.isEmpty { throw .usage("-D wants at least one byte") }
        parser.keyDelimiter = options.keyDelimiter
        parser.keyPath = try options.keyJSONPath.map { text throws(RecordTextError) in
            try JSONKeyPath(text)
        }
        parser.emptyAsNull = options.sendsEmptyAsNull
        parser.skipsEmpty = options.skipsEmpty
        parser.takesJSONValues = options.takesJSONValues
        parser.keepsPartition = options.keepsPartition
        // A template that cannot be read back is refused before anything is sent.
        _ = try RecordParser(parser)
    }

    /// Takes over what the properties say where the options say nothing.
    mutating func apply(_ properties: ClientProperties, _ options: ProduceOptions) {
        let choice = options.compression ?? properties.compression
        codec = choice.flatMap { CompressionCodec(name: $0.rawValue) } ?? .none
        // librdkafka's one property for all codecs has -1 for the default.
        let level = properties.compressionLevel
        compressionLevel = properties.codecLevels[codec.name] ?? (level == -1 ? nil : level)
        let linger = options.linger ?? properties.linger
        lingerNanoseconds = linger?.nanosecondsClamped
        if let bytes = options.batchBytes ?? properties.batchBytes { batchBytesMax = bytes }
        if let bytes = properties.requestBytesMax {
            batchBytesMax = min(batchBytesMax, bytes)
            requestBytesMax = bytes
        }
        if let records = properties.batchRecords { batchRecordsMax = records }
        if options.isUnbuffered {
            batchRecordsMax = 1
            lingerNanoseconds = 0
        }
        if let choice = properties.partitioner { partitioner = choice }
    }

    /// How the client delivers.
    static func producer(
        _ options: ProduceOptions, _ properties: ClientProperties
    ) throws(CommandFailure) -> ProducerConfiguration {
        var result = ProducerConfiguration()
        let acks = options.acks ?? properties.acks ?? .all
        result.acks =
            switch acks {
            case .none: .none
            case .leader: .leader
            case .all: .all
            }
        if options.isIdempotent ?? properties.isIdempotent == true {
            let name = options.isIdempotent == nil ? "enable.idempotence=true" : "--idempotent"
            try checkIdempotence(name, acks, properties)
        }
        result.isIdempotent = options.isIdempotent ?? properties.isIdempotent ?? true
        result.resendsRest = options.errorPolicy == .skip
        result.bufferBytesMax = properties.bufferBytes ?? ProduceLimits.bufferBytes
        result.transactionalID = options.transactionalID ?? properties.transactionalID
        if let timeout = properties.transactionTimeout {
            result.transactionTimeoutMilliseconds = timeout.nanosecondsClamped / 1_000_000
        }
        if result.transactionalID != nil, !result.usesIdempotence {
            throw CommandFailure(
                "produce: a transaction needs acks=all and enable.idempotence=true",
                status: UsageError.exitStatus)
        }
        if let bytes = properties.requestBytesMax { result.requestBytesMax = bytes }
        if let most = properties.inFlightMax { result.requestsInFlightMax = most }
        return result
    }
}

extension ProduceSettings {
    /// As Kafka's clients do, refuses what cannot be had together with what was asked for by name.
    private static func checkIdempotence(
        _ name: String, _ acks: Acknowledgement, _ properties: ClientProperties
    ) throws(CommandFailure) {
        let need: String? =
            if acks != .all {
                "acks=all"
            } else if properties.inFlightMax.map({ $0 > 5 }) == true {
                "max.in.flight.requests.per.connection of 5 at most"
            } else if properties.retries == 0 {
                "retries of 1 at least"
            } else {
                nil
            }
        guard let need else { return }
        throw CommandFailure("produce: \(name) needs \(need)", status: UsageError.exitStatus)
    }

    /// The longest text of a record that the parser takes: what the topic takes, and where the text
    /// is longer than the record, some times that.
    func textBytesMax(_ route: TopicRoute) -> Int {
        if let recordBytesMax { return recordBytesMax }
        let most = max(1, route.batchBytesMax - ProduceLimits.recordOverheadBytes)
        switch parser.format {
        case .lines, .lengthPrefixed:
            return most + (parser.keyDelimiter?.count ?? 0)
        case .json, .csv, .template: return most * ProduceLimits.textBytesPerByte
        }
    }

    /// Whether `-k` or `-H` add to records.
    var completesRecords: Bool { key != nil || headers.count > 0 }

    /// The record with the key of `-k`, unless it has one, and the headers of `-H`. Where a key is
    /// added the record's ranges index `scratch`, which is empty before.
    func completed(
        _ record: ParsedRecord, _ bytes: RawSpan, _ scratch: inout OutputBuffer
    ) -> ParsedRecord {
        var result = record
        if headers.count > 0 {
            let own = record.headers
            result.headers =
                own.count == 0
                ? headers
                : EncodedHeaders(
                    count: own.count + headers.count, encoded: own.bytes + headers.bytes)
        }
        guard record.key == nil, let key, !key.isEmpty else {
            if record.key == nil, key != nil { result.key = 0..<0 }
            return result
        }
        scratch.append(key)
        result.key = 0..<key.count
        if let value = record.value {
            result.value = key.count..<key.count + value.count
            scratch.append(bytes, value)
        }
        return result
    }

    /// Bytes of all inputs, where they are files.
    var totalBytes: Int64? {
        var total: Int64 = 0
        for input in inputs {
            guard case .file(let path) = input, let file = try? InputFile.open(path) else {
                return nil
            }
            defer { file.close() }
            guard let size = file.size else { return nil }
            total += size
        }
        return total
    }
}
