// The rows' loop: along the learned layouts where they lead, else value by value.
extension JSONReader {
    func decodeRows(_ base: Cursor) {
        failure = nil
        if row == 0 { learner.graph.forgetSurprises() }
        while row < Batch.rowsMax {
            if options.framing != .array && graphPause == 0 {
                unsafe followLayouts(base, rowsMax: Batch.rowsMax)
                guard row < Batch.rowsMax else { return }
            }
            guard unsafe startRow(base) else {
                if endsInsideArray { failure = .syntax }
                return
            }
            if options.framing == .array && graphPause == 0 && mayStandHere {
                let before = row
                unsafe followLayouts(base, rowsMax: row + 1)
                guard row == before else {
                    array = .behindElement
                    continue
                }
            }
            guard unsafe readRow(base) else { return }
        }
    }

    /// Moves to the start of the next row; false if no byte of it is there.
    private func startRow(_ base: Cursor) -> Bool {
        var cursor = unsafe base + position
        let end = unsafe base + limit
        while true {
            while unsafe cursor < end, unsafe cursor.pointee <= 0x20 {
                let byte = unsafe cursor.pointee
                if byte == 0x0a {
                    line += 1
                } else if byte != 0x20 && byte != 0x09 && byte != 0x0d {
                    break
                }
                unsafe cursor += 1
            }
            position = unsafe cursor - base
            guard unsafe cursor < end else { return false }
            guard options.framing == .array, array != .atElement else { return true }
            guard unsafe arrayBracket(cursor.pointee) else { return true }
            unsafe cursor += 1
        }
    }

    /// Nothing follows, and the bracket that closes the array has not come.
    var endsInsideArray: Bool {
        guard isLast, options.framing == .array, position >= limit else { return false }
        switch array {
        case .first, .atElement, .behindElement: return true
        case .before, .closed: return false
        }
    }

    /// Takes a bracket or comma between the elements of the array; false where it is none.
    private func arrayBracket(_ byte: UInt8) -> Bool {
        switch (array, byte) {
        case (.before, UInt8(ascii: "[")), (.closed, UInt8(ascii: "[")): array = .first
        case (.behindElement, UInt8(ascii: ",")): array = .atElement
        case (.first, UInt8(ascii: "]")), (.behindElement, UInt8(ascii: "]")): array = .closed
        default: return false
        }
        return true
    }

    /// Reads the row at `position` value by value; false if it cannot be.
    private func readRow(_ base: Cursor) -> Bool {
        let start = unsafe base + position
        rows.clear(row)
        guard mayStandHere, let end = unsafe wholeRow(start) else {
            rows.clear(row)
            unsafe settle(base)
            return false
        }
        let isObject = unsafe start.pointee == UInt8(ascii: "{")
        // `127.0.0.1` is no row of 127.0.
        if unsafe !isObject && options.framing == .lines && end < base + limit
            && start.pointee != UInt8(ascii: "[") && start.pointee != UInt8(ascii: "\"")
            && end.pointee > 0x20
        {
            rows.clear(row)
            failure = .syntax
            return false
        }
        if unsafe !isObject && newLines && !isLast && end == base + limit {
            // More digits may follow.
            failure = .incomplete
            return false
        }
        rows.lines[row] = Int64(line)
        row += 1
        array = .behindElement
        if newLines { unsafe countLines(start, end) }
        position = unsafe end - base
        if unsafe options.framing == .lines && end.pointee == 0x0a {
            line += 1
            position += 1
        }
        if graphPause > 0 {
            graphPause -= 1
        } else if isObject && !learner.isDone {
            unsafe learner.learn(start, end)
        }
        return true
    }

    /// False in an array where a bracket or comma is due.
    private var mayStandHere: Bool {
        options.framing != .array || array == .first || array == .atElement
    }

    private func countLines(_ start: Cursor, _ end: Cursor) {
        var cursor = unsafe start
        while unsafe cursor < end {
            if unsafe cursor.pointee == 0x0a { line += 1 }
            unsafe cursor += 1
        }
    }

