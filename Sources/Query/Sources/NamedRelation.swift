import Aggregation
import Formats

/// A relation whose columns are named by their place: CREATE SOURCE over a CSV file without a line
/// of names.
final class NamedRelation: SourceRelation {
    private let inner: any SourceRelation
    let columns: [RelationColumn]

    /// `names` for the first columns that are not hidden; the others keep theirs.
    init(_ inner: any SourceRelation, names: [String]) {
        self.inner = inner
        var rest = names[...]
        columns = inner.columns.map { column in
            guard !column.isHidden, let name = rest.popFirst() else { return column }
            return RelationColumn(name, column.type)
        }
    }

    var name: String { inner.name }
    var identity: String { inner.identity }
    var time: TimeDeclaration? { inner.time }
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
