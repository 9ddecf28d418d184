// Arrays `{1,"b c",NULL}` and records `(1,x,)`.
extension TypeText {
    static func parseArray(
        _ text: UnsafeRawBufferPointer, _ element: DataType, _ settings: TextSettings
    ) throws(SQLError) -> Value {
        var scanner = unsafe NestedScanner(text)
        scanner.skipSpace()
        try scanner.skipBounds()
        guard scanner.accept("{") else {
            throw scanner.malformed(
                "array", "Array value must start with \"{\" or dimension information.")
        }
        let value = try arrayItems(&scanner, element, settings, depth: 1)
        scanner.skipSpace()
        guard scanner.isAtEnd else {
            throw scanner.malformed("array", "Junk after closing right brace.")
        }
        return value
    }

    private static func arrayItems(
        _ scanner: inout NestedScanner, _ element: DataType, _ settings: TextSettings, depth: Int
    ) throws(SQLError) -> Value {
        guard depth <= FormatLimits.arrayDepthMax else {
            throw SQLError(
                "number of array dimensions (\(depth)) exceeds the maximum allowed"
                    + " (\(FormatLimits.arrayDepthMax))", .programLimitExceeded)
        }
        var items: [Value] = []
        scanner.skipSpace()
        if scanner.accept("}") { return .array([]) }
        repeat {
            scanner.skipSpace()
            if scanner.accept("{") {
                guard case .array(let inner) = element else {
                    throw SQLError(
                        "an array of \(element) holds no arrays", .featureNotSupported,
                        hint: "The type of an array of arrays is written \(element)[][].")
                }
                items.append(try arrayItems(&scanner, inner, settings, depth: depth + 1))
            } else if let item = try scanner.arrayItem() {
                if case .array = element {
                    throw scanner.malformed("array", "Unexpected array element.")
                }
                items.append(
                    try parse(String(decoding: item, as: UTF8.self), as: element, settings))
            } else {
                items.append(.null)
            }
            scanner.skipSpace()
        } while scanner.accept(",")
        if case .array = items.first, !haveOneShape(items) {
            throw scanner.malformed(
                "array",
                "Multidimensional arrays must have sub-arrays with matching dimensions.")
        }
        guard scanner.accept("}") else {
            throw scanner.malformed(
                "array",
                scanner.isAtEnd
                    ? "Unexpected end of input."
                    : "Unexpected array element.")
        }
        return .array(items)
    }

    /// Arrays of as many elements each.
    private static func haveOneShape(_ items: [Value]) -> Bool {
        var count: Int?
        for item in items {
            guard case .array(let members) = item, members.count == count ?? members.count else {
                return false
            }
            count = members.count
        }
        return true
    }

    static func parseRecord(
        _ text: UnsafeRawBufferPointer, _ fields: [Field], _ settings: TextSettings
    ) throws(SQLError) -> Value {
        var scanner = unsafe NestedScanner(text)
        scanner.skipSpace()
        guard scanner.accept("(") else {
            throw scanner.malformed("record", "Missing left parenthesis.")
        }
        var members: [Value] = []
        for (index, field) in fields.enumerated() {
            if index > 0, !scanner.accept(",") {
                throw scanner.malformed("record", "Too few columns.")
            }
            if let item = try scanner.recordItem() {
                members.append(
                    try parse(String(decoding: item, as: UTF8.self), as: field.type, settings))
            } else {
                members.append(.null)
            }
        }
        guard scanner.accept(")") else {
            throw scanner.malformed(
                "record", scanner.isAtEnd ? "Unexpected end of input." : "Too many columns.")
        }
        scanner.skipSpace()
        guard scanner.isAtEnd else {
            throw scanner.malformed("record", "Junk after right parenthesis.")
        }
        return .record(members)
    }
}

