// What is said of rows that cannot be read.
extension JSONReader {
    /// `isContent`: the text is a string's, without its quotes.
    func misfit(
        node: Int, _ text: UnsafeBufferPointer<UInt8>, _ line: Int, isContent: Bool = false
    ) -> Misfit {
        let place = plan.nodes[node]
        let field = plan.fields[place.field]
        let evidence = TypeEvidence(of: field.type)
        var inner = evidence
        var type = field.type
        for position in place.positions {
            guard case .record(let fields) = type else { break }
            inner = inner.member(Array(fields[position].name.utf8))
            type = fields[position].type
        }
        unsafe inner.observe(rawText: text, isContent: isContent)
        return unsafe Misfit(
            field: place.field, type: evidence.type ?? .json, path: place.path, line: line,
            expected: place.type, excerpt: JSONReader.excerpt(text), node: node)
    }

    func conversionError(
        node: Int, _ text: UnsafeBufferPointer<UInt8>, _ line: Int
    ) -> SQLError {
        let place = plan.nodes[node]
        let isTime: Bool
        switch place.type {
        case .date, .time, .timestamp, .timestamptz: isTime = true
        default: isTime = false
        }
        let excerpt = unsafe JSONReader.excerpt(text)
        return SQLError(
            "\(options.name) line \(line), column \"\(place.path)\": invalid input syntax for "
                + "type \(place.type): \(excerpt)",
            isTime ? .invalidDatetimeFormat : .invalidTextRepresentation)
    }

    /// The row at `position` is not JSON.
    func syntaxError(_ base: Cursor) -> SQLError {
        var line = line
        var start = position
        var end = limit
        if let block {
            if newLines {
                // The value began earlier: the line that is at fault is shown.
                var checker = JSONCursor(block.bytes(position..<limit))
                var fault = 0
                do {
                    _ = try checker.skip()
                } catch {
                    if case .json(_, let at) = error { fault = at }
                }
                for index in position..<min(position + fault, limit)
                where unsafe base[index] == 0x0a {
                    line += 1
                    start = index + 1
                }
            }
            let next = ByteScan.firstIndex(of: 0x0a, in: block.bytes(start..<limit), from: 0)
            end = next.map { $0 + start } ?? limit
        }
        while end > start, unsafe base[end - 1] == 0x0d { end -= 1 }
        let text = unsafe UnsafeBufferPointer(start: base + start, count: max(0, end - start))
        let excerpt = unsafe JSONReader.excerpt(text)
        return SQLError(
            "\(options.name) line \(line): invalid JSON: \(excerpt) (--on-error skip goes on)",
            .invalidJSONText)
    }

    /// The text in quotes, cut to what a line of a terminal holds.
    static func excerpt(_ text: UnsafeBufferPointer<UInt8>) -> String {
        unsafe InputExcerpt.quote(UnsafeRawBufferPointer(text).bytes)
    }
}

/// Quotes a piece of input in a message, so that it takes one short line of any terminal.
public enum InputExcerpt {
    static let bytesMax = 60

    public static func quote(_ bytes: RawSpan) -> String {
        var text = ""
        let shown = bytes.extracting(first: min(bytesMax, bytes.byteCount))
        let characters = shown.text(0..<shown.byteCount).unicodeScalars
        for scalar in characters {
            if scalar.value < 0x20 || scalar.value >= 0x7f && scalar.value < 0xa0 {
                let code = String(scalar.value, radix: 16)
                text += "\\x" + (code.utf8.count < 2 ? "0" : "") + code
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return bytes.byteCount > bytesMax ? "\"\(text)...\"" : "\"\(text)\""
    }
}
