import Aggregation
import Formats

/// Rows being read: a file, stdin, a topic, a table. Made by opening a `SourceRelation`, used by the
/// one thread that drives the query; what blocks (stdin, the network) has a reader thread of its
/// own behind it.
public protocol Source: AnyObject {
    /// The next rows, or that there are none now, or none any more. Reading a file may block; a
    /// source that can be silent must not: it gives `.idle` and signals when it has something.
    func next() throws(SQLError) -> SourceEvent

    /// Stops reading; nothing is called afterwards.
    func close()
}

public enum SourceEvent {
    /// Rows, and the source's watermark behind them in microseconds (`Watermark.none` if it has no
    /// time column).
    case batch(Batch, watermark: Int64)
    /// Nothing now. `watermark` may have moved all the same (a silent partition was left out).
    case idle(watermark: Int64)
    case end
}

/// A relation that can be opened.
public protocol SourceRelation: Relation {
    /// `columns` are the indices of the relation's columns that the batches shall have, in that
    /// order.
    func open(columns: [Int], context: SourceContext) throws(SQLError) -> any Source
}

/// What a source is given by the query that reads it.
public struct SourceContext: Sendable {
    /// To be signalled whenever a source that was idle has something again.
    public var signal: SourceSignal
    /// What to do with input that cannot be read as rows.
    public var onError: ErrorPolicy
    public var settings: SessionSettings
    /// Notes for people, a line each, without "rtd: ".
    public var note: @Sendable (String) -> Void

    public enum ErrorPolicy: Sendable { case fail, skip }

    public init(
        signal: SourceSignal, onError: ErrorPolicy, settings: SessionSettings,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.signal = signal
        self.onError = onError
        self.settings = settings
        self.note = note
    }
}
