/// Decodes JSON rows straight into the columns of batches: only the columns that are wanted, but
/// every byte is checked.
@safe public final class JSONReader: BufferedReader {
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
    var learner: LayoutLearner
    let newLines: Bool
    var array = ArrayState.before
    private var arrayAtStart = ArrayState.before
    /// Rows to be read without the graph, which has failed often.
    var graphPause = 0
    var graphMisses = 0

    enum ArrayState { case before, first, atElement, behindElement, closed }

    public init(fields: [Field], columns: [ReadColumn], options: Options) {
        self.options = options
        let plan = ReadingPlan(fields: fields, columns: columns, wholeValue: options.wholeValue)
        newLines = options.framing != .lines
        learner = LayoutLearner(plan, newLines: newLines)
        super.init(
            plan, name: options.name, skipsErrors: options.skipsErrors, isPlainText: false)
    }

    override func markFraming() { arrayAtStart = array }

    override func takeFraming(of other: BufferedReader) {
        if let other = other as? JSONReader { array = other.arrayAtStart }
    }

    override var canSkip: Bool { options.framing != .array }

    /// Whole lines, where a row lies in one.
    override func decodableEnd(_ block: InputBlock) -> Int {
        var end = block.end
        guard options.framing == .lines else { return end }
        while end > block.start, unsafe block.base[end - 1] != 0x0a { end -= 1 }
        return end
    }

    override func decode(_ base: Cursor) { unsafe decodeRows(base) }
    override func syntaxError(_ base: Cursor) -> SQLError { unsafe describeSyntax(base) }
}
