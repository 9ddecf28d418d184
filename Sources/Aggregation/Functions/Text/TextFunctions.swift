import Formats

extension FunctionRegistry {
    /// Functions over text, and those over bytea of the same name.
    static func addText(_ list: inout FunctionList) {
        addTextParts(&list)
        addTextMaking(&list)
        addTextMeasuring(&list)
    }

    private static func addTextParts(_ list: inout FunctionList) {
        for name in ["substring", "substr"] {
            list.add(name, [.text, .integer], .text, SubstringKernels.substringFrom)
            list.add(name, [.text, .integer, .integer], .text, SubstringKernels.substring)
            list.add(name, [.bytea, .integer], .bytea, SubstringKernels.byteSubstringFrom)
            list.add(name, [.bytea, .integer, .integer], .bytea, SubstringKernels.byteSubstring)
        }
        list.add("left", [.text, .integer], .text, SubstringKernels.left)
        list.add("right", [.text, .integer], .text, SubstringKernels.right)
        let sides: [(String, SubstringKernels.Side)] = [
            ("btrim", .both), ("ltrim", .left), ("rtrim", .right),
        ]
        for (name, side) in sides {
            let kernel: ScalarFunction.Kernel = { arguments, context throws(SQLError) in
                try SubstringKernels.trim(side, arguments, context)
            }
            list.add(name, [.text], .text, kernel)
            list.add(name, [.text, .text], .text, kernel)
            list.add(name, [.bytea, .bytea], .bytea, kernel)
        }
        list.add(
            "split_part", [.text, .text, .integer], .text, SubstringKernels.splitPart)
    }

    private static func addTextMaking(_ list: inout FunctionList) {
        list.add("lower", [.text], .text, CaseKernels.lower)
        list.add("upper", [.text], .text, CaseKernels.upper)
        list.add("initcap", [.text], .text, CaseKernels.initcap)
        list.add("replace", [.text, .text, .text], .text, RewriteKernels.replace)
        list.add("translate", [.text, .text, .text], .text, RewriteKernels.translate)
        list.add("repeat", [.text, .integer], .text, RewriteKernels.repeated)
        list.add("reverse", [.text], .text, RewriteKernels.reverse)
        for name in ["lpad", "rpad"] {
            let kernel: ScalarFunction.Kernel = { arguments, context throws(SQLError) in
                try RewriteKernels.pad(atStart: name == "lpad", arguments, context)
            }
            list.add(name, [.text, .integer], .text, kernel)
            list.add(name, [.text, .integer, .text], .text, kernel)
        }
        for type in [DataType.text, .bytea] {
            list.add("overlay", [type, type, .integer], type, RewriteKernels.overlay)
            list.add("overlay", [type, type, .integer, .integer], type, RewriteKernels.overlay)
        }
        list.add("chr", [.integer], .text, RewriteKernels.character)
        list.add("to_hex", [.integer], .text, RewriteKernels.hexadecimal)
        list.add("to_hex", [.bigint], .text, RewriteKernels.hexadecimal)
    }

    private static func addTextMeasuring(_ list: inout FunctionList) {
        for name in ["length", "char_length", "character_length"] {
            list.add(name, [.text], .integer, SearchKernels.characterCount)
            list.add(name, [.char(1)], .integer, SearchKernels.paddedCount)
        }
        list.add("length", [.bytea], .integer, SearchKernels.byteCount)
        for type in [DataType.text, .char(1), .bytea] {
            list.add("octet_length", [type], .integer, SearchKernels.byteCount)
        }
        list.add("bit_length", [.text], .integer, SearchKernels.bitCount)
        list.add("bit_length", [.bytea], .integer, SearchKernels.bitCount)
        list.add("strpos", [.text, .text], .integer, SearchKernels.position)
        list.add("position", [.text, .text], .integer, SearchKernels.position)
        list.add("position", [.bytea, .bytea], .integer, SearchKernels.bytePosition)
        list.add("starts_with", [.text, .text], .boolean, SearchKernels.startsWith)
        list.add(
            "ends_with", [.text, .text], .boolean, isExtension: true, SearchKernels.endsWith)
        list.add("contains", [.text, .text], .boolean, isExtension: true, SearchKernels.contains)
        list.add("ascii", [.text], .integer, SearchKernels.ascii)
    }
}
