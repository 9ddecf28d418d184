/// What this target holds at most; past it there is an error, never growth.
public enum Limits {
    /// Bytes of one script.
    public static let scriptBytesMax = 16 << 20
    /// Options in one list in parentheses.
    static let optionsMax = 1_000
    /// Bytes of a number: more digits than any type has.
    static let numberBytesMax = 1_000
    /// Columns of a source line that an error shows.
    static let excerptColumns = 72
    /// Characters of a token that an error repeats.
    static let nearCharactersMax = 60
}
