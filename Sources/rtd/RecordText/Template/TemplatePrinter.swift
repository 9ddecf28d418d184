import Bytes
import Formats
import Records

/// Prints the records of one batch by the items of a template.
struct TemplatePrinter: ~Escapable {
    private let options: RecordPrinter.Options
    private let records: RawSpan
    private let header: RecordBatchHeader
    private let source: RecordSource

    @_lifetime(copy records)
    init(
        _ options: RecordPrinter.Options, _ header: RecordBatchHeader, records: RawSpan,
        of source: RecordSource
    ) {
        self.options = options
        self.records = records
        self.header = header
        self.source = source
    }

    /// `number` counts the records of the whole output, from 1.
    func print(
        _ record: RecordView, number: Int64, by items: [RecordTemplate.Item],
        into target: inout OutputBuffer
    ) {
        print(items, record, number, record.key, record.value, &target)
    }

    /// `key` and `value` are those of the record, or of a header.
    private func print(
        _ items: [RecordTemplate.Item], _ record: RecordView, _ count: Int64, _ key: Range<Int>?,
        _ value: Range<Int>?, _ target: inout OutputBuffer
    ) {
        for item in items {
            switch item {
            case .literal(let bytes): target.append(bytes)
            case .text(.topic, let encoding):
                print(source.topic.rawSpan, 0..<source.topic.count, encoding, &target)
            case .text(.key, let encoding): print(records, key, encoding, &target)
            case .text(.value, let encoding): print(records, value, encoding, &target)
            case .number(.keyLength, let encoding):
                target.append(Int64(key?.count ?? -1), as: encoding)
            case .number(.valueLength, let encoding):
                target.append(Int64(value?.count ?? -1), as: encoding)
            case .number(.recordNumber, let encoding): target.append(count, as: encoding)
            case .number(let field, let encoding):
                target.append(number(of: field, record), as: encoding)
            case .date(let format): format.append(milliseconds: record.timestamp, to: &target)
            case .headerList: options.printHeaders(record, records, &target)
            case .eachHeader(let inner):
                var headers = HeaderIterator(record, in: records)
                while let header = headers.next() {
                    print(inner, record, count, header.name, header.value, &target)
                }
            case .compression: target.append(utf8: compressionName)
            }
        }
    }

    private func print(
        _ bytes: RawSpan, _ field: Range<Int>?, _ encoding: RecordTemplate.TextEncoding,
        _ target: inout OutputBuffer
    ) {
        guard let field else {
            if options.printsNulls { target.append("NULL") }
            return
        }
        let text = bytes.extracting(field)
        switch encoding {
        case .hex: target.append(hex: text)
        case .base64: Base64.encode(text, into: &target)
        case .base64Unpadded: Base64.encode(text, into: &target, padded: false)
        case .raw where options.escapesControls: target.append(visible: text)
        case .raw, .sized: target.append(text)
        }
    }

    private func number(
        of field: RecordTemplate.NumberField, _ record: RecordView
    ) -> Int64 {
        switch field {
        case .partition: Int64(source.partition)
        case .offset: record.offset
        case .timestamp: record.timestamp
        case .headerCount: Int64(record.headerCount)
        case .leaderEpoch: Int64(header.partitionLeaderEpoch)
        case .producerID: header.producerID
        case .producerEpoch: Int64(header.producerEpoch)
        case .timestampType: header.usesLogAppendTime ? 1 : 0
        case .transactionalBit: header.isTransactional ? 1 : 0
        case .controlBit: header.isControl ? 1 : 0
        case .keyLength, .valueLength, .recordNumber: 0
        }
    }

    private var compressionName: String {
        switch header.codec {
        case .some(.none): "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        case nil: "unknown"
        }
    }
}

extension OutputBuffer {
    /// Appends the low bytes or digits of `number` where its encoding has fewer than it needs.
    fileprivate mutating func append(_ number: Int64, as encoding: RecordTemplate.NumberEncoding) {
        let bits = UInt64(bitPattern: number)
        switch encoding {
        case .decimal: append(decimal: number)
        case .boolean: append(number == 0 ? "false" : "true")
        case .bigEndian(let size):
            for index in (0..<size).reversed() {
                append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * index)))
            }
        case .littleEndian(let size):
            for index in 0..<size { append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * index))) }
        case .hex(let digits):
            for index in (0..<digits).reversed() {
                let digit = UInt8(truncatingIfNeeded: bits >> UInt64(4 * index)) & 15
                append(digit < 10 ? digit + 0x30 : digit + 0x57)
            }
        }
    }
}
