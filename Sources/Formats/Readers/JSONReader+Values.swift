import Bytes

// The general path: any order of names, any white space.
extension JSONReader {
    /// Reads the row at `at` into the buffers; gives where it ends, or nil and `failure` unless the
    /// text is not well formed.
    func wholeRow(_ at: Cursor) -> Cursor? {
        if unsafe at.pointee == UInt8(ascii: "{") { return unsafe members(at + 1, of: 0, depth: 1) }
        if plan.wholeNode >= 0 { return unsafe value(at, node: plan.wholeNode, depth: 0) }
        return unsafe JSONScan.valueEnd(at, depth: 0, newLines: newLines)
    }

    /// The members of an object; `at` is behind its brace.
    private func members(_ at: Cursor, of parent: Int, depth: Int) -> Cursor? {
        guard depth <= FormatLimits.jsonDepthMax else { return nil }
        let names = unsafe plan.facts.base[parent].names
        var cursor = unsafe JSONScan.skipSpace(at, newLines: newLines)
        if unsafe cursor.pointee == UInt8(ascii: "}") { return unsafe cursor + 1 }
        while true {
            guard unsafe cursor.pointee == UInt8(ascii: "\"") else { return nil }
            let name = unsafe cursor + 1
            var hasEscapes = false
            guard let nameEnd = unsafe JSONScan.stringEnd(name, &hasEscapes) else { return nil }
            unsafe cursor = unsafe JSONScan.skipSpace(nameEnd + 1, newLines: newLines)
            guard unsafe cursor.pointee == UInt8(ascii: ":") else { return nil }
            unsafe cursor = unsafe JSONScan.skipSpace(cursor + 1, newLines: newLines)
            let node =
                unsafe hasEscapes
                ? escapedName(name, nameEnd, names) : names.find(name, nameEnd - name)
            if unsafe node < 0 && plan.facts.base[parent].isClosed {
                guard unsafe mayPass(parent, at - 1, depth) else { return nil }
            }
            let end =
                unsafe node < 0
                ? JSONScan.valueEnd(cursor, depth: depth, newLines: newLines)
                : value(cursor, node: node, depth: depth)
            guard let end = unsafe end else { return nil }
            unsafe cursor = unsafe JSONScan.skipSpace(end, newLines: newLines)
            if unsafe cursor.pointee == UInt8(ascii: "}") { return unsafe cursor + 1 }
            guard unsafe cursor.pointee == UInt8(ascii: ",") else { return nil }
            unsafe cursor = unsafe JSONScan.skipSpace(cursor + 1, newLines: newLines)
        }
    }

    /// False if the object at `start`, all of which is wanted, has a member that its type has not.
    @inline(never)
    private func mayPass(_ node: Int, _ start: Cursor, _ depth: Int) -> Bool {
        if plan.facts[node].isCoerced { return true }
        let end = unsafe JSONScan.valueEnd(start, depth: depth - 1, newLines: newLines)
        if failure == nil, let end = unsafe end {
            failure = unsafe .misfit(node: node, start: start, end: end)
        }
        return false
    }

    private func escapedName(_ start: Cursor, _ end: Cursor, _ names: NameTable.View) -> Int {
        // Eight bytes behind the name are readable, as where names lie in a block.
        let room = unsafe Buffer<UInt8>(repeating: 0, count: end - start + 16)
        return unsafe names.find(room.base, JSONScan.unescape(start, end, to: room.base))
    }

