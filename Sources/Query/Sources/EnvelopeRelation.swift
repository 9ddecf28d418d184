import Aggregation
import Bytes
import Formats

/// A relation whose records have keys, which are objects with these members.
public protocol KeyedRecords: AnyObject {
    var keyNames: [String] { get }
}

/// A relation whose envelopes may say what their columns are.
public protocol EnvelopeRecords: AnyObject {
    var envelopes: EnvelopeSchema? { get }
}

/// A topic that a capture of a database writes.
public protocol CapturedRecords: AnyObject {
    /// Its records are the changes of a table, up to a cut that all tables of a query share.
    var isCaptured: Bool { get }
}

/// The rows that changes make: a relation over Debezium's envelopes, or over records whose last
/// value for a key is the row (an upsert topic, where no value deletes).
///
/// Its rows carry weights: what an update or a delete takes away was given out before, so queries
/// over it are right whatever images the envelopes have. The rows that stand are kept for that.
public final class EnvelopeRelation: SourceRelation {
    public enum Form: Sendable {
        case debezium, upsert
        /// Debezium's envelopes, written by a capture: a table. Where the input ends it is the rows
        /// that stand there, and nothing of them changes any more.
        case captured
    }

    public let columns: [RelationColumn]
    public let key: [Int]?
    public let isAppendOnly: Bool
    private let inner: any SourceRelation
    private let shape: EnvelopeShape
    private let form: Form

    /// The column of a topic that has no value where a key is deleted.
    public static let tombstone = "_tombstone"

    /// `keyNames`: columns that tell rows apart; empty: the record's key does, or the whole row.
    public init(
        _ inner: any SourceRelation, _ form: Form, keyNames: [String]
    ) throws(SQLError) {
        self.inner = inner
        self.form = form
        isAppendOnly = form == .captured && !inner.isEndless
        var shape: EnvelopeShape
        switch form {
        case .debezium: shape = try EnvelopeShape(envelopesOf: inner)
        case .captured:
            shape = try EnvelopeShape(envelopesOf: inner)
            shape.tombstone = EnvelopeShape.hidden(Self.tombstone, inner)
        case .upsert: shape = try EnvelopeShape(upsertsOf: inner)
        }
        var columns = shape.columns.map { RelationColumn($0.name, $0.type) }
        if shape.recordKey != nil, !columns.contains(where: { $0.name == "_key" }) {
            columns.append(RelationColumn("_key", .text, isHidden: true))
        }
        var keys: [Int] = []
        for name in keyNames {
            guard
                let position = shape.columns.firstIndex(where: { $0.name == name })
                    ?? shape.columns.firstIndex(where: {
                        $0.name.lowercased() == name.lowercased()
                    })
            else {
                throw SQLError(
                    "key column \"\(name)\" does not exist in \(inner.name)", .undefinedColumn
                ).suggesting(shape.columns.map(\.name), for: name)
            }
            keys.append(position)
        }
        self.columns = columns
        self.shape = shape.keyed(by: keys)
        key =
            keys.isEmpty ? EnvelopeRelation.recordKey(inner, shape) : keys
    }

    /// The members of the records' keys as columns.
    private static func recordKey(
        _ inner: any SourceRelation, _ shape: EnvelopeShape
    ) -> [Int]? {
        guard let names = (inner as? any KeyedRecords)?.keyNames, !names.isEmpty else {
            return nil
        }
        let places = names.compactMap { name in shape.columns.firstIndex { $0.name == name } }
        return places.count == names.count ? places : nil
    }

    public var name: String { inner.name }
    public var identity: String { "\(form) \(key ?? []) \(inner.identity)" }
    public var time: TimeDeclaration? { nil }
    public var isEndless: Bool { inner.isEndless }
    public var mayWait: Bool { inner.mayWait }
    public var isReadOnce: Bool { inner.isReadOnce }
    public var estimatedRows: Int? { inner.estimatedRows }

