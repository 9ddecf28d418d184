import Bytes

/// Where the next value of a JSON row is expected, learned from the rows before.
///
/// Programs write the same names in the same order, so a row is mostly known text between values.
/// A node is a piece of that text (`,"price":`) with what is read behind it; its edges are the
/// pieces that were seen to follow. A row that follows the edges from the root to an end is valid
/// JSON, because every piece and every transition was part of a valid row with the same objects
/// open; names that come in another order or are missing are other edges. A row that leaves the
/// graph is read by the general path, which then teaches it.
///
/// Nodes and edges are plain memory, read without bounds checks: indices are made here only.
@safe struct LayoutGraph {
    enum Action: UInt8 {
        /// The row's end.
        case end
        /// Nothing to read: the piece ends with `null` or an empty container.
        case nothing
        case skipString, skipNumber, skipWord, skipValue
        case integer, double, boolean, string, raw
        /// The text of an object whose members follow as pieces of their own.
        case whole
        /// `null` for a wanted value: it must be the first of its name.
        case null
    }

    struct Node: BitwiseCopyable {
        /// The first 16 bytes of the piece.
        var word0: UInt64 = 0
        var word1: UInt64 = 0
        /// A bit for each of them behind the piece's end.
        var ignored: UInt32 = 0xffff
        /// Bytes of the piece.
        var length: Int32 = 0
        var target: Int32 = 0
        /// What follows first: the place of its node in memory, and the edge to it; -1: nothing.
        var firstNode: Int32 = -1
        var firstEdge: Int32 = -1
        /// Where a piece of more than 16 bytes lies as a whole.
        var whole: Int32 = 0
        /// Wanted objects that the piece opens, in `opened`.
        var opensFrom: Int32 = 0
        var opensCount: Int32 = 0
        /// New lines in the piece.
        var lines: Int32 = 0
        /// Bytes that the value behind it is expected to have; `unforetold`: any number.
        var usual: Int32 = 0
        /// How often it may still have others before it is no longer foretold.
        var surprises: Int32 = Node.surprisesMax
        var action = Action.nothing
        /// It is longer than 16 bytes, opens objects, or has new lines between values.
        var hasMore = false

        static let unforetold: Int32 = -1
        /// A surprise costs as much as a few lengths that were foretold have spared.
        static let surprisesMax: Int32 = 8
    }

    struct Edge: BitwiseCopyable {
        /// The place of its node in memory: bytes behind the first.
        var node: Int32
        var next: Int32
    }

    private struct Key: Hashable {
        let context: Int
        let piece: [UInt8]
        let action: UInt8
        let target: Int
    }

    let nodes: Buffer<Node>
    let edges: Buffer<Edge>
    private(set) var pieces: Buffer<UInt8>
    private(set) var opened: Buffer<Int32>
    private(set) var nodeCount = 1
    private(set) var edgeCount = 0
    private var pieceBytes = 0
    private var openedCount = 0
    private var known: [Key: Int] = [:]

    init() {
        nodes = Buffer(repeating: Node(), count: FormatLimits.layoutNodesMax)
        edges = Buffer(
            repeating: Edge(node: 0, next: -1), count: FormatLimits.layoutEdgesMax)
        pieces = Buffer(repeating: 0, count: 4096)
        opened = Buffer(repeating: 0, count: 256)
    }

    var isFull: Bool {
        nodeCount == FormatLimits.layoutNodesMax || edgeCount == FormatLimits.layoutEdgesMax
    }

    /// A place behind `from` where `piece` stands and `action` is done; makes what is missing.
    /// `context` tells which objects are open behind the piece. nil when the graph is full.
    mutating func extend(
        from: Int, context: Int, piece: [UInt8], action: Action, target: Int, opens: [Int]
    ) -> Int? {
        let key = Key(context: context, piece: piece, action: action.rawValue, target: target)
        let node: Int
        if let index = known[key] {
            node = index
        } else {
            guard nodeCount < FormatLimits.layoutNodesMax else { return nil }
            node = nodeCount
            nodeCount += 1
            known[key] = node
            nodes[node] = make(piece, action, target, opens)
        }
        var edge = Int(nodes[from].firstEdge)
        var last = -1
        while edge >= 0 {
            if edges[edge].node == LayoutGraph.place(node) { return node }
            last = edge
            edge = Int(edges[edge].next)
        }
        guard edgeCount < FormatLimits.layoutEdgesMax else { return nil }
        edges[edgeCount] = Edge(node: LayoutGraph.place(node), next: -1)
        if last < 0 {
            nodes[from].firstEdge = Int32(edgeCount)
            nodes[from].firstNode = LayoutGraph.place(node)
        } else {
            edges[last].next = Int32(edgeCount)
        }
        edgeCount += 1
        return node
    }