    /// A value that is wanted.
    private func value(_ at: Cursor, node: Int, depth: Int) -> Cursor? {
        let first = unsafe at.pointee
        if first == UInt8(ascii: "n") {
            // The last of several values of a name counts, null too.
            rows.clear(row, below: node)
            return unsafe JSONScan.wordEnd(at)
        }
        let slot = unsafe rows.slots.base + node
        switch unsafe plan.facts.base[node].kind {
        case .integer:
            var behind = unsafe at
            guard let number = unsafe JSONScan.integer(&behind),
                unsafe behind.pointee != UInt8(ascii: "."),
                unsafe behind.pointee | 0x20 != UInt8(ascii: "e")
            else { return unsafe odd(at, node, depth) }
            unsafe slot.pointee.put(number, row)
            _ = unsafe slot.pointee.mark(row)
            return unsafe behind
        case .double:
            var behind = unsafe at
            guard let number = unsafe JSONScan.double(&behind) else {
                return unsafe odd(at, node, depth)
            }
            unsafe slot.pointee.put(number, row)
            _ = unsafe slot.pointee.mark(row)
            return unsafe behind
        case .boolean:
            guard first == UInt8(ascii: "t") || first == UInt8(ascii: "f"),
                let end = unsafe JSONScan.wordEnd(at)
            else { return unsafe odd(at, node, depth) }
            unsafe slot.pointee.put(first == UInt8(ascii: "t") ? UInt8(1) : 0, row)
            _ = unsafe slot.pointee.mark(row)
            return unsafe end
        case .string:
            guard first == UInt8(ascii: "\"") else { return unsafe odd(at, node, depth) }
            var hasEscapes = false
            guard let quote = unsafe JSONScan.stringEnd(at + 1, &hasEscapes) else { return nil }
            unsafe slot.pointee.put(
                hasEscapes
                    ? unescaped(at + 1, quote) : view(at + 1, quote), row)
            _ = unsafe slot.pointee.mark(row)
            return unsafe quote + 1
        case .raw:
            guard let end = unsafe JSONScan.valueEnd(at, depth: depth, newLines: newLines) else {
                return nil
            }
            unsafe slot.pointee.put(view(at, end), row)
            _ = unsafe slot.pointee.mark(row)
            return unsafe end
        case .record:
            guard first == UInt8(ascii: "{") else { return unsafe odd(at, node, depth) }
            if unsafe slot.pointee.isMarked(row) { rows.clear(row, below: node) }
            _ = unsafe slot.pointee.mark(row)
            guard let end = unsafe members(at + 1, of: node, depth: depth + 1) else { return nil }
            let whole = unsafe Int(plan.facts.base[node].whole)
            if whole >= 0 {
                let text = unsafe rows.slots.base + whole
                unsafe text.pointee.put(view(at, end), row)
                _ = unsafe text.pointee.mark(row)
            }
            return unsafe end
        }
    }

    /// A value that is not of its column's type.
    private func odd(_ at: Cursor, _ node: Int, _ depth: Int) -> Cursor? {
        guard let end = unsafe JSONScan.valueEnd(at, depth: depth, newLines: newLines) else {
            return nil
        }
        guard plan.facts[node].isCoerced else {
            if failure == nil { failure = unsafe .misfit(node: node, start: at, end: end) }
            return nil
        }
        guard unsafe coerced(UnsafeBufferPointer(start: at, count: end - at), node) else {
            // What is said of a string is said of what it holds.
            let inside = unsafe at.pointee == UInt8(ascii: "\"") && end - at > 1 ? 1 : 0
            if failure == nil {
                failure = unsafe .uncoercible(node: node, start: at + inside, end: end - inside)
            }
            return nil
        }
        return unsafe end
    }

    /// Writes a value of another type in the column's, if that loses nothing.
    private func coerced(_ text: UnsafeBufferPointer<UInt8>, _ node: Int) -> Bool {
        var content = unsafe Array(text)
        if content.first == UInt8(ascii: "\"") { content = JSONReader.content(content) }
        let slot = unsafe rows.slots.base + node
        switch plan.facts[node].kind {
        case .integer:
            guard let number = PlainNumber.integer(content) else { return false }
            unsafe slot.pointee.put(number, row)
        case .double:
            guard let number = PlainNumber.double(content) else { return false }
            unsafe slot.pointee.put(number, row)
        case .boolean:
            let word = String(decoding: content, as: UTF8.self)
            guard word == "true" || word == "false" else { return false }
            unsafe slot.pointee.put(word == "true" ? UInt8(1) : 0, row)
        case .string:
            unsafe slot.pointee.put(content.withUnsafeBytes { unsafe rows.strings.copy($0) }, row)
        case .raw, .record: return false
        }
        _ = unsafe slot.pointee.mark(row)
        return true
    }

    /// The value of a JSON string that is written with its quotes.
    static func content(_ text: [UInt8]) -> [UInt8] {
        guard text.count >= 2 else { return [] }
        let room = Buffer<UInt8>(repeating: 0, count: text.count + 16)
        let count = unsafe text.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return 0 }
            return unsafe JSONScan.unescape(base + 1, base + (text.count - 1), to: room.base)
        }
        return unsafe Array(UnsafeBufferPointer(start: room.base, count: count))
    }
}

/// Numbers in a text that need not be JSON's.
enum PlainNumber {
    /// The integer that the whole text is, `7.00` and `7e2` too.
    static func integer(_ text: [UInt8]) -> Int64? {
        if let value = text.rawSpan.integer(0..<text.count) { return value }
        guard let value = double(text), value.magnitude <= 0x1p53 else { return nil }
        return Int64(exactly: value)
    }

    static func double(_ text: [UInt8]) -> Double? {
        guard let first = text.first, first < 0x40 else { return nil }
        return Double(String(decoding: text, as: UTF8.self))
    }
}
