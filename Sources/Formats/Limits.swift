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
}
