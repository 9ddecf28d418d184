import Formats

/// A JSON text, as `produce -J` and queries read it.
func fuzzJSON(_ bytes: RawSpan) {
    var cursor = JSONCursor(bytes)
    _ = try? cursor.skip()
    var walker = JSONCursor(bytes)
    try? walk(&walker)
}

private func walk(_ cursor: inout JSONCursor) throws {
    switch try cursor.kind() {
    case .object:
        try cursor.enterObject()
        while try cursor.nextMember() != nil { try walk(&cursor) }
    case .array:
        try cursor.enterArray()
        while try cursor.nextElement() { try walk(&cursor) }
    case .string: _ = try cursor.string()
    case .number: _ = try cursor.number()
    case .boolean: _ = try cursor.boolean()
    case .null: try cursor.null()
    }
}

/// CSV rows, given whole and in two pieces, which must split alike.
func fuzzCSV(_ bytes: RawSpan) {
    var whole = CSVRowScanner()
    guard let end = try? whole.scan(bytes, atEnd: true) else { return }
    var pieces = CSVRowScanner()
    let half = bytes.extracting(0..<bytes.byteCount / 2)
    if (try? pieces.scan(half, atEnd: false)) ?? nil != nil { return }
    let again = try? pieces.scan(bytes, atEnd: true)
    precondition(again == end, "a row ends elsewhere when it comes in pieces")
    precondition(pieces.fields == whole.fields, "fields differ when a row comes in pieces")
}