    /// Finds out whether a row is broken or only cut off.
    private func settle(_ base: Cursor) {
        if failure == nil { failure = .syntax }
        guard newLines, !isLast, let block else { return }
        if !mayStandHere { return }
        var checker = JSONCursor(block.bytes(position..<limit))
        do {
            _ = try checker.skip()
        } catch {
            guard case .json(let fault, let at) = error else { return }
            // An escape or a character that is cut off is seen at its start.
            if fault == .unexpectedEnd || at + 12 >= limit - position { failure = .incomplete }
        }
    }

    /// Decodes rows as long as the layouts that were seen foretell them.
    private func followLayouts(_ base: Cursor, rowsMax: Int) {
        let nodes = unsafe UnsafeMutableRawPointer(learner.graph.nodes.base)
        let edges = unsafe UnsafePointer(learner.graph.edges.base)
        let slots = unsafe UnsafePointer(rows.slots.base)
        let lines = unsafe rows.lines.base
        let root = unsafe learner.graph.nodes.base.pointee
        let end = unsafe base + limit
        var at = unsafe base + position
        var row = row
        var line = line
        // Bits of the lengths of strings: short ones are copied into their views, and a block
        // without long ones need not be kept.
        var lengths = 0
        records: while unsafe row < rowsMax && at < end {
            var cursor = unsafe at
            var place = root.firstNode
            var edge = root.firstEdge
            var seenLines = 0
            places: while true {
                if place < 0 { break records }
                let node = unsafe (nodes + Int(place)).assumingMemoryBound(
                    to: LayoutGraph.Node.self)
                let value = unsafe cursor + Int(node.pointee.length)
                var next: Cursor?
                if unsafe LayoutGraph.begins(node, at: cursor),
                    unsafe !node.pointee.hasMore || goesOn(node, cursor, row, &seenLines)
                {
                    let slot = unsafe slots + Int(node.pointee.target)
                    switch unsafe node.pointee.action {
                    case .end:
                        unsafe lines[row] = Int64(line)
                        row &+= 1
                        unsafe line &+= seenLines &+ Int(node.pointee.lines)
                        unsafe at = unsafe value
                        continue records
                    case .nothing: unsafe next = unsafe value
                    case .skipString: unsafe next = unsafe JSONScan.behindString(value)
                    case .skipNumber: unsafe next = unsafe JSONScan.numberEnd(value)
                    case .skipWord: unsafe next = unsafe JSONScan.wordEnd(value)
                    case .skipValue: unsafe next = unsafe skip(value, &seenLines)
                    case .integer: unsafe next = unsafe storeInteger(value, slot, row)
                    case .double: unsafe next = unsafe storeDouble(value, slot, row)
                    case .string: unsafe next = unsafe storeString(value, slot, row, &lengths)
                    case .null, .boolean, .raw, .whole:
                        if unsafe slot.pointee.isMarked(row) { break records }
                        unsafe next = unsafe storeOther(
                            node.pointee.action, value, slot, row, &seenLines)
                    }
                }
                if let next = unsafe next {
                    unsafe cursor = unsafe LayoutGraph.behind(value, next, node)
                    place = unsafe node.pointee.firstNode
                    edge = unsafe node.pointee.firstEdge
                } else {
                    // Something else may stand here.
                    edge = unsafe edges[Int(edge)].next
                    guard edge >= 0 else { break records }
                    place = unsafe edges[Int(edge)].node
                }
            }
        }
        if lengths > StringView.inlineMax, let block { rows.keep(block) }
        position = unsafe at - base
        unsafe leaveLayouts(row, line, wasForetold: at >= end || row == rowsMax)
    }

    /// What a few pieces have beside 16 bytes: true if the rest of it stands there too, and the
    /// objects that it opens are not open yet.
    @inline(never)
    private func goesOn(
        _ node: UnsafePointer<LayoutGraph.Node>, _ at: Cursor, _ row: Int, _ lines: inout Int
    ) -> Bool {
        guard unsafe LayoutGraph.goesOn(node, at: at, learner.graph.pieces.base) else {
            return false
        }
        let first = unsafe Int(node.pointee.opensFrom)
        for index in unsafe first..<first + Int(node.pointee.opensCount) {
            let opened = unsafe Int(learner.graph.opened.base[index])
            guard unsafe rows.slots.base[opened].mark(row) else { return false }
        }
        if unsafe node.pointee.action != .end { unsafe lines += Int(node.pointee.lines) }
        return true
    }

