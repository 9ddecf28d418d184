/// What the readers of all formats share: the block that is being decoded, the rows that were
/// decoded, and what happens to a row that cannot be read.
///
/// A format overrides `decode` and says how it looks at its text. One thread at a time.
@safe public class BufferedReader: RowReader {
    typealias Cursor = JSONScan.Cursor

    /// As errors call the input.
    final let name: String
    /// Rows that are not well formed are counted and passed over.
    final let skipsErrors: Bool
    final let plan: ReadingPlan
    final let rows: RowBuffers

    // The block that is being decoded, from `position` to `limit`.
    final var block: InputBlock?
    final var position = 0
    final var limit = 0
    final var isLast = false
    /// The line that `position` lies in.
    public final internal(set) var line = 1

    /// Rows that were decoded; those before `handedOut` have left.
    final var row = 0
    final var handedOut = 0
    final var failure: Failure?

    /// A row is being passed over whose line ends in a block that is still to come.
    private var isSkippingLine = false

    /// Rows that were passed over because they were not well formed.
    public final internal(set) var brokenRows = 0

    /// Where the rows at hand begin, for a reader that decodes them once more.
    private var start = RowsStart()
    /// Rows at the front that another reader has handed out.
    private var rowsToDrop = 0

    @safe private struct RowsStart {
        /// In the block at hand.
        var position = 0
        /// What of the blocks before it they lie in.
        var blocks: [(block: InputBlock, range: Range<Int>)] = []
        var line = 1
        var brokenRows = 0
        var isSkippingLine = false
    }

    /// Why a row could not be read.
    @safe enum Failure {
        case syntax
        /// The bytes end inside the row.
        case incomplete
        case misfit(node: Int, start: Cursor, end: Cursor)
        case uncoercible(node: Int, start: Cursor, end: Cursor)
    }

    init(_ plan: ReadingPlan, name: String, skipsErrors: Bool, isPlainText: Bool) {
        self.plan = plan
        self.name = name
        self.skipsErrors = skipsErrors
        rows = RowBuffers(plan, file: name, isPlainText: isPlainText)
    }

    // What a format does in its own way.

    /// Decodes rows until the batch is full, the bytes are at their end (`failure` is nil) or a row
    /// cannot be read (`failure` says why; `position` is the row's start).
    func decode(_ base: Cursor) { preconditionFailure("a format decodes its rows") }

    /// Rows that end before this place may be decoded now.
    func decodableEnd(_ block: InputBlock) -> Int { block.end }

    /// The row at `position` is not well formed.
    func syntaxError(_ base: Cursor) -> SQLError {
        preconditionFailure("a format words its errors")
    }

    /// False where what follows a broken row cannot be found.
    var canSkip: Bool { true }

    /// Looks at the text of a value that did not fit; `isContent`: of a string without quotes.
    func observe(_ text: UnsafeBufferPointer<UInt8>, isContent: Bool, _ evidence: TypeEvidence) {
        unsafe evidence.observe(rawText: text, isContent: isContent)
    }

    /// The type for values that no narrower one holds.
    var widestType: DataType { .json }

    /// Keeps what of the format is not said by the bytes from here on, and takes it from another
    /// reader that has kept it.
    func markFraming() {}
    func takeFraming(of other: BufferedReader) {}

    /// Goes on with the bytes of a sealed block, behind what was left of the last one. `isLast`:
    /// nothing follows them.
    public final func supply(_ more: InputBlock, isLast: Bool) {
        var next = more
        if let block {
            if row > 0, start.position < position {
                start.blocks.append((block, start.position..<position))
            }
            if position < block.end { next = InputBlock.joining(block, from: position, more) }
        }
        block = next
        position = next.start
        if row == 0 { markStart() } else { start.position = position }
        self.isLast = isLast
        limit = isLast ? next.end : decodableEnd(next)
        if isSkippingLine { skipLine() }
    }

    /// Rows that `flush` would hand out.
    public final var pendingRows: Int { row - handedOut }

    public final var unreadBytes: Int { block.map { $0.end - position } ?? 0 }

    public var expectsHeader: Bool { false }
    public func fileBegan() {}
    public func resume(atLine line: Int) { self.line = line }

    /// A full batch, or why there is none.
    public final func next() throws(SQLError) -> ReadResult {
        while true {
            if row == Batch.rowsMax {
                // Rows that were skipped leave room for more of the block.
                guard let result = try handOut() else { continue }
                return result
            }
            guard let base = unsafe block?.base else { return .needsInput }
            unsafe decode(base)
            if row == Batch.rowsMax { continue }
            guard let failure = failure else { return try outOfInput() }
            if case .incomplete = failure { return try outOfInput() }
            if pendingRows > 0 {
                guard let result = try handOut() else { continue }
                return result
            }
            if let misfit = unsafe try resolve(failure, base) { return .misfit(misfit) }
        }
    }

