import Formats

/// How a value is encoded: chosen once a table from its form and Connect's schema of it.
enum AvroShape: UInt8, BitwiseCopyable {
    case boolean, bit
    /// Digits, as the server prints them.
    case whole
    /// A number that JSON's form makes of the text: times, lengths.
    case number
    case float, double
    /// The text as it is.
    case string
    /// The string that JSON's form makes of the text.
    case formed
    case truncated, hstoreText
    case bytes, bits
    case decimal, variableDecimal
    case point
    case array, map
    case floatVector, doubleVector
    /// Not in the record.
    case absent

    init(_ form: ValueForm, _ schema: ConnectSchema) {
        switch schema.kind {
        case .boolean: self = form.kind == .bit ? .bit : .boolean
        case .int16, .int32, .int64: self = form.kind == .integer ? .whole : .number
        case .float: self = .float
        case .double: self = .double
        case .bytes:
            switch schema.name {
            case ConnectSchema.decimalName: self = .decimal
            case "io.debezium.data.Bits": self = .bits
            default: self = .bytes
            }
        case .structure: self = form.kind == .point ? .point : .variableDecimal
        case .map: self = .map
        case .arrays: self = .array
        case .array(let items):
            if form.kind == .array {
                self = .array
            } else if case .float = items.kind {
                self = .floatVector
            } else {
                self = .doubleVector
            }
        case .string:
            switch form.kind {
            case .text, .plain, .json, .jsonb: self = .string
            case .truncate: self = .truncated
            case .hstoreText: self = .hstoreText
            default: self = .formed
            }
        }
    }
}

/// What the Avro encoder prepares for a table; it goes with the table's plan.
final class AvroTable {
    struct Column {
        static let absent = Column(shape: .absent)

        var shape: AvroShape
        /// The shape of an array's element, and how many dimensions it may have.
        var element = AvroShape.absent
        var dimensions = 1
        var isOptional = false
    }

    /// Of all columns of the table; those that are not written are absent.
    let columns: [Column]
    let keyColumns: [Column]
    let fieldNames: [String]
    let findings: RowFindings
    let valueSchema: String
    let keySchema: String
    /// What the registry has given them.
    var valueID: UInt32?
    var keyID: UInt32?

    init(_ plan: TablePlan, _ schemas: ConnectSchemas, _ findings: RowFindings = RowFindings()) {
        self.findings = findings
        let isKeyOnly = schemas.settings.image == .keys
        let all = plan.columns.indices.map { Column($0, plan, schemas, findings) }
        let isWritten = { (index: Int) in !isKeyOnly || plan.columns[index].isKey }
        columns = all.indices.map { isWritten($0) ? all[$0] : .absent }
        keyColumns = plan.table.key.map { all[$0] }
        fieldNames = plan.table.columns.map(schemas.fieldName)
        valueSchema =
            schemas.envelope(plan, all.indices.filter(isWritten), findings).avro.json
        keySchema = plan.table.key.isEmpty ? "" : schemas.key(plan, findings).avro.json
    }

    /// Two columns whose names Avro would have as one; nil if there are none.
    func sharedName(_ table: CapturedTable) -> (one: String, other: String, field: String)? {
        var owners: [String: String] = [:]
        for (index, name) in fieldNames.enumerated() where columns[index].shape != .absent {
            let own = table.columns[index].name
            if let other = owners.updateValue(own, forKey: name) { return (other, own, name) }
        }
        return nil
    }
}

extension AvroTable.Column {
    init(_ index: Int, _ plan: TablePlan, _ schemas: ConnectSchemas, _ findings: RowFindings) {
        let form = plan.columns[index].form
        let schema = schemas.schema(index, plan, findings)
        shape = form.kind == .dropped ? .absent : AvroShape(form, schema)
        isOptional = schema.isOptional
        guard form.kind == .array else { return }
        switch schema.kind {
        case .array(let items): element = AvroShape(plan.forms[Int(form.element)], items)
        case .arrays(let items, let count):
            element = AvroShape(plan.forms[Int(form.element)], items)
            dimensions = count
        default: break
        }
    }
}