    /// Takes over where the layouts have led.
    private func leaveLayouts(_ row: Int, _ line: Int, wasForetold: Bool) {
        let count = row - self.row
        self.row = row
        self.line = line
        if !wasForetold { noteOutcome(count) }
    }

    /// Gives the graph a pause when most rows leave it.
    private func noteOutcome(_ rows: Int) {
        graphMisses = max(0, graphMisses + 2 - rows)
        if graphMisses > 4096 {
            graphMisses = 0
            graphPause = 16_384
        }
    }

    private func skip(_ value: Cursor, _ lines: inout Int) -> Cursor? {
        guard let end = unsafe JSONScan.valueEnd(value, depth: 1, newLines: newLines) else {
            return nil
        }
        if newLines { unsafe lines += newLineCount(value, end) }
        return unsafe end
    }

    private func newLineCount(_ start: Cursor, _ end: Cursor) -> Int {
        var count = 0
        for offset in unsafe 0..<end - start where unsafe start[offset] == 0x0a { count += 1 }
        return count
    }

    @inline(__always)
    private func storeInteger(
        _ value: Cursor, _ slot: UnsafePointer<RowBuffers.Slot>, _ row: Int
    ) -> Cursor? {
        var behind = unsafe value
        guard let number = unsafe JSONScan.integer(&behind), unsafe slot.pointee.mark(row) else {
            return nil
        }
        unsafe slot.pointee.put(number, row)
        return unsafe behind
    }

    @inline(__always)
    private func storeDouble(
        _ value: Cursor, _ slot: UnsafePointer<RowBuffers.Slot>, _ row: Int
    ) -> Cursor? {
        var behind = unsafe value
        guard let number = unsafe JSONScan.double(&behind), unsafe slot.pointee.mark(row) else {
            return nil
        }
        unsafe slot.pointee.put(number, row)
        return unsafe behind
    }

    @inline(__always)
    private func storeString(
        _ value: Cursor, _ slot: UnsafePointer<RowBuffers.Slot>, _ row: Int, _ lengths: inout Int
    ) -> Cursor? {
        var hasEscapes = false
        guard let quote = unsafe JSONScan.stringEnd(value, &hasEscapes),
            unsafe slot.pointee.mark(row)
        else {
            return nil
        }
        unsafe lengths |= quote - value
        unsafe slot.pointee.put(
            hasEscapes ? unescaped(value, quote) : StringView(value, count: quote - value), row)
        return unsafe quote + 1
    }

    @inline(never)
    private func storeOther(
        _ action: LayoutGraph.Action, _ value: Cursor, _ slot: UnsafePointer<RowBuffers.Slot>,
        _ row: Int, _ lines: inout Int
    ) -> Cursor? {
        if action == .null { return unsafe value }
        if action == .boolean {
            guard unsafe value.pointee != UInt8(ascii: "n"),
                let end = unsafe JSONScan.wordEnd(value)
            else {
                return nil
            }
            _ = unsafe slot.pointee.mark(row)
            unsafe slot.pointee.put(value.pointee == UInt8(ascii: "t") ? UInt8(1) : 0, row)
            return unsafe end
        }
        if action == .whole {
            // Its members are pieces that follow, with their new lines.
            var inside = 0
            guard let end = unsafe skip(value, &inside) else { return nil }
            _ = unsafe slot.pointee.mark(row)
            unsafe slot.pointee.put(view(value, end), row)
            return unsafe value
        }
        guard let end = unsafe skip(value, &lines) else { return nil }
        if unsafe value.pointee == UInt8(ascii: "n") { return unsafe end }
        _ = unsafe slot.pointee.mark(row)
        unsafe slot.pointee.put(view(value, end), row)
        return unsafe end
    }

    /// A view of the value of a string with escapes.
    func unescaped(_ start: Cursor, _ end: Cursor) -> StringView {
        let room = unsafe rows.strings.allocate(end - start)
        return unsafe StringView(room, count: JSONScan.unescape(start, end, to: room))
    }
}