/// Reads the text of an array or a record from left to right.
private struct NestedScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: UnsafeRawBufferPointer) { bytes = unsafe Array(text) }

    var isAtEnd: Bool { position == bytes.count }

    mutating func skipSpace() {
        while position < bytes.count, NumberText.isSpace(bytes[position]) { position += 1 }
    }

    mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else {
            return false
        }
        position += 1
        return true
    }

    func malformed(_ kind: String, _ detail: String) -> SQLError {
        SQLError(
            "malformed \(kind) literal: \"\(String(decoding: bytes, as: UTF8.self))\"",
            .invalidTextRepresentation, detail: detail)
    }

    /// Skips `[1:3][1:4]=`; our arrays begin at 1.
    mutating func skipBounds() throws(SQLError) {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "[") else { return }
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "=") { position += 1 }
        for bounds in bytes[start..<position].split(separator: UInt8(ascii: "[")) {
            let low = bounds.prefix { $0 != UInt8(ascii: ":") }
            guard low.count < bounds.count, low != [UInt8(ascii: "1")] else { continue }
            throw SQLError(
                "arrays whose subscripts do not begin at 1 are not supported",
                .featureNotSupported)
        }
        guard accept("=") else {
            throw malformed("array", "Missing \"=\" after array dimensions.")
        }
        skipSpace()
    }

    /// The bytes of an element; nil for NULL without quotes.
    mutating func arrayItem() throws(SQLError) -> [UInt8]? {
        var item: [UInt8] = []
        if accept("\"") {
            try quoted(&item, "array")
            return item
        }
        var hasEscape = false
        var length = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") { break }
            guard byte != UInt8(ascii: "{") else {
                throw malformed("array", "Unexpected \"{\" character.")
            }
            guard byte != UInt8(ascii: "\"") else {
                throw malformed("array", "Unexpected array element.")
            }
            position += 1
            if byte == UInt8(ascii: "\\"), position < bytes.count {
                item.append(bytes[position])
                position += 1
                hasEscape = true
                length = item.count
            } else {
                item.append(byte)
                if !NumberText.isSpace(byte) { length = item.count }
            }
        }
        guard position < bytes.count else { throw malformed("array", "Unexpected end of input.") }
        item.removeSubrange(length...)
        guard !item.isEmpty else {
            let byte = String(decoding: [bytes[position]], as: UTF8.self)
            throw malformed("array", "Unexpected \"\(byte)\" character.")
        }
        if !hasEscape, String(decoding: item, as: UTF8.self).lowercased() == "null" { return nil }
        return item
    }

    /// The bytes of a member; nil where nothing stands.
    mutating func recordItem() throws(SQLError) -> [UInt8]? {
        var item: [UInt8] = []
        var isEmpty = true
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: ")") { break }
            isEmpty = false
            position += 1
            if byte == UInt8(ascii: "\"") {
                try quoted(&item, "record")
            } else if byte == UInt8(ascii: "\\"), position < bytes.count {
                item.append(bytes[position])
                position += 1
            } else {
                item.append(byte)
            }
        }
        return isEmpty ? nil : item
    }

    /// Reads up to the closing quote; a record doubles quotes inside, both escape by backslash.
    private mutating func quoted(_ item: inout [UInt8], _ kind: String) throws(SQLError) {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard kind == "record", accept("\"") else { return }
                item.append(byte)
            } else if byte == UInt8(ascii: "\\"), position < bytes.count {
                item.append(bytes[position])
                position += 1
            } else {
                item.append(byte)
            }
        }
        throw malformed(kind, "Unexpected end of input.")
    }
}

extension OutputBuffer {
    /// Puts what was appended from `start` on into quotes where an array asks for it.
    mutating func quoteArrayItem(from start: Int) {
        let item = unsafe bytes.extracting(start..<used).withUnsafeBytes { unsafe Array($0) }
        let isNull = String(decoding: item, as: UTF8.self).lowercased() == "null"
        let isPlain =
            !item.isEmpty && !isNull
            && item.allSatisfy {
                !NumberText.isSpace($0)
                    && !"{},\"\\".utf8.contains($0)
            }
        if isPlain { return }
        truncate(to: start)
        append("\"")
        for byte in item {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append("\\") }
            append(byte)
        }
        append("\"")
    }

    /// The same for a member of a record, where quotes are doubled.
    mutating func quoteRecordItem(from start: Int) {
        let item = unsafe bytes.extracting(start..<used).withUnsafeBytes { unsafe Array($0) }
        let isPlain =
            !item.isEmpty
            && item.allSatisfy { !NumberText.isSpace($0) && !"(),\"\\".utf8.contains($0) }
        if isPlain { return }
        truncate(to: start)
        append("\"")
        for byte in item {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(byte) }
            append(byte)
        }
        append("\"")
    }
}
