/// Bounds of the readers in this target.
public enum FormatLimits {
    /// Arrays and objects inside one another in a JSON text; deeper ones are refused.
    public static let jsonDepthMax = 128
    /// Columns of a CSV row; a row with more is refused.
    public static let csvFieldsMax = 65_536
    /// Digits behind the point of a numeric, as PostgreSQL's format has them.
    public static let numericScaleMax = 16_383
    /// Digits before the point of a numeric.
    public static let numericDigitsMax = 131_072
    /// Digits behind the point that a division or a function makes.
    public static let numericDivisionScaleMax = 1000
    /// Arrays inside one another in text.
    public static let arrayDepthMax = 6
    /// Bytes of one row of text; a longer one is refused.
    public static let rowBytesMax = 16 << 20
    /// Blocks of input that wait to be used again.
    static let pooledBlocksMax = 8
    /// Layouts of rows that a JSON reader remembers: places where a value stands, and steps from
    /// one to the next.
    static let layoutNodesMax = 2048
    static let layoutEdgesMax = 8192
    /// Names seen in an object that nobody wants before it is read as one value.
    static let layoutNamesMax = 64
    /// Columns of an input of which all are asked for.
    public static let sampledColumnsMax = 1600
    /// Members of an object in a sample; one with more is kept as json.
    public static let sampledMembersMax = 2000
    /// Parentheses inside one another in a regular expression.
    static let regexDepthMax = 200
    /// The largest number in braces, PostgreSQL's.
    static let regexRepeatsMax = 255
    /// Instructions of a regular expression, repetitions written out.
    static let regexInstructionsMax = 50_000
    /// States of one automaton that are kept; past them they are built anew.
    static let regexStatesMax = 2_000
    /// Bytes without a line end after which an input is no text of rows.
    static let sniffedBytesMax = 1 << 20
}
