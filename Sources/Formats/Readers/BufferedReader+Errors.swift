// What is said of rows that cannot be read.
extension BufferedReader {
    /// `isContent`: the text is a string's, without its quotes.
    func misfit(
        node: Int, _ text: UnsafeBufferPointer<UInt8>, _ line: Int, isContent: Bool = false
    ) -> Misfit {
        let place = plan.nodes[node]
        let field = plan.fields[place.field]
        let evidence = TypeEvidence(of: field.type)
        var inner = evidence
        var type = field.type
        for position in place.positions {
            guard case .record(let fields) = type else { break }
            inner = inner.member(Array(fields[position].name.utf8))
            type = fields[position].type
        }
        unsafe observe(text, isContent: isContent, inner)
        let widened = widened(evidence)
        return unsafe Misfit(
            field: place.field, type: widened, path: place.path, line: line,
            expected: place.type, excerpt: BufferedReader.excerpt(text),
            addsMembers: field.type.gainsMembers(in: widened), node: node)
    }

    func conversionError(
        node: Int, _ text: UnsafeBufferPointer<UInt8>, _ line: Int
    ) -> SQLError {
        let place = plan.nodes[node]
        let isTime: Bool
        switch place.type {
        case .date, .time, .timestamp, .timestamptz: isTime = true
        default: isTime = false
        }
        let excerpt = unsafe BufferedReader.excerpt(text)
        return SQLError(
            "\(name) line \(line), column \"\(place.path)\": invalid input syntax for "
                + "type \(place.type): \(excerpt)",
            isTime ? .invalidDatetimeFormat : .invalidTextRepresentation)
    }

    private func widened(_ evidence: TypeEvidence) -> DataType {
        guard let type = evidence.type, type != .json else { return widestType }
        return type
    }

    /// The text in quotes, cut to what a line of a terminal holds.
    static func excerpt(_ text: UnsafeBufferPointer<UInt8>) -> String {
        let bytes = unsafe UnsafeRawBufferPointer(text).bytes
        let quote = UInt8(ascii: "\"")
        guard bytes.byteCount >= 2, bytes.byte(at: 0) == quote,
            bytes.byte(at: bytes.byteCount - 1) == quote
        else { return InputExcerpt.quote(bytes) }
        // A string of JSON has its quotes.
        return InputExcerpt.quote(bytes.extracting(1..<bytes.byteCount - 1))
    }
}

extension DataType {
    /// The other type differs from this one only by further members of objects.
    fileprivate func gainsMembers(in wider: DataType) -> Bool {
        switch (self, wider) {
        case (.array(let a), .array(let b)): return a.gainsMembers(in: b)
        case (.record(let old), .record(let new)):
            return zip(old, new).allSatisfy {
                $0.type == $1.type || $0.type.gainsMembers(in: $1.type)
            }
        default: return false
        }
    }
}

/// Quotes a piece of input in a message, so that it takes one short line of any terminal.
public enum InputExcerpt {
    static let bytesMax = 60

    public static func quote(_ bytes: RawSpan) -> String {
        var text = ""
        let shown = bytes.extracting(first: min(bytesMax, bytes.byteCount))
        let characters = shown.text(0..<shown.byteCount).unicodeScalars
        for scalar in characters {
            if scalar.value < 0x20 || scalar.value >= 0x7f && scalar.value < 0xa0 {
                let code = String(scalar.value, radix: 16)
                text += "\\x" + (code.utf8.count < 2 ? "0" : "") + code
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return bytes.byteCount > bytesMax ? "\"\(text)...\"" : "\"\(text)\""
    }
}
