/// Splits a line of logfmt: `level=info msg="hello \"world\"" took=12 cached`. A name without a
/// value is true. The last of several values of a name counts.
@safe struct LogfmtScan {
    typealias Cursor = JSONScan.Cursor

    @safe struct Pair {
        var nameStart: Cursor
        var nameEnd: Cursor
        /// nil: none was written.
        var value: (start: Cursor, end: Cursor)?
        var isQuoted = false
        var hasEscapes = false
    }

    /// The next pair from `cursor` on, which moves behind it; nil at the end of the line, or with
    /// `isBroken` set.
    static func next(_ cursor: inout Cursor, _ end: Cursor, _ isBroken: inout Bool) -> Pair? {
        while unsafe cursor < end, unsafe cursor.pointee == 0x20 || cursor.pointee == 0x09 {
            unsafe cursor += 1
        }
        guard unsafe cursor < end else { return nil }
        let start = unsafe cursor
        while unsafe cursor < end, unsafe isNameByte(cursor.pointee) { unsafe cursor += 1 }
        guard unsafe cursor > start else {
            isBroken = true
            return nil
        }
        var pair = unsafe Pair(nameStart: start, nameEnd: cursor, value: nil)
        guard unsafe cursor < end, unsafe cursor.pointee == UInt8(ascii: "=") else {
            if unsafe cursor < end && cursor.pointee > 0x20 { isBroken = true }
            return isBroken ? nil : pair
        }
        unsafe cursor += 1
        if unsafe cursor < end && cursor.pointee == UInt8(ascii: "\"") {
            guard let quote = unsafe JSONScan.stringEnd(cursor + 1, &pair.hasEscapes),
                unsafe quote < end
            else {
                isBroken = true
                return nil
            }
            pair.isQuoted = true
            unsafe pair.value = unsafe (cursor + 1, quote)
            unsafe cursor = unsafe quote + 1
            return pair
        }
        let value = unsafe cursor
        while unsafe cursor < end, unsafe cursor.pointee > 0x20 { unsafe cursor += 1 }
        unsafe pair.value = unsafe (value, cursor)
        return pair
    }

    @inline(__always)
    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\"")
    }
}

/// Decodes lines of logfmt into the columns of batches.
public final class LogfmtReader: BufferedReader {
    public init(fields: [Field], columns: [ReadColumn], name: String, skipsErrors: Bool) {
        let plan = ReadingPlan(fields: fields, columns: columns, wholeValue: nil)
        super.init(plan, name: name, skipsErrors: skipsErrors, isPlainText: true)
    }

    override var widestType: DataType { .text }

    override func observe(
        _ text: UnsafeBufferPointer<UInt8>, isContent: Bool, _ evidence: TypeEvidence
    ) {
        unsafe evidence.observe(plain: UnsafeRawBufferPointer(text))
    }

    override func syntaxError(_ base: Cursor) -> SQLError {
        unsafe lineError(base, "invalid logfmt")
    }

    override func decode(_ base: Cursor) {
        failure = nil
        guard let block else { return }
        while row < Batch.rowsMax, position < limit {
            let found = ByteScan.firstIndex(
                of: 0x0a, in: block.bytes(position..<limit), from: 0)
            guard found != nil || isLast else {
                failure = .incomplete
                return
            }
            let end = found.map { $0 + position } ?? limit
            var textEnd = unsafe base + end
            if unsafe end > position && textEnd[-1] == 0x0d { unsafe textEnd -= 1 }
            if unsafe textEnd > base + position {
                guard unsafe take(base + position, textEnd) else { return }
            }
            line += 1
            position = found == nil ? limit : end + 1
        }
    }

    private func take(_ start: Cursor, _ end: Cursor) -> Bool {
        rows.clear(row)
        var isBroken = unsafe !BufferedReader.isText(start, end)
        let names = unsafe plan.facts.base[0].names
        var cursor = unsafe start
        while !isBroken, let pair = unsafe LogfmtScan.next(&cursor, end, &isBroken) {
            let node = unsafe names.find(pair.nameStart, pair.nameEnd - pair.nameStart)
            if node < 0 { continue }
            rows.clear(row, node: node)
            guard store(pair, node) else { return false }
        }
        if isBroken {
            failure = .syntax
            return false
        }
        rows.lines[row] = Int64(line)
        row += 1
        return true
    }

    private func store(_ pair: LogfmtScan.Pair, _ node: Int) -> Bool {
        guard let value = unsafe pair.value else {
            let word = unsafe rows.strings.allocate(16)
            let bytes: [UInt8] = Array("true".utf8) + [UInt8](repeating: 0, count: 12)
            for index in bytes.indices { unsafe word[index] = bytes[index] }
            return unsafe store(word, word + 4, node: node, isText: false)
        }
        guard pair.hasEscapes else {
            return unsafe store(value.start, value.end, node: node, isText: pair.isQuoted)
        }
        let room = unsafe rows.strings.allocate(value.end - value.start + 16)
        let count = unsafe JSONScan.unescape(value.start, value.end, to: room)
        for index in count..<count + 16 { unsafe room[index] = 0 }
        return unsafe store(room, room + count, node: node, isText: true)
    }
}
