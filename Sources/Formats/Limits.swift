/// Bounds of the readers in this target.
public enum FormatLimits {
    /// Arrays and objects inside one another in a JSON text; deeper ones are refused.
    public static let jsonDepthMax = 128
    /// Columns of a CSV row; a row with more is refused.
    public static let csvFieldsMax = 65_536
}
