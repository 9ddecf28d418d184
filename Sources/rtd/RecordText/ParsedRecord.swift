import Formats
import Records

/// A record as its text names it; the ranges index the bytes that come with it.
struct ParsedRecord: Sendable {
    /// Nil for null.
    var key: Range<Int>?
    /// Nil for null.
    var value: Range<Int>?
    /// Milliseconds since the epoch; nil where the text names none, so it is now.
    var timestamp: Int64?
    /// Only where the input names it and that is to be kept.
    var partition: Int32?
    var headers: EncodedHeaders = .none
    var place: RecordPlace
}

/// What takes the records of a `RecordParser`, such as the batches of a producer.
///
/// It is called once a record, on the parser's thread; `bytes` are valid during the call only. What
/// it throws ends the parser's call, after which parsing may go on behind that record.
protocol RecordSink: ~Copyable {
    mutating func append(_ record: ParsedRecord, in bytes: RawSpan) throws(RecordTextError)
}
