import Bytes
import Formats

/// What an encoder prepares for a table once: names as JSON, forms of values, fragments of its
/// envelope. Used by one encoder, on its thread.
final class TablePlan {
    struct Column: BitwiseCopyable {
        /// Of `"name":` in `names`; a comma stands before it.
        var nameStart: Int32
        var nameEnd: Int32
        var form: ValueForm
        var isIdentity: Bool
        var isKey: Bool
    }

    let table: CapturedTable
    let columns: [Column]
    /// Forms of elements.
    let forms: [ValueForm]
    /// `,"name":` of every column, one behind the other.
    let names: [UInt8]
    /// The key's columns stand in the order of the tuple.
    let keyAscends: Bool
    let salts: [String]
    /// What the format writes for every change of the table, such as `"schema":"a","table":"b"`.
    let fragment: [UInt8]
    /// The last transaction with changes of the table: how many of them became two events, and how
    /// many events there were.
    var transaction: LogSequenceNumber?
    var splits = 0
    var events = 0
    /// What formats prepare beside: it goes with the plan, whose place another one takes when the
    /// table's description changes.
    var statements: TableStatements?
    var avro: AvroTable?
    var valueSchema: [UInt8] = []
    var keySchema: [UInt8] = []
    var leads: [[UInt8]] = []
    var isAnnounced = false

    init(
        _ table: CapturedTable, _ settings: EnvelopeSettings, isReadable: Bool, fragment: [UInt8]
    ) {
        self.table = table
        self.fragment = fragment
        var chooser = FormChooser(settings, isReadable: isReadable)
        var names = OutputBuffer(capacity: 256)
        var columns: [Column] = []
        var salts: [String] = []
        for (index, column) in table.columns.enumerated() {
            names.append(UInt8(ascii: ","))
            let start = names.count
            names.append(jsonString: column.name)
            names.append(UInt8(ascii: ":"))
            var form = chooser.form(column, of: table)
            if form.kind == .sha256 {
                form.element = Int16(clamping: salts.count)
                salts.append(Self.salt(column, table, settings))
            }
            columns.append(
                Column(
                    nameStart: Int32(start), nameEnd: Int32(names.count), form: form,
                    isIdentity: column.isIdentity, isKey: table.key.contains(index)))
        }
        self.columns = columns
        self.forms = chooser.forms
        self.salts = salts
        self.names = names.bytes.copied()
        keyAscends = zip(table.key, table.key.dropFirst()).allSatisfy { $0 < $1 }
    }

    private static func salt(
        _ column: CapturedColumn, _ table: CapturedTable, _ settings: EnvelopeSettings
    ) -> String {
        for mask in settings.masks where mask.covers(column, of: table) {
            if case .sha256(let salt) = mask.method { return salt }
        }
        return ""
    }
}

/// The plans of one encoder: that of the table before is at hand.
struct TablePlans {
    private var plans: [UInt32: TablePlan] = [:]
    private var last: TablePlan?

    mutating func plan(
        _ table: CapturedTable, make: (CapturedTable) -> TablePlan
    ) -> TablePlan {
        if let last, last.table === table { return last }
        let plan: TablePlan
        if let known = plans[table.oid], known.table === table {
            plan = known
        } else {
            plan = make(table)
            plans[table.oid] = plan
        }
        last = plan
        return plan
    }

    /// Events of each table that the transaction changed, by name.
    func counts(of transaction: LogSequenceNumber) -> [(name: String, count: Int)] {
        plans.values.filter { $0.transaction == transaction }
            .map { ("\($0.table.schema).\($0.table.name)", $0.events) }
            .sorted { $0.0 < $1.0 }
    }
}
