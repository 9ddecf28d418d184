/// What this target holds at most; past it there is an error, never growth.
public enum Limits {
    /// Bytes of one script.
    public static let scriptBytesMax = 16 << 20
    /// Options in one list in parentheses.
    static let optionsMax = 1_000
    /// Bytes of a number: more digits than any type has.
    static let numberBytesMax = 1_000
    /// Days of a window, of a gap between rows of a session, and of the offset of windows: their
    /// ends stay within the range of times.
    static let windowDaysMax: Int64 = 100_000
    /// Columns of a source line that an error shows.
    static let excerptColumns = 72
    /// Characters of a token that an error repeats.
    static let nearCharactersMax = 60
    /// Columns of a table, and elements of a select list, as PostgreSQL has them.
    static let tableColumnsMax = 1_600
    static let selectItemsMax = 1_664
    /// Parentheses, operands and queries (these count as `queryNesting`) within each other. A level
    /// takes up to 8 KiB of stack in a release build and 18 KiB in a debug build (measured), and a
    /// thread has 8 MiB.
    static let nestingMax = 400
    static let queryNesting = 3
    /// Levels of an expression's tree, which all that walks it takes on the stack.
    static let treeHeightMax = 1_000
    /// The same on a thread with `deepStackBytes` of stack: 1,000 calls within each other fit, each
    /// of which is two or three levels.
    static let deepNestingMax = 3_000
    static let deepTreeHeightMax = 2_100
    public static let deepStackBytes = 64 << 20
    /// Operations of a WITH query, the queries that it names written out at each use: planning
    /// walks through all of them several times, some seconds for so many.
    static let writtenOutOperationsMax = 15_000
}
