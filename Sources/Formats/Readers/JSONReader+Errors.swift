// What is said of rows that are not JSON.
extension JSONReader {
    /// The row at `position` is not JSON.
    func describeSyntax(_ base: Cursor) -> SQLError {
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
        if hasTooManyLevels {
            return SQLError(
                "\(options.name) line \(line): JSON is nested deeper than "
                    + "\(FormatLimits.jsonDepthMax) levels (--on-error skip goes on)",
                .statementTooComplex)
        }
        while end > start, unsafe base[end - 1] == 0x0d { end -= 1 }
        let text = unsafe UnsafeBufferPointer(start: base + start, count: max(0, end - start))
        let excerpt = unsafe JSONReader.excerpt(text)
        let isFirst = line == 1
        return SQLError(
            "\(options.name) line \(line): invalid JSON: \(excerpt) (--on-error skip goes on)",
            .invalidJSONText,
            hint: isFirst && options.framing == .lines
                ? "Lines of other text are read with -i lines, or FROM read_lines('...')." : nil)
    }

    private var hasTooManyLevels: Bool {
        guard let block else { return false }
        var checker = JSONCursor(block.bytes(position..<limit))
        do {
            _ = try checker.skip()
            return false
        } catch {
            if case .json(.tooDeep, _) = error { return true }
            return false
        }
    }
}
