/// What a field of CSV or logfmt can be read as.
enum PlainField {
    /// Whether the text is a number as JSON writes them: `007` and `+1` are none.
    static func isNumber(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = unsafe text.first, first == UInt8(ascii: "-") || first &- 0x30 < 10 else {
            return false
        }
        var cursor = unsafe JSONCursor(text.bytes)
        do {
            return try cursor.number() == 0..<text.count
        } catch {
            return false
        }
    }

    /// `true` and `false`, in small letters, large ones, or with a large first one.
    static func boolean(_ text: UnsafeRawBufferPointer) -> Bool? {
        guard text.count == 4 || text.count == 5 else { return nil }
        switch unsafe String(decoding: text, as: UTF8.self) {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: return nil
        }
    }
}

// Writing fields of text formats to their rows.
extension BufferedReader {
    /// Stores the field `start..<end` in the row; false, with `failure` set, if it does not fit.
    /// `isText`: it was quoted, so that it is a string even if it is empty.
    func store(_ start: Cursor, _ end: Cursor, node: Int, isText: Bool) -> Bool {
        let length = unsafe end - start
        let slot = unsafe rows.slots.base + node
        let kind = unsafe plan.facts.base[node].kind
        if length == 0 && !(isText && kind == .string && plan.nodes[node].type == .text) {
            return true
        }
        switch kind {
        case .integer:
            var behind = unsafe start
            guard let value = unsafe JSONScan.integer(&behind), unsafe behind == end else {
                return unsafe odd(start, end, node)
            }
            unsafe slot.pointee.put(value, row)
        case .double:
            var behind = unsafe start
            guard let value = unsafe JSONScan.double(&behind), unsafe behind == end else {
                return unsafe odd(start, end, node)
            }
            unsafe slot.pointee.put(value, row)
        case .boolean:
            let text = unsafe UnsafeRawBufferPointer(start: start, count: length)
            guard let value = unsafe PlainField.boolean(text) else {
                return unsafe odd(start, end, node)
            }
            unsafe slot.pointee.put(value ? UInt8(1) : 0, row)
        case .string, .raw: unsafe slot.pointee.put(view(start, end), row)
        case .record: return unsafe odd(start, end, node)
        }
        _ = unsafe slot.pointee.mark(row)
        return true
    }

    private func odd(_ start: Cursor, _ end: Cursor, _ node: Int) -> Bool {
        guard plan.facts[node].isCoerced else {
            failure = unsafe .misfit(node: node, start: start, end: end)
            return false
        }
        let text = unsafe Array(UnsafeBufferPointer(start: start, count: end - start))
        let slot = unsafe rows.slots.base + node
        switch plan.facts[node].kind {
        case .integer:
            if let value = PlainNumber.integer(text) {
                unsafe slot.pointee.put(value, row)
                return unsafe slot.pointee.mark(row)
            }
        case .double:
            if let value = PlainNumber.double(text) {
                unsafe slot.pointee.put(value, row)
                return unsafe slot.pointee.mark(row)
            }
        default: break
        }
        failure = unsafe .uncoercible(node: node, start: start, end: end)
        return false
    }

    /// A view of text that lies in the block.
    func view(_ start: Cursor, _ end: Cursor) -> StringView {
        if unsafe end - start > StringView.inlineMax, let block { rows.keep(block) }
        return unsafe StringView(start, count: end - start)
    }

    /// True if the bytes are UTF-8.
    static func isText(_ start: Cursor, _ end: Cursor) -> Bool {
        var cursor = unsafe start
        while unsafe end - cursor >= 8, unsafe JSONScan.word(cursor) & JSONScan.highs == 0 {
            unsafe cursor += 8
        }
        let rest = unsafe UnsafeRawBufferPointer(start: cursor, count: end - cursor)
        return unsafe UTF8Check.isValid(rest.bytes)
    }

    /// The error for the line that begins at `position`.
    func lineError(_ base: Cursor, _ what: String) -> SQLError {
        var end = position
        while end < limit, unsafe base[end] != 0x0a { end += 1 }
        while end > position, unsafe base[end - 1] == 0x0d { end -= 1 }
        let text = unsafe UnsafeBufferPointer(start: base + position, count: end - position)
        let excerpt = unsafe BufferedReader.excerpt(text)
        return SQLError(
            "\(name) line \(line): \(what): \(excerpt) (--on-error skip goes on)",
            .badCopyFileFormat)
    }
}
