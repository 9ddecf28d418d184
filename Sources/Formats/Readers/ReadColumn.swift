/// A column that a reader is asked for.
public enum ReadColumn: Sendable, Hashable {
    /// Field `field` of the input, or a member inside it: the positions of members, outermost
    /// first. `wholeText` as the last of them: what is there as JSON.
    case value(field: Int, path: [Int])
    /// The name of the input.
    case file
    /// The number of the line that the row begins in, from 1.
    case line

    /// Stands in a path for the text of an object or array, as it was read.
    public static let wholeText = -1
}

/// How the values of a JSON input follow each other.
public enum JSONFraming: Sendable, Equatable {
    /// A value lies within one line.
    case lines
    /// Values span lines.
    case documents
    /// The rows are the elements of one array.
    case array
}

/// A value that does not fit its column's type.
public struct Misfit: Sendable, Equatable {
    /// The field it lies in, and that field's type if it shall take the value too.
    public var field: Int
    public var type: DataType
    /// As people write it: `bid.price`.
    public var path: String
    public var line: Int
    /// The type that the value itself was to have.
    public var expected: DataType
    public var excerpt: String
    /// It does not clash with the type, but objects in it have members that the type has not.
    public var addsMembers = false
    let node: Int
}

/// What a reader gives when it is asked for rows.
public enum ReadResult {
    case rows(Batch)
    /// All of the block is decoded, but for what `consumed` leaves.
    case needsInput
    /// The next row holds a value that does not fit. Rows before it were handed out. `coerce` goes
    /// on with the column's type, as far as values can be written in it.
    case misfit(Misfit)
}

/// Decodes rows of one input into batches of the columns that are wanted.
///
/// The caller hands it sealed blocks; rows of several blocks fill one batch, and `flush` hands out
/// what there is. One thread at a time.
public protocol RowReader: AnyObject {
    /// Goes on with the bytes of a sealed block, behind what was left of the last one. `isLast`:
    /// nothing follows them.
    func supply(_ block: InputBlock, isLast: Bool)
    /// A full batch, or why there is none.
    func next() throws(SQLError) -> ReadResult
    /// What was decoded and not handed out yet, or the misfit in its first row; nil if that is
    /// nothing.
    func flush() throws(SQLError) -> ReadResult?
    /// From here on, values that do not fit the misfit's place are written in its type where that
    /// loses nothing, and are errors elsewhere.
    func coerce(_ misfit: Misfit)
    /// Goes on where another reader of the same input is, which decodes to other types. Before the
    /// first bytes.
    func takeOver(from other: any RowReader)
    /// Rows that were passed over because they were not well formed.
    var brokenRows: Int { get }

    /// Rows that `flush` would hand out.
    var pendingRows: Int { get }
    /// Bytes that were supplied and lie behind all rows that were decoded.
    var unreadBytes: Int { get }
    /// The line behind those rows.
    var line: Int { get }
    /// The next row may be a line of names.
    var expectsHeader: Bool { get }
    /// What is supplied next is the start of another file of the same kind, which may have a line
    /// of names of its own.
    func fileBegan()
    /// Before the first bytes: they come from the middle of a file.
    func resume(atLine line: Int)
}
