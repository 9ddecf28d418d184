/// A place in a row where a value that somebody wants can stand: a field, or a member of an object
/// inside one. Node 0 is the row itself.
struct ReadingNode {
    enum Kind: UInt8 {
        case integer, double, boolean
        /// The value of a JSON string.
        case string
        /// The text of any JSON value; parsed, where the type asks for it, once a batch is full.
        case raw
        /// An object of which members are wanted.
        case record
    }

    let kind: Kind
    let type: DataType
    let name: [UInt8]
    let parent: Int
    /// As people write it: `bid.price`.
    let path: String
    /// The field it lies in, and the positions of members down to it.
    let field: Int
    let positions: [Int]
    /// Nodes of the wanted members, by position; only of a record.
    var members: [Int: Int] = [:]
    /// The node of the text of the whole object, where that is wanted beside members.
    var whole: Int?
    /// All of a record is wanted: a member that it does not have is a misfit.
    var isClosed = false

    static func kind(of type: DataType) -> Kind {
        switch type {
        case .bigint: .integer
        case .double: .double
        case .boolean: .boolean
        case .record(let fields) where !fields.isEmpty: .record
        case .text, .varchar, .char, .unknown, .date, .timestamp, .timestamptz: .string
        default: .raw
        }
    }
}

/// What of a row is wanted, as a tree, and where each column comes from. Made once a reader; the
/// reader's thread owns it.
final class ReadingPlan {
    let fields: [Field]
    let columns: [ReadColumn]
    let nodes: [ReadingNode]
    /// The node of each value column; -1 for the others.
    let columnNodes: [Int]
    /// By node, in plain memory for the rows' sake.
    let facts: Buffer<NodeFacts>
    /// The wanted members of each node by name.
    private let tables: [NameTable]
    /// Field that a row which is no object becomes; its node.
    let wholeNode: Int

    init(fields: [Field], columns: [ReadColumn], wholeValue: Int?) {
        self.fields = fields
        self.columns = columns
        var wanted: [Int] = []
        var tree = [
            ReadingNode(
                kind: .record, type: .record(fields), name: [], parent: -1, path: "", field: -1,
                positions: [])
        ]
        let places = columns.compactMap { column -> [Int]? in
            guard case .value(let field, let path) = column else { return nil }
            return [field] + path
        }
        for column in columns {
            guard case .value(let field, let path) = column else {
                wanted.append(-1)
                continue
            }
            wanted.append(ReadingPlan.add([field] + path, to: &tree, beside: places))
        }
        let whole = wholeValue.flatMap { tree[0].members[$0] }
        wholeNode = whole ?? -1
        let built = tree
        let tables = built.map { node in
            // What stands for the whole of a row is no member of it.
            NameTable(
                node.members.values.sorted().filter { $0 != whole }.map { (built[$0].name, $0) })
        }
        self.tables = tables
        facts = Buffer(
            built.indices.map { index in
                NodeFacts(
                    kind: built[index].kind, isClosed: built[index].isClosed,
                    whole: Int32(built[index].whole ?? -1), names: tables[index].view)
            })
        columnNodes = wanted
        nodes = tree
    }

    func coerce(_ node: Int) { facts[node].isCoerced = true }

    /// `places`: of all columns.
    private static func add(
        _ path: [Int], to nodes: inout [ReadingNode], beside places: [[Int]]
    ) -> Int {
        var node = 0
        guard path.last == ReadColumn.wholeText else {
            for position in path { node = member(position, of: node, in: &nodes) }
            addAll(below: node, to: &nodes)
            return node
        }
        let base = path.dropLast()
        // Text alone is kept as any json is, whatever it holds.
        let isAlone = !places.contains { $0 != path && $0.starts(with: base) }
        for (index, position) in base.enumerated() {
            let isText = isAlone && index == base.count - 1
            node = member(position, of: node, in: &nodes, as: isText ? .json : nil)
        }
        return isAlone ? node : whole(of: node, in: &nodes)
    }

    private static func whole(of node: Int, in nodes: inout [ReadingNode]) -> Int {
        if let known = nodes[node].whole { return known }
        nodes.append(
            ReadingNode(
                kind: .raw, type: .json, name: [], parent: node, path: nodes[node].path,
                field: nodes[node].field, positions: nodes[node].positions))
        nodes[node].whole = nodes.count - 1
        return nodes.count - 1
    }

    private static func addAll(below node: Int, to nodes: inout [ReadingNode]) {
        guard nodes[node].kind == .record, case .record(let fields) = nodes[node].type else {
            return
        }
        nodes[node].isClosed = true
        for position in fields.indices {
            addAll(below: member(position, of: node, in: &nodes), to: &nodes)
        }
    }

    private static func member(
        _ position: Int, of parent: Int, in nodes: inout [ReadingNode], as type: DataType? = nil
    ) -> Int {
        if let known = nodes[parent].members[position] { return known }
        guard case .record(let fields) = nodes[parent].type else {
            preconditionFailure("a member is wanted of a column that is no record")
        }
        let field = fields[position]
        let prefix = nodes[parent].path
        let type = type ?? field.type
        let node = ReadingNode(
            kind: ReadingNode.kind(of: type), type: type, name: Array(field.name.utf8),
            parent: parent, path: prefix.isEmpty ? field.name : "\(prefix).\(field.name)",
            field: parent == 0 ? position : nodes[parent].field,
            positions: parent == 0 ? [] : nodes[parent].positions + [position])
        nodes.append(node)
        nodes[parent].members[position] = nodes.count - 1
        return nodes.count - 1
    }
}

/// What the readers ask of a node for each value.
@safe struct NodeFacts: BitwiseCopyable {
    var kind: ReadingNode.Kind
    /// Values that do not fit are written in the column's type where they can be.
    var isCoerced = false
    /// See `ReadingNode`; -1: none.
    var isClosed: Bool
    var whole: Int32
    var names: NameTable.View
}
