// What is said of rows that are not JSON.
extension JSONReader {
    /// The row at `position` is not JSON.
    func describeSyntax(_ base: Cursor) -> SQLError {
        if endsInsideArray {
            return SQLError(
                "\(options.name) line \(line): the array is not closed: the end is missing",
                .invalidJSONText)
        }
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
        let fault = unsafe JSONReader.fault(UnsafeRawBufferPointer(text).bytes)
        let isFirst = line == 1
        return SQLError(
            "\(options.name) line \(line): invalid JSON\(fault) (--on-error skip goes on)",
            .invalidJSONText,
            hint: isFirst && options.framing == .lines
                ? "Lines of other text are read with -i lines, or FROM read_lines('...')." : nil)
    }

    /// A short line is shown whole; of a long one, and where the bytes are no text, the place.
    private static func fault(_ line: RawSpan) -> String {
        var checker = JSONCursor(line)
        do throws(FormatError) {
            _ = try checker.skip()
        } catch {
            let isLong = line.byteCount > InputExcerpt.bytesMax
            if case .json(let fault, let at) = error, isLong || fault == .invalidUTF8 {
                let start = min(max(0, at - 20), line.byteCount)
                let piece = line.extracting(start..<min(start + 40, line.byteCount))
                return " at byte \(at + 1), \(fault): \(InputExcerpt.quote(piece))"
            }
        }
        return ": \(InputExcerpt.quote(line))"
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