    private func outOfInput() throws(SQLError) -> ReadResult {
        guard let block, block.end - position > FormatLimits.rowBytesMax, !isLast else {
            return .needsInput
        }
        throw SQLError(
            "\(name) line \(line): the row is longer than 16 MiB", .programLimitExceeded)
    }

    /// What was decoded and not handed out yet, or why its first row cannot be; nil if that is
    /// nothing. Never `.needsInput`.
    public final func flush() throws(SQLError) -> ReadResult? {
        pendingRows > 0 ? try handOut() : nil
    }

    /// From here on, values that do not fit the misfit's place are written in its type where that
    /// loses nothing, and are errors elsewhere.
    public final func coerce(_ misfit: Misfit) { plan.coerce(misfit.node) }

    /// A row could not be read, and those before it have left.
    private func resolve(_ failure: Failure, _ base: Cursor) throws(SQLError) -> Misfit? {
        let error: SQLError
        switch failure {
        case .incomplete: return nil
        case .misfit(let node, let start, let end):
            return unsafe misfit(
                node: node, UnsafeBufferPointer(start: start, count: end - start), line)
        case .syntax:
            error = unsafe syntaxError(base)
        case .uncoercible(let node, let start, let end):
            error = unsafe conversionError(
                node: node, UnsafeBufferPointer(start: start, count: end - start), line)
        }
        guard skipsErrors, canSkip else { throw error }
        brokenRows += 1
        skipLine()
        return nil
    }

    private func skipLine() {
        guard let block = block else { return }
        let next = ByteScan.firstIndex(of: 0x0a, in: block.bytes, from: position - block.start)
        if next != nil { line += 1 }
        isSkippingLine = next == nil && !isLast
        position = min(next.map { $0 + 1 + block.start } ?? limit, limit)
    }

    /// The rows that were not handed out yet, up to one that cannot be converted; nil if all of
    /// them were skipped.
    private func handOut() throws(SQLError) -> ReadResult? {
        if rowsToDrop > 0, drop() { return nil }
        let start = handedOut
        var end = row
        while true {
            switch rows.columns(start..<end, isAll: start == 0 && end == row) {
            case .columns(let columns):
                let batch = Batch(columns, count: end - start)
                handedOut = end
                if end == row { finishBatch() }
                return .rows(batch)
            case .misfit(let bad, _) where bad > start: end = bad
            case .misfit(let bad, let node):
                if let misfit = try unconvertible(bad, node) { return .misfit(misfit) }
                guard pendingRows > 0 else { return nil }
                return try handOut()
            }
        }
    }

    /// The first row that was not handed out has a value that cannot be converted.
    private func unconvertible(_ row: Int, _ node: Int) throws(SQLError) -> Misfit? {
        let text = rows.text(row, node: node)
        let line = Int(rows.lines[row])
        return unsafe try text.withUnsafeBufferPointer { (text) throws(SQLError) -> Misfit? in
            if !plan.facts[node].isCoerced {
                return unsafe misfit(
                    node: node, text, line, isContent: plan.facts[node].kind == .string)
            }
            guard skipsErrors else { throw unsafe conversionError(node: node, text, line) }
            brokenRows += 1
            handedOut += 1
            if handedOut == self.row { finishBatch() }
            return nil
        }
    }

    private func finishBatch() {
        row = 0
        handedOut = 0
        rows.begin()
        markStart()
    }
}

// Going on in another reader.
extension BufferedReader {
    /// No row is at hand.
    private func markStart() {
        if !start.blocks.isEmpty { start.blocks.removeAll(keepingCapacity: true) }
        start.position = position
        start.line = line
        start.brokenRows = brokenRows
        start.isSkippingLine = isSkippingLine
        markFraming()
    }

    /// Goes on where another reader of the same input and format is, which decodes to other types:
    /// rows that it has at hand and not handed out are decoded once more. Before the first bytes.
    public final func takeOver(from other: any RowReader) {
        guard let old = other as? BufferedReader else { return }
        let unread = old.block.map { $0.end - old.start.position } ?? 0
        let joined = InputBlock(
            capacity: old.start.blocks.reduce(unread) { $0 + $1.range.count })
        for part in old.start.blocks { joined.append(part.block.bytes(part.range)) }
        if let block = old.block { joined.append(block.bytes(old.start.position..<block.end)) }
        joined.seal()
        if old.block != nil { block = joined }
        position = joined.start
        isLast = old.isLast
        limit = isLast ? joined.end : decodableEnd(joined)
        line = old.start.line
        brokenRows = old.start.brokenRows
        isSkippingLine = old.start.isSkippingLine
        rowsToDrop = old.rowsToDrop + old.handedOut
        takeFraming(of: old)
        markStart()
        if isSkippingLine { skipLine() }
    }

    /// True if no row is left.
    private func drop() -> Bool {
        let dropped = min(rowsToDrop, pendingRows)
        rowsToDrop -= dropped
        handedOut += dropped
        guard handedOut == row else { return false }
        finishBatch()
        return true
    }
}
