import Formats

extension FunctionRegistry {
    /// `~ ~* !~ !~*`
    static func addRegexOperators(_ list: inout FunctionList) {
        for (name, ignoresCase, isNegated) in [
            ("~", false, false), ("~*", true, false), ("!~", false, true), ("!~*", true, true),
        ] {
            // The blanks of character(n) are part of what a pattern is looked for in.
            for type in [DataType.text, .char(1)] {
                list.add(
                    name, [type, .text], .boolean,
                    RegexKernels.matching(ignoresCase: ignoresCase, isNegated: isNegated))
            }
        }
    }

    /// What the optimiser makes of `(regexp_match(text, pattern))[n]`; it has no name in SQL.
    public static let matchedGroup = ScalarFunction(
        "regexp_match_group", [.text, .text, .integer], .text, kernel: RegexKernels.matchedGroup)

    static func addRegexFunctions(_ list: inout FunctionList) {
        let pair: [DataType] = [.text, .text]
        add(&list, "regexp_like", pair, [.text], .boolean, RegexKernels.like)
        add(&list, "regexp_match", pair, [.text], .array(.text), RegexKernels.match)
        add(&list, "regexp_split_to_array", pair, [.text], .array(.text), RegexKernels.split)
        add(&list, "regexp_count", pair, [.integer, .text], .integer, RegexKernels.count)
        add(
            &list, "regexp_substr", pair, [.integer, .integer, .text, .integer], .text,
            RegexKernels.substring)
        add(
            &list, "regexp_instr", pair, [.integer, .integer, .integer, .text, .integer],
            .integer, RegexKernels.position)
        add(
            &list, "regexp_replace", [.text, .text, .text], [.text], .text,
            RegexKernels.replace(hasStart: false))
        add(
            &list, "regexp_replace", [.text, .text, .text, .integer], [.integer, .text], .text,
            RegexKernels.replace(hasStart: true))
        list.add("substring", pair, .text, RegexKernels.part)
        // substring(text from pattern for escape)
        list.add("substring", pair + [.text], .text) { arguments, context throws(SQLError) in
            let pattern = try SimilarPattern.rewrite(Array(arguments[1...]), context)
            return try RegexKernels.part([arguments[0], pattern], context)
        }
    }

    /// A function whose last parameters may be left out.
    private static func add(
        _ list: inout FunctionList, _ name: String, _ required: [DataType],
        _ optional: [DataType], _ result: DataType, _ kernel: @escaping ScalarFunction.Kernel
    ) {
        for count in 0...optional.count {
            list.add(name, required + optional.prefix(count), result, kernel)
        }
    }
}