    private static func place(_ node: Int) -> Int32 { Int32(node * MemoryLayout<Node>.stride) }

    private mutating func make(
        _ piece: [UInt8], _ action: Action, _ target: Int, _ opens: [Int]
    ) -> Node {
        var node = Node()
        node.action = action
        node.target = Int32(target)
        node.length = Int32(piece.count)
        for (index, byte) in piece.enumerated() {
            let shift = UInt64(index & 7) * 8
            if index < 8 { node.word0 |= UInt64(byte) << shift }
            if index >= 8 && index < 16 { node.word1 |= UInt64(byte) << shift }
            if index < 16 { node.ignored &= ~(1 << UInt32(index)) }
            if byte == 0x0a { node.lines += 1 }
        }
        if piece.count > 16 { node.whole = Int32(store(piece)) }
        node.hasMore = piece.count > 16 || !opens.isEmpty || node.lines > 0 && action != .end
        if !opens.isEmpty {
            if openedCount + opens.count > opened.capacity { opened = grown(opened) }
            node.opensFrom = Int32(openedCount)
            node.opensCount = Int32(opens.count)
            for index in opens {
                opened[openedCount] = Int32(index)
                openedCount += 1
            }
        }
        return node
    }

    private mutating func store(_ bytes: [UInt8]) -> Int {
        while pieceBytes + bytes.count > pieces.capacity { pieces = grown(pieces) }
        let start = pieceBytes
        for byte in bytes {
            pieces[pieceBytes] = byte
            pieceBytes += 1
        }
        return start
    }

    private func grown<T>(_ old: Buffer<T>) -> Buffer<T> {
        let larger = Buffer<T>(capacity: old.capacity * 2)
        unsafe UnsafeMutableRawPointer(larger.base).initializeMemory(
            as: UInt8.self, repeating: 0, count: larger.capacity * MemoryLayout<T>.stride)
        unsafe larger.base.update(from: old.base, count: old.capacity)
        return larger
    }
}

// How long values are.
extension LayoutGraph {
    /// Where reading goes on behind a value that was found to end at `end`: there, but by way of
    /// the length that the values before it had.
    ///
    /// To find where a value ends takes the processor longer than all else that is done with it,
    /// and the next one cannot be looked for before. Most values are as long as those before them:
    /// so that is assumed, and compared with what was found, and the search for the next goes on
    /// meanwhile.
    @inline(__always)
    static func behind(
        _ value: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>,
        _ node: UnsafeMutablePointer<Node>
    ) -> UnsafePointer<UInt8> {
        let usual = unsafe node.pointee.usual
        if usual == Node.unforetold { return unsafe end }
        if let guess = unsafe PlainText.foretold(Int(usual), from: value, end) {
            return unsafe guess
        }
        unsafe surprise(end - value, node)
        return unsafe end
    }

    @inline(never)
    private static func surprise(_ length: Int, _ node: UnsafeMutablePointer<Node>) {
        unsafe node.pointee.surprises -= 1
        let isForetold = unsafe node.pointee.surprises > 0
        unsafe node.pointee.usual =
            isForetold ? Int32(truncatingIfNeeded: length) : Node.unforetold
    }

    /// Foretells the lengths of all values again; once a batch.
    func forgetSurprises() {
        for index in 0..<nodeCount {
            unsafe nodes.base[index].surprises = Node.surprisesMax
            if unsafe nodes.base[index].usual == Node.unforetold {
                unsafe nodes.base[index].usual = 0
            }
        }
    }
}

extension LayoutGraph {
    /// True if the first 16 bytes of the node's piece stand at `at`. By pointer, so that the node
    /// is not copied.
    @inline(__always)
    static func begins(_ node: UnsafePointer<Node>, at: UnsafePointer<UInt8>) -> Bool {
        unsafe ByteVector.equal(at, node, ignored: node.pointee.ignored)
    }

    /// The same of all that is behind them.
    @inline(__always)
    static func goesOn(
        _ node: UnsafePointer<Node>, at: UnsafePointer<UInt8>, _ pieces: UnsafePointer<UInt8>
    ) -> Bool {
        let length = unsafe Int(node.pointee.length)
        if length <= 16 { return true }
        let whole = unsafe pieces + Int(node.pointee.whole)
        var index = 16
        while index &+ 16 < length {
            if unsafe !ByteVector.equal(at + index, whole + index) { return false }
            index &+= 16
        }
        // The last 16 bytes, some of which were compared.
        index = length &- 16
        return unsafe ByteVector.equal(at + index, whole + index)
    }
}