    public func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        let layout = EnvelopeLayout(
            shape, scan, recordKey: EnvelopeRelation.recordKey(inner, shape) ?? [])
        // Rows that stand are kept in the types they came in.
        var context = context
        context.mayGoOn = false
        let source = try inner.open(ScanPlan(layout.columns), context: context)
        guard !isAppendOnly else {
            return CurrentRowsSource(source, layout, name: name, note: context.note)
        }
        return EnvelopeSource(
            source, layout, name: name, isCaptured: form == .captured, note: context.note)
    }
}

/// Where the parts of a change stand in the relation below.
struct EnvelopeShape: Sendable {
    var columns: [Field]
    /// Of the operation (text), or whether it is a tombstone (boolean).
    var operation: ScanColumn
    /// Of the columns' members or, without envelopes, of the columns.
    var after: [ScanColumn]
    /// Empty: there are no images of what was.
    var before: [ScanColumn]
    /// The key of the record.
    var recordKey: ScanColumn?
    /// Whether a record has no value, beside the operation.
    var tombstone: ScanColumn?
    /// Names of columns that the image after leaves out, as they did not change.
    var unavailable: ScanColumn?
    /// Positions in `columns` that tell rows apart.
    var keys: [Int] = []
    /// Of the columns; nil: the value is what it seems.
    var encodings: [EnvelopeEncoding?] = []

    init(envelopesOf inner: any SourceRelation) throws(SQLError) {
        let fields = inner.columns.map { Field($0.name, $0.type) }
        guard let envelope = ChangeEnvelope(fields) else {
            throw SQLError(
                "\(inner.name) has no Debezium envelopes", .invalidParameterValue,
                hint: "Each record is an object with before, after and op, or with these in "
                    + "payload.")
        }
        func column(_ path: [Int], _ type: DataType) -> ScanColumn {
            ScanColumn(path[0], path: Array(path.dropFirst()), type)
        }
        columns = envelope.columns
        operation = column(envelope.operation, .text)
        after = envelope.columns.enumerated().map { column(envelope.after + [$0], $1.type) }
        before = envelope.columns.enumerated().map { column(envelope.before + [$0], $1.type) }
        recordKey = EnvelopeShape.hidden("_key", inner)
        unavailable = envelope.unavailable.map { column($0, .json) }
        let schema = (inner as? any EnvelopeRecords)?.envelopes
        encodings = columns.map { schema?.encoding(of: $0.name, sampled: $0.type) }
        for (index, encoding) in encodings.enumerated() {
            if let encoding { columns[index].type = encoding.type }
        }
    }

    init(upsertsOf inner: any SourceRelation) throws(SQLError) {
        guard let tombstone = EnvelopeShape.hidden(EnvelopeRelation.tombstone, inner),
            let recordKey = EnvelopeShape.hidden("_key", inner)
        else {
            throw SQLError(
                "FORMAT UPSERT reads topics, whose records have keys", .featureNotSupported)
        }
        let visible = inner.columns.indices.filter { !inner.columns[$0].isHidden }
        columns = visible.map { Field(inner.columns[$0].name, inner.columns[$0].type) }
        operation = tombstone
        after = visible.map { ScanColumn($0, inner.columns[$0].type) }
        before = []
        encodings = columns.map { _ in nil }
        self.recordKey = recordKey
    }

    static func hidden(_ name: String, _ inner: any SourceRelation) -> ScanColumn? {
        guard let index = inner.columns.firstIndex(where: { $0.name == name && $0.isHidden })
        else { return nil }
        return ScanColumn(index, inner.columns[index].type)
    }

    func keyed(by keys: [Int]) -> EnvelopeShape {
        var shape = self
        shape.keys = keys
        return shape
    }
}

