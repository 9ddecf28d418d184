extension RegularExpression {
    /// Those of some names that the pattern matches from beginning to end; nil if it is none.
    public static func names(
        _ names: [String], matching pattern: String, ignoresCase: Bool = false
    ) -> Set<String>? {
        let expression: RegularExpression
        var options = RegexOptions()
        options.ignoresCase = ignoresCase
        do throws(SQLError) {
            // By itself first, so that a stray parenthesis does not close the one around it.
            _ = try RegularExpression(pattern)
            expression = try RegularExpression("^(?:\(pattern))$", options)
        } catch {
            return nil
        }
        return Set(
            names.filter { name in
                let bytes = Array(name.utf8)
                return unsafe bytes.withUnsafeBytes { unsafe expression.matches($0) }
            })
    }
}
