/// Teaches a `LayoutGraph` the layout of rows that were read in full; they are valid JSON.
@safe struct LayoutLearner {
    typealias Cursor = JSONScan.Cursor

    private(set) var graph = LayoutGraph()
    private let plan: ReadingPlan
    private let newLines: Bool
    /// Rows that may still be learned; rows that never repeat are given up.
    private var budget = 4096
    private var contexts = [Context(node: 0)]
    // The row that is being learned.
    private var pieceStart: Cursor
    private var from = 0
    private var opens: [Int] = []

    /// An object that names stand in: where it lies, and what of it is wanted.
    private struct Context {
        var node: Int
        var children: [[UInt8]: Int] = [:]
        var names: Set<[UInt8]> = []
        /// It has so many names that it is read as one value.
        var isOpaque = false
    }

    init(_ plan: ReadingPlan, newLines: Bool) {
        self.plan = plan
        self.newLines = newLines
        unsafe pieceStart = unsafe UnsafePointer(graph.pieces.base)
    }

    var isDone: Bool { budget == 0 || graph.isFull }

    /// Learns the object in `start..<end`, the braces included, with the line end behind it.
    mutating func learn(_ start: Cursor, _ end: Cursor) {
        budget -= 1
        unsafe pieceStart = unsafe start
        from = 0
        opens = []
        guard unsafe object(start + 1, context: 0) == end else { return }
        var behind = unsafe end
        if unsafe behind[0] == 0x0d && behind[1] == 0x0a { unsafe behind += 1 }
        if unsafe behind[0] == 0x0a { unsafe behind += 1 }
        _ = unsafe place(behind, .end, target: 0, context: 0)
    }

    /// Adds the text from the last value to `end` as a piece.
    private mutating func place(
        _ end: Cursor, _ action: LayoutGraph.Action, target: Int, context: Int
    ) -> Bool {
        let piece = unsafe Array(UnsafeBufferPointer(start: pieceStart, count: end - pieceStart))
        let node = graph.extend(
            from: from, context: context, piece: piece, action: action, target: target,
            opens: opens)
        opens = []
        guard let node = node else { return false }
        from = node
        return true
    }

    /// Behind the object whose members begin at `at`; nil where learning ends.
    private mutating func object(_ at: Cursor, context: Int) -> Cursor? {
        var cursor = unsafe JSONScan.skipSpace(at, newLines: newLines)
        if unsafe cursor.pointee == UInt8(ascii: "}") { return unsafe cursor + 1 }
        while true {
            var hasEscapes = false
            guard let nameEnd = unsafe JSONScan.stringEnd(cursor + 1, &hasEscapes), !hasEscapes
            else {
                return nil
            }
            let name = unsafe Array(
                UnsafeBufferPointer(start: cursor + 1, count: nameEnd - cursor - 1))
            unsafe cursor = unsafe JSONScan.skipSpace(nameEnd + 1, newLines: newLines)
            unsafe cursor = unsafe JSONScan.skipSpace(cursor + 1, newLines: newLines)
            guard let end = unsafe value(cursor, name: name, context: context) else { return nil }
            unsafe cursor = unsafe JSONScan.skipSpace(end, newLines: newLines)
            if unsafe cursor.pointee == UInt8(ascii: "}") { return unsafe cursor + 1 }
            unsafe cursor = unsafe JSONScan.skipSpace(cursor + 1, newLines: newLines)
        }
    }

    private mutating func value(_ at: Cursor, name: [UInt8], context: Int) -> Cursor? {
        let parent = contexts[context].node
        let node = parent < 0 ? -1 : find(name, parent)
        if node < 0 { note(name, context) }
        let kind = node < 0 ? nil : plan.nodes[node].kind
        let first = unsafe at.pointee
        if first == UInt8(ascii: "n") {
            let isPlaced = unsafe place(
                at + 4, node < 0 ? .nothing : .null, target: max(node, 0), context: context)
            unsafe pieceStart = unsafe at + 4
            return unsafe isPlaced ? pieceStart : nil
        }
        if first == UInt8(ascii: "{") && (kind == nil || kind == .record) {
            return unsafe member(at, name: name, node: node, context: context)
        }
        guard let action = LayoutLearner.action(first, kind), let end = unsafe end(of: at) else {
            return nil
        }
        let takesQuote = action == .string || action == .skipString
        guard
            unsafe place(
                takesQuote ? at + 1 : at, action, target: max(node, 0), context: context)
        else { return nil }
        unsafe pieceStart = unsafe end
        return unsafe end
    }

    private func find(_ name: [UInt8], _ parent: Int) -> Int {
        for member in plan.nodes[parent].members.values where plan.nodes[member].name == name {
            return member == plan.wholeNode ? -1 : member
        }
        return -1
    }

    private func end(of at: Cursor) -> Cursor? {
        unsafe JSONScan.valueEnd(at, depth: 0, newLines: newLines)
    }

    /// Counts the names of an object of which this one is not wanted.
    private mutating func note(_ name: [UInt8], _ context: Int) {
        guard context > 0, contexts[context].node < 0 else { return }
        contexts[context].names.insert(name)
        if contexts[context].names.count > FormatLimits.layoutNamesMax {
            contexts[context].isOpaque = true
        }
    }

    /// An object: its members are pieces too, unless they are too many.
    private mutating func member(
        _ at: Cursor, name: [UInt8], node: Int, context: Int
    ) -> Cursor? {
        var inner = contexts[context].children[name] ?? -1
        if inner < 0 {
            guard contexts.count < FormatLimits.layoutNodesMax else { return nil }
            inner = contexts.count
            contexts.append(Context(node: node))
            contexts[context].children[name] = inner
        }
        if contexts[inner].isOpaque {
            guard let end = unsafe end(of: at),
                unsafe place(at, .skipValue, target: 0, context: context)
            else {
                return nil
            }
            unsafe pieceStart = unsafe end
            return unsafe end
        }
        if node >= 0, let whole = plan.nodes[node].whole {
            guard unsafe place(at, .whole, target: whole, context: context) else { return nil }
            unsafe pieceStart = unsafe at
        }
        if node >= 0 { opens.append(node) }
        guard let end = unsafe object(at + 1, context: inner) else { return nil }
        // An empty object that is wanted is a place of its own: it has to be marked.
        if node >= 0 && opens.last == node {
            guard unsafe place(end, .nothing, target: 0, context: context) else { return nil }
            unsafe pieceStart = unsafe end
        }
        return unsafe end
    }

    private static func action(_ first: UInt8, _ kind: ReadingNode.Kind?) -> LayoutGraph.Action? {
        switch (first, kind) {
        case (_, .raw): .raw
        case (UInt8(ascii: "\""), nil): .skipString
        case (UInt8(ascii: "\""), .string): .string
        case (UInt8(ascii: "["), nil): .skipValue
        case (UInt8(ascii: "t"), nil), (UInt8(ascii: "f"), nil): .skipWord
        case (UInt8(ascii: "t"), .boolean), (UInt8(ascii: "f"), .boolean): .boolean
        case (UInt8(ascii: "-"), nil), (UInt8(ascii: "0")...UInt8(ascii: "9"), nil): .skipNumber
        case (UInt8(ascii: "-"), .integer), (UInt8(ascii: "0")...UInt8(ascii: "9"), .integer):
            .integer
        case (UInt8(ascii: "-"), .double), (UInt8(ascii: "0")...UInt8(ascii: "9"), .double):
            .double
        default: nil
        }
    }
}