/// Which columns of the relation below a scan needs, and where its parts stand among them.
struct EnvelopeLayout {
    private(set) var columns: [ScanColumn] = []
    let types: [DataType]
    let isUpsert: Bool
    let operation: Int
    let recordKey: Int?
    let tombstone: Int?
    let unavailable: Int?
    /// Of the columns of the scan: what their values are part of.
    private(set) var names: [String] = []
    private(set) var after: [Int] = []
    private(set) var before: [Int] = []
    private(set) var keysAfter: [Int] = []
    private(set) var keysBefore: [Int] = []
    /// The same, of the record's key where no other was named: for updates that give a row another
    /// key and leave out what it keeps.
    private var movedTo: [Int] = []
    private var movedFrom: [Int] = []
    /// Of the columns of the scan.
    private(set) var encodings: [EnvelopeEncoding?] = []
    var isEncoded: Bool { encodings.contains { $0 != nil } }

    /// `recordKey`: positions in the shape's columns of the members of the records' keys.
    init(_ shape: EnvelopeShape, _ scan: ScanPlan, recordKey keyColumns: [Int]) {
        types = scan.columns.map(\.type)
        isUpsert = shape.before.isEmpty
        columns = [shape.operation]
        operation = 0
        if let key = shape.recordKey {
            columns.append(key)
            recordKey = 1
        } else {
            recordKey = nil
        }
        tombstone = shape.tombstone == nil ? nil : columns.count
        if let column = shape.tombstone { columns.append(column) }
        unavailable = shape.unavailable == nil ? nil : columns.count
        if let column = shape.unavailable { columns.append(column) }
        names = scan.columns.map {
            $0.index < shape.columns.count ? shape.columns[$0.index].name : ""
        }
        for wanted in scan.columns {
            guard wanted.index < shape.columns.count else {
                after.append(recordKey ?? 0)
                before.append(recordKey ?? 0)
                encodings.append(nil)
                continue
            }
            let encoding = shape.encodings[wanted.index]
            encodings.append(encoding)
            var raw = wanted
            if encoding != nil { raw.type = shape.after[wanted.index].type }
            after.append(add(shape.after[wanted.index], raw))
            if !isUpsert { before.append(add(shape.before[wanted.index], raw)) }
        }
        for key in shape.keys {
            let whole = ScanColumn(key, shape.after[key].type)
            keysAfter.append(add(shape.after[key], whole))
            if !isUpsert { keysBefore.append(add(shape.before[key], whole)) }
        }
        (movedTo, movedFrom) = (keysAfter, keysBefore)
        guard shape.keys.isEmpty, shape.unavailable != nil, !isUpsert else { return }
        for key in keyColumns {
            movedTo.append(add(shape.after[key], ScanColumn(key, shape.after[key].type)))
            movedFrom.append(add(shape.before[key], ScanColumn(key, shape.before[key].type)))
        }
    }

    /// The row may have stood under another key until the change before: it is inserted, or its
    /// update names the key that it had.
    func mayHaveMoved(_ batch: Batch, _ row: Int) -> Bool {
        guard batch.columns[operation].value(row) == .text("u") else {
            return batch.columns[operation].value(row) == .text("c")
        }
        let old = movedFrom.map { batch.columns[$0].value(row) }
        return !old.isEmpty && !old.contains(where: \.isNull)
            && old != movedTo.map { batch.columns[$0].value(row) }
    }

    /// The columns of the scan that a change says nothing of.
    func kept(_ batch: Batch, _ row: Int) -> [Int] {
        guard let unavailable, !batch.columns[unavailable].isNull(row),
            case .text(let text) = batch.columns[unavailable].value(row)
        else { return [] }
        let bytes = Array(text.utf8)
        var cursor = JSONCursor(bytes.rawSpan)
        var left: Set<String> = []
        do throws(FormatError) {
            try cursor.enterArray()
            while try cursor.nextElement() {
                left.insert(try cursor.string().text(in: bytes.rawSpan))
            }
        } catch {
            return []
        }
        return names.indices.filter { left.contains(names[$0]) }
    }

    private mutating func add(_ place: ScanColumn, _ wanted: ScanColumn) -> Int {
        columns.append(ScanColumn(place.index, path: place.path + wanted.path, wanted.type))
        return columns.count - 1
    }
}
