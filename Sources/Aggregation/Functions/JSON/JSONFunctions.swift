import Formats

extension FunctionRegistry {
    private static let documents: [DataType] = [.json, .jsonb]

    static func addJSONOperators(_ list: inout FunctionList) {
        list.add("[is json]", [.text, .text], .boolean, JSONKernels.isJSON)
        for type in documents {
            list.add("[is json]", [type, .text], .boolean, JSONKernels.isJSON)
            list.add("->", [type, .text], type, JSONKernels.member(asText: false))
            list.add("->>", [type, .text], .text, JSONKernels.member(asText: true))
            list.add("->", [type, .integer], type, JSONKernels.element(asText: false))
            list.add("->>", [type, .integer], .text, JSONKernels.element(asText: true))
            list.add("#>", [type, .array(.text)], type, JSONKernels.path(asText: false))
            list.add("#>>", [type, .array(.text)], .text, JSONKernels.path(asText: true))
        }
        list.add("@>", [.jsonb, .jsonb], .boolean, JSONKernels.contains)
        list.add("<@", [.jsonb, .jsonb], .boolean, JSONKernels.isContained)
        list.add("?", [.jsonb, .text], .boolean, JSONKernels.hasKey)
        list.add("?|", [.jsonb, .array(.text)], .boolean, JSONKernels.hasKeys(all: false))
        list.add("?&", [.jsonb, .array(.text)], .boolean, JSONKernels.hasKeys(all: true))
        list.add("||", [.jsonb, .jsonb], .jsonb, JSONChangeKernels.concatenate)
        list.add("-", [.jsonb, .text], .jsonb, JSONChangeKernels.removeKeys)
        list.add("-", [.jsonb, .array(.text)], .jsonb, JSONChangeKernels.removeKeys)
        list.add("-", [.jsonb, .integer], .jsonb, JSONChangeKernels.removeIndex)
        list.add("#-", [.jsonb, .array(.text)], .jsonb, JSONChangeKernels.removePath)
        list.add(
            "[jsonb]=", [.jsonb, .array(.text), .boolean, .jsonb], .jsonb, isStrict: false,
            JSONAssignment.set)
    }

    static func addJSONFunctions(_ list: inout FunctionList) {
        for type in documents {
            let name = "\(type)"
            list.add("\(name)_typeof", [type], .text, JSONKernels.typeName)
            list.add("\(name)_array_length", [type], .integer, JSONKernels.arrayLength)
            list.add("\(name)_strip_nulls", [type], type, JSONKernels.stripNulls)
            list.add(
                "\(name)_extract_path", any: [.type(type), .type(.text)], isVariadic: true,
                result: { _ in type }, JSONKernels.extractPath(asText: false))
            list.add(
                "\(name)_extract_path_text", any: [.type(type), .type(.text)], isVariadic: true,
                result: { _ in .text }, JSONKernels.extractPath(asText: true))
            list.add("\(name)_object", [.array(.text)], type, JSONBuildKernels.fromTexts)
            list.add(
                "\(name)_object", [.array(.text), .array(.text)], type,
                JSONBuildKernels.fromTexts)
            list.add(
                "to_\(name)", any: [.any], volatility: .stable, result: { _ in type },
                JSONBuildKernels.convert)
            list.add(
                "\(name)_build_array", any: [.any], isVariadic: true, volatility: .stable,
                isStrict: false, result: { _ in type }, JSONBuildKernels.array)
            list.add(
                "\(name)_build_object", any: [.any], isVariadic: true, volatility: .stable,
                isStrict: false, result: { _ in type }, JSONBuildKernels.object)
            addEmpty(&list, "\(name)_build_array", type, "[]")
            addEmpty(&list, "\(name)_build_object", type, "{}")
        }
        list.add(
            "row_to_json", any: [.anyRecord], volatility: .stable, result: { _ in .json },
            JSONBuildKernels.convert)
        list.add(
            "array_to_json", any: [.anyArray], volatility: .stable, result: { _ in .json },
            JSONBuildKernels.convert)
        for (name, value) in [
            ("row_to_json", Overload.Parameter.anyRecord), ("array_to_json", .anyArray),
        ] {
            list.add(
                name, any: [value, .type(.boolean)], volatility: .stable, result: { _ in .json },
                JSONBuildKernels.lines)
        }
        list.add("jsonb_pretty", [.jsonb], .text, JSONKernels.pretty)
        let change: [DataType] = [.jsonb, .array(.text), .jsonb]
        list.add("jsonb_set", change, .jsonb, JSONChangeKernels.set)
        list.add("jsonb_set", change + [.boolean], .jsonb, JSONChangeKernels.set)
        for extra: [DataType] in [[], [.boolean], [.boolean, .text]] {
            list.add(
                "jsonb_set_lax", change + extra, .jsonb, isStrict: false, JSONChangeKernels.setLax)
        }
        for (name, type) in [("json_object", DataType.json), ("jsonb_object", .jsonb)] {
            // Pairs, as the binder makes them of '{{a, 1}, {b, 2}}'.
            list.add(
                "\(name) of pairs", [.array(.array(.text))], type, JSONBuildKernels.fromTexts)
        }
        list.add("jsonb_insert", change, .jsonb, JSONChangeKernels.insert)
        list.add("jsonb_insert", change + [.boolean], .jsonb, JSONChangeKernels.insert)
    }

    private static func addEmpty(
        _ list: inout FunctionList, _ name: String, _ type: DataType, _ text: String
    ) {
        list.add(name, [], type) { _, context throws(SQLError) in
            Column.constant(.text(text), type, count: context.count)
        }
    }
}
