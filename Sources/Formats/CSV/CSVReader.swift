/// Decodes CSV rows into the columns of batches. All fields are split, only the wanted ones are
/// converted; the text of every row has to be UTF-8.
public final class CSVReader: BufferedReader {
    private var scan: CSVScan
    private let fieldCount: Int
    private var hasHeader: Bool
    /// Files that follow this one have a line of names, too, if they repeat it.
    private let mayRepeatHeader: Bool
    private var isAtFileStart = false
    private var framingAtStart: (hasHeader: Bool, isAtFileStart: Bool)
    private let names: [String]
    /// The line of names as it was read.
    private var header: [UInt8] = []
    /// The node of each field of a row, -1 where it is not wanted.
    private let fieldNodes: Buffer<Int32>
    private var fault = "invalid CSV"

    public init(
        fields: [Field], columns: [ReadColumn], separator: UInt8, hasHeader: Bool, name: String,
        skipsErrors: Bool
    ) {
        scan = CSVScan(separator: separator)
        self.hasHeader = hasHeader
        framingAtStart = (hasHeader, false)
        mayRepeatHeader = hasHeader
        names = fields.map(\.name)
        fieldCount = fields.count
        let plan = ReadingPlan(fields: fields, columns: columns, wholeValue: nil)
        fieldNodes = Buffer(
            fields.indices.map { Int32(plan.nodes[0].members[$0] ?? -1) })
        super.init(plan, name: name, skipsErrors: skipsErrors, isPlainText: true)
    }

    override var widestType: DataType { .text }

    public override var expectsHeader: Bool { hasHeader || isAtFileStart }
    public override func fileBegan() { isAtFileStart = mayRepeatHeader }

    public override func resume(atLine line: Int) {
        super.resume(atLine: line)
        hasHeader = false
    }

    override func markFraming() { framingAtStart = (hasHeader, isAtFileStart) }

    override func takeFraming(of other: BufferedReader) {
        guard let other = other as? CSVReader else { return }
        (hasHeader, isAtFileStart) = other.framingAtStart
        header = other.header
    }

    override func observe(
        _ text: UnsafeBufferPointer<UInt8>, isContent: Bool, _ evidence: TypeEvidence
    ) {
        unsafe evidence.observe(plain: UnsafeRawBufferPointer(text))
    }

    override func syntaxError(_ base: Cursor) -> SQLError { unsafe lineError(base, fault) }

    override func decode(_ base: Cursor) {
        failure = nil
        let end = unsafe base + limit
        while row < Batch.rowsMax {
            let start = unsafe base + position
            if unsafe start >= end { return }
            // An empty line is no row of several fields.
            if unsafe start.pointee == 0x0a || start.pointee == 0x0d && start[1] == 0x0a {
                unsafe position += start.pointee == 0x0a ? 1 : 2
                line += 1
                continue
            }
            switch unsafe scan.scan(start, end: end, isLast: isLast) {
            case .incomplete:
                failure = .incomplete
                return
            case .malformed:
                fault = "invalid CSV"
                failure = .syntax
                return
            case .row(let behind):
                guard unsafe take(start, behind) else { return }
                position = unsafe behind - base
                line += 1 + scan.innerLines
            }
        }
    }

    /// Stores the row whose fields were found; false if it is broken.
    private func take(_ start: Cursor, _ behind: Cursor) -> Bool {
        if hasHeader {
            (hasHeader, isAtFileStart) = (false, false)
            header = unsafe CSVReader.line(start, behind)
            guard unsafe BufferedReader.isText(start, behind) else {
                fault = "invalid UTF-8"
                failure = .syntax
                return false
            }
            return true
        }
        if isAtFileStart {
            isAtFileStart = false
            if unsafe isHeader(start, behind) { return true }
        }
        guard scan.count == fieldCount else {
            fault = "\(fieldCount) fields expected, \(scan.count) found"
            failure = .syntax
            return false
        }
        guard unsafe BufferedReader.isText(start, behind) else {
            fault = "invalid UTF-8"
            failure = .syntax
            return false
        }
        rows.clear(row)
        for index in 0..<fieldCount {
            let node = unsafe Int(fieldNodes.base[index])
            if node < 0 { continue }
            let span = unsafe scan.spans.base[index]
            guard store(span, node) else { return false }
        }
        rows.lines[row] = Int64(line)
        row += 1
        return true
    }

    /// The first row of another file is the line of names again, not values.
    private func isHeader(_ start: Cursor, _ behind: Cursor) -> Bool {
        if !header.isEmpty, unsafe CSVReader.line(start, behind) == header { return true }
        guard scan.count == fieldCount else { return false }
        return (0..<fieldCount).allSatisfy { index in
            CSVScan.text(scan.spans[index]).elementsEqual(names[index].utf8)
        }
    }

    /// The bytes of a row without the end of its line.
    private static func line(_ start: Cursor, _ behind: Cursor) -> [UInt8] {
        var bytes = unsafe Array(UnsafeBufferPointer(start: start, count: behind - start))
        while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
        return bytes
    }

    private func store(_ span: CSVScan.Span, _ node: Int) -> Bool {
        if scan.isNull(span) { return true }
        if let bytes = scan.unescaped(span) { return store(bytes, node) }
        guard span.hasDoubled else {
            return unsafe store(span.start, span.end, node: node, isText: span.isQuoted)
        }
        return store(CSVScan.text(span), node)
    }

    private func store(_ bytes: [UInt8], _ node: Int) -> Bool {
        // Digits may be read eight at a time behind the text.
        let room = unsafe rows.strings.allocate(bytes.count + 16)
        for index in 0..<bytes.count { unsafe room[index] = bytes[index] }
        for index in bytes.count..<bytes.count + 16 { unsafe room[index] = 0 }
        return unsafe store(room, room + bytes.count, node: node, isText: true)
    }
}

/// Each line as it is: `line` and `line_number`.
public final class LineReader: BufferedReader {
    public static let fields = [Field("line", .text), Field("line_number", .bigint)]

    private let textNode: Int
    private let numberNode: Int

    public init(columns: [ReadColumn], name: String, skipsErrors: Bool) {
        let plan = ReadingPlan(fields: LineReader.fields, columns: columns, wholeValue: nil)
        textNode = plan.nodes[0].members[0] ?? -1
        numberNode = plan.nodes[0].members[1] ?? -1
        super.init(plan, name: name, skipsErrors: skipsErrors, isPlainText: true)
    }

    override func syntaxError(_ base: Cursor) -> SQLError {
        unsafe lineError(base, "invalid UTF-8")
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
            guard unsafe BufferedReader.isText(base + position, textEnd) else {
                failure = .syntax
                return
            }
            rows.clear(row)
            if textNode >= 0 {
                let slot = unsafe rows.slots.base + textNode
                unsafe slot.pointee.put(view(base + position, textEnd), row)
                _ = unsafe slot.pointee.mark(row)
            }
            if numberNode >= 0 {
                let slot = unsafe rows.slots.base + numberNode
                unsafe slot.pointee.put(Int64(line), row)
                _ = unsafe slot.pointee.mark(row)
            }
            rows.lines[row] = Int64(line)
            row += 1
            line += 1
            position = found == nil ? limit : end + 1
        }
    }
}
