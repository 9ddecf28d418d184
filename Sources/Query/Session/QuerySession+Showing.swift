import Aggregation
import Formats
import Platform
import SQL

// Statements that show what the session has.
extension QuerySession {
    func show(_ setting: SettingSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        if setting.name.text.lowercased() == "all" {
            let rows = settings.all.map { [Value.text($0.0), .text($0.1), .text($0.2)] }
            let columns = ["name", "setting", "description"].map { Field($0, .text) }
            return try answer(columns, rows, "SHOW", output)
        }
        let (name, value) = try settings.show(setting)
        return try answer([Field(name, .text)], [[.text(value)]], "SHOW", output)
    }

    func showRelations(_ what: String, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        if what == "TYPES" { return try showTypes(output) }
        var rows: [[Value]] = []
        for (name, entry) in catalog.entries.sorted(by: { $0.key < $1.key }) {
            let kind =
                switch entry {
                case .table: "table"
                case .view: entry.kind.lowercased()
                case .source(let definition): definition.isSource ? "source" : "table"
                case .sequence: "sequence"
                case .type: "type"
                }
            if case .type = entry { continue }
            if what == "VIEWS", !kind.hasSuffix("view") { continue }
            rows.append([.text(name), .text(kind)])
        }
        return try answer([Field("name", .text), Field("type", .text)], rows, "SHOW", output)
    }

    /// Names and types of the columns of a relation or query.
    func describe(
        _ relation: RelationSyntax, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        var select = SelectSyntax(relation.place)
        let star = SyntaxExpression(.star(.init()), relation.place)
        select.items = [SelectItem(star, alias: nil)]
        select.from = [.relation(relation)]
        let prepared = try prepare(QuerySyntax(.select(select), relation.place))
        let rows = prepared.columns.map { [Value.text($0.name), .text($0.type.shape)] }
        return try answer(
            [Field("column", .text), Field("type", .text)], rows, "DESCRIBE", output)
    }

    func answer(
        _ columns: [Field], _ rows: [[Value]], _ tag: String, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        try output.begin(columns, isChangelog: false, key: nil)
        if !rows.isEmpty {
            let made = columns.indices.map { index in
                Column.make(columns[index].type, rows.map { $0[index] })
            }
            try output.write(Batch(made, count: rows.count))
        }
        try output.endStep()
        try output.flush()
        try output.end()
        return Outcome(tag: tag)
    }
}

extension DataType {
    /// The type with the members of structs: `STRUCT(a bigint, b text)`.
    var shape: String {
        switch self {
        case .record(let fields):
            "STRUCT(" + fields.map { "\($0.name) \($0.type.shape)" }.joined(separator: ", ") + ")"
        case .array(let element): element.shape + "[]"
        default: description
        }
    }
}

/// Rows that nobody wants: --format none, EXPLAIN ANALYZE.
public final class Discarded: ResultOutput {
    public init() {}
    public var isClosed: Bool { false }
    public var takesOtherTypes: Bool { true }
    public func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}
    public func write(_ batch: Batch) {}
    public func endStep() {}
    public func flush() {}
    public func end() {}
}
