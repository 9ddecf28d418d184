/// Decodes JSON rows straight into the columns of batches: only the columns that are wanted, but
/// every byte is checked.
///
/// The caller hands it sealed blocks, `next` gives rows, and what `consumed` leaves of a block is
/// brought again at the start of the next. Rows of several blocks fill one batch; `flush` hands out
/// what there is. Strings are views into the blocks. One thread at a time.
@safe public final class JSONReader: RowReader {
    typealias Cursor = JSONScan.Cursor

    public struct Options: Sendable {
        public var framing = JSONFraming.lines
        /// Rows that are not well formed are counted and passed over.
        public var skipsErrors = false
        /// The field that a row becomes which is no object.
        public var wholeValue: Int?
        /// As errors call the input.
        public var name = "stdin"

        public init() {}
    }

    let options: Options
    let plan: ReadingPlan
    let rows: RowBuffers
    var learner: LayoutLearner
    let newLines: Bool

    // The block that is being decoded.
    var block: InputBlock?
    var position = 0
    var limit = 0
    var isLast = false
    var array = ArrayState.before
    /// The line that `position` lies in.
    var line = 1

    /// Rows that were decoded; those before `handedOut` have left.
    var row = 0
    var handedOut = 0
    var failure: Failure?
    /// Rows to be read without the graph, which has failed often.
    var graphPause = 0
    var graphMisses = 0

    /// Rows that were passed over because they were not well formed.
    public internal(set) var brokenRows = 0

    enum ArrayState { case before, first, atElement, behindElement, closed }

    /// Why a row could not be read.
    @safe enum Failure {
        case syntax
        /// The bytes end inside the value.
        case incomplete
        case misfit(node: Int, start: Cursor, end: Cursor)
        case uncoercible(node: Int, start: Cursor, end: Cursor)
    }

    public init(fields: [Field], columns: [ReadColumn], options: Options) {
        self.options = options
        plan = ReadingPlan(fields: fields, columns: columns, wholeValue: options.wholeValue)
        rows = RowBuffers(plan, file: options.name)
        newLines = options.framing != .lines
        learner = LayoutLearner(plan, newLines: newLines)
    }

    /// Goes on with the bytes of a sealed block, behind what was left of the last one. `isLast`:
    /// nothing follows them.
    public func supply(_ more: InputBlock, isLast: Bool) {
        var next = more
        if let block, position < block.end {
            next = InputBlock.joining(block, from: position, more)
        }
        block = next
        position = next.start
        limit = next.end
        self.isLast = isLast
        if options.framing == .lines && !isLast {
            while limit > position, unsafe next.base[limit - 1] != 0x0a { limit -= 1 }
        }
    }

    /// Rows that `flush` would hand out.
    public var pendingRows: Int { row - handedOut }

    /// A full batch, or why there is none.
    public func next() throws(SQLError) -> ReadResult {
        while true {
            if row == Batch.rowsMax { return try handOut() }
            guard let base = unsafe block?.base else { return .needsInput }
            unsafe decode(base)
            if row == Batch.rowsMax { return try handOut() }
            guard let failure = failure else { return try outOfInput() }
            if case .incomplete = failure { return try outOfInput() }
            if pendingRows > 0 { return try handOut() }
            if let misfit = unsafe try resolve(failure, base) { return .misfit(misfit) }
        }
    }

    private func outOfInput() throws(SQLError) -> ReadResult {
        guard let block, block.end - position > FormatLimits.rowBytesMax, !isLast else {
            return .needsInput
        }
        throw SQLError(
            "\(options.name) line \(line): the row is longer than 16 MiB", .programLimitExceeded)
    }

    /// What was decoded and not handed out yet; nil if that is nothing.
    public func flush() throws(SQLError) -> ReadResult? {
        pendingRows > 0 ? try handOut() : nil
    }

    /// From here on, values that do not fit the misfit's place are written in its type where that
    /// loses nothing, and are errors elsewhere.
    public func coerce(_ misfit: Misfit) { plan.coerce(misfit.node) }

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
        guard options.skipsErrors, options.framing != .array else { throw error }
        brokenRows += 1
        unsafe skipLine(base)
        return nil
    }

    private func skipLine(_ base: Cursor) {
        guard let block = block else { return }
        let next = ByteScan.firstIndex(of: 0x0a, in: block.bytes, from: position - block.start)
        if next != nil { line += 1 }
        position = min(next.map { $0 + 1 + block.start } ?? limit, limit)
    }

    /// The rows that were not handed out yet, up to one that cannot be converted.
    private func handOut() throws(SQLError) -> ReadResult {
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
                guard pendingRows > 0 else { return .needsInput }
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
            guard options.skipsErrors else { throw unsafe conversionError(node: node, text, line) }
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
    }
}
