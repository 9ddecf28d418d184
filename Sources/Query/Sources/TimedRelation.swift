import Aggregation
import Formats

/// A relation whose time column is named from outside: `--time ts --delay 5s`.
final class TimedRelation: SourceRelation, EnvelopeRecords {
    private let inner: any SourceRelation
    let time: TimeDeclaration?

    /// The relation itself where it has no column of that name, or a time of its own.
    static func declaring(
        _ declared: DeclaredTime?, _ relation: any SourceRelation
    ) -> any SourceRelation {
        guard let declared, relation.time == nil,
            let column = relation.columns.firstIndex(where: { $0.name == declared.column })
                ?? relation.columns.firstIndex(where: {
                    $0.name.lowercased() == declared.column.lowercased()
                })
        else { return relation }
        return TimedRelation(
            relation,
            TimeDeclaration(
                column: column, unit: declared.unit, delay: declared.delay, idle: declared.idle))
    }

    private init(_ inner: any SourceRelation, _ time: TimeDeclaration) {
        self.inner = inner
        self.time = time
    }

    var name: String { inner.name }
    var identity: String { inner.identity }
    var envelopes: EnvelopeSchema? { (inner as? any EnvelopeRecords)?.envelopes }
    var columns: [RelationColumn] { inner.columns }
    var isEndless: Bool { inner.isEndless }
    var mayWait: Bool { inner.mayWait }
    var isReadOnce: Bool { inner.isReadOnce }
    var isAppendOnly: Bool { inner.isAppendOnly }
    var key: [Int]? { inner.key }
    var estimatedRows: Int? { inner.estimatedRows }
    var givesJSONText: Bool { inner.givesJSONText }

    func narrowClashes() -> Bool { inner.narrowClashes() }

    func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        try inner.open(scan, context: context)
    }
}
