import Formats

/// SIMILAR TO: its patterns are rewritten to regular expressions, which then are matched.
enum SimilarPattern {
    /// similar_to_escape(pattern[, escape])
    static func rewrite(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let escapes = arguments.count > 1 ? StringRows(arguments[1]) : nil
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let escape = escapes.map { unsafe UTF8Text.scalars($0[row]) } ?? ["\\"]
            guard escape.count <= 1 else {
                throw SQLError(
                    "invalid escape string", .invalidEscapeSequence,
                    hint: "Escape string must be empty or one character.")
            }
            unsafe try rewrite(UTF8Text.scalars(rows[row]), escape: escape.first, &writer)
        }
    }

    private static func rewrite(
        _ pattern: [Unicode.Scalar], escape: Unicode.Scalar?, _ writer: inout StringWriter
    ) throws(SQLError) {
        writer.append("^(?:")
        var isEscaped = false
        var isInClass = false
        var separators = 0
        for scalar in pattern {
            if isEscaped {
                if scalar == "\"" && !isInClass {
                    // The part between two escaped quotes is what substring() gives.
                    guard separators < 2 else {
                        throw SQLError(
                            "SQL regular expression may not contain more than two "
                                + "escape-double-quote separators", .invalidUseOfEscapeCharacter)
                    }
                    writer.append(separators == 0 ? "){1,1}?(" : "){1,1}(?:")
                    separators += 1
                } else {
                    writer.append("\\")
                    writer.append(scalar)
                }
                isEscaped = false
            } else if scalar == escape {
                isEscaped = true
            } else if isInClass {
                if scalar == "\\" { writer.append("\\") }
                writer.append(scalar)
                if scalar == "]" { isInClass = false }
            } else {
                isInClass = scalar == "["
                append(scalar, &writer)
            }
        }
        writer.append(")$")
    }

    private static func append(_ scalar: Unicode.Scalar, _ writer: inout StringWriter) {
        switch scalar {
        case "%": writer.append(".*")
        case "_": writer.append(".")
        case "(": writer.append("(?:")
        case "\\", ".", "^", "$":
            writer.append("\\")
            writer.append(scalar)
        default: writer.append(scalar)
        }
    }

    /// `text SIMILAR TO pattern`, by the function of `~`.
    static func matching() throws(SQLError) -> ScalarFunction.Kernel {
        let match = try FunctionRegistry.scalar("~", [.text, .text])
        return { arguments, context throws(SQLError) in
            let column = try LikeKernels.rewritten(
                Array(arguments[1...]), context, rewrite)
            return try match.kernel([arguments[0], column], context)
        }
    }
}
