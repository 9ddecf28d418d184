import Formats

/// The text of an array `{1,"b",NULL}` that a JSON array `[1, "b", null]` stands for, which a cast
/// makes an array of: for json_to_record and its kin. The binder asks for it.
public enum JSONArrayText {
    /// `key`: what errors call the member.
    public static func function(_ type: DataType, key: String) -> ScalarFunction {
        ScalarFunction("json_array_text", [type], .text) {
            arguments, context throws(SQLError) in
            let rows = StringRows(arguments[0])
            return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
                try unsafe append(rows[row], key, builder)
            }
        }
    }

    private static func append(
        _ json: UnsafeRawBufferPointer, _ key: String, _ builder: ColumnBuilder
    ) throws(SQLError) {
        switch unsafe JSONLookup.kind(json) {
        case .null?: builder.appendNull()
        case .string?: unsafe JSONLookup.appendText(json, 0..<json.count, builder)
        case .array?:
            var writer = JSONArrayWriter(key: key)
            try unsafe writer.append(json, depth: 1)
            builder.append(text: String(decoding: writer.text, as: UTF8.self))
        default:
            throw SQLError(
                "expected JSON array", .invalidTextRepresentation,
                hint: "See the value of key \"\(key)\".")
        }
    }
}

/// One array in the making. The first elements say how many dimensions it has.
private struct JSONArrayWriter {
    let key: String
    private(set) var text: [UInt8] = []
    private var dimensions: Int?
    /// By dimension.
    private var lengths: [Int] = []
    /// Where the element lies that is being read.
    private var path: [Int] = []

    init(key: String) { self.key = key }

    mutating func append(_ json: UnsafeRawBufferPointer, depth: Int) throws(SQLError) {
        guard depth <= FormatLimits.arrayDepthMax else {
            throw SQLError(
                "number of array dimensions (\(depth)) exceeds the maximum allowed"
                    + " (\(FormatLimits.arrayDepthMax))", .programLimitExceeded)
        }
        var elements: [Range<Int>] = []
        _ = unsafe JSONLookup.forEachElement(json) { elements.append($0) }
        if lengths.count < depth { lengths.append(elements.count) }
        guard lengths[depth - 1] == elements.count else {
            throw SQLError(
                "malformed JSON array", .invalidTextRepresentation,
                detail: "Multidimensional arrays must have sub-arrays with matching dimensions.")
        }
        text.append(UInt8(ascii: "{"))
        for (index, place) in elements.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            path.append(index)
            try unsafe append(
                element: UnsafeRawBufferPointer(rebasing: json[place]), depth: depth)
            path.removeLast()
        }
        text.append(UInt8(ascii: "}"))
    }

    private mutating func append(
        element: UnsafeRawBufferPointer, depth: Int
    ) throws(SQLError) {
        let kind = unsafe JSONLookup.kind(element)
        if kind == .array, dimensions == nil || depth < dimensions ?? 0 {
            return try unsafe append(element, depth: depth + 1)
        }
        if dimensions == nil { dimensions = depth }
        guard depth == dimensions else {
            let place = path.map { "[\($0)]" }.joined()
            throw SQLError(
                "expected JSON array", .invalidTextRepresentation,
                hint: "See the array element \(place) of key \"\(key)\".")
        }
        guard kind != .null else { return text += Array("NULL".utf8) }
        let column = ColumnBuilder(.text, capacity: 1)
        unsafe JSONLookup.appendText(element, 0..<element.count, column)
        guard case .text(let content) = column.finish().value(0) else { return }
        text.append(UInt8(ascii: "\""))
        for byte in content.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                text.append(UInt8(ascii: "\\"))
            }
            text.append(byte)
        }
        text.append(UInt8(ascii: "\""))
    }
}
