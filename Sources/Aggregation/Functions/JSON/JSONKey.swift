import Formats

/// jsonb as a key: PostgreSQL tells values apart, not texts. As it is kept (members in their order,
/// strings escaped in one way) only the scales of numbers differ between the texts of one value.
enum JSONKey {
    /// Bytes that order as jsonb does.
    static func append(_ text: [UInt8], to bytes: inout [UInt8]) {
        let tree = unsafe text.withUnsafeBufferPointer { buffer -> JSONTree? in
            guard let start = buffer.baseAddress else { return nil }
            return try? unsafe JSONTree(StringView(start, count: buffer.count))
        }
        guard let tree else { return }
        // An empty array stands before all else, but only at the top.
        if case .array(let elements) = tree, elements.isEmpty { return bytes.append(0) }
        append(tree, to: &bytes)
    }

    private static func append(_ tree: JSONTree, to bytes: inout [UInt8]) {
        bytes.append(UInt8(tree.rank + 1))
        switch tree {
        case .null: break
        case .boolean(let value): bytes.append(value ? 1 : 0)
        case .string(let text): append(string: text, to: &bytes)
        case .number(let text):
            if case .numeric(let value)? = try? TypeText.parse(text, as: .anyNumeric) {
                NumericKey.append(value, to: &bytes)
            }
        case .array(let elements):
            append(count: elements.count, to: &bytes)
            for element in elements { append(element, to: &bytes) }
        case .object(let members):
            append(count: members.count, to: &bytes)
            for member in members {
                append(string: member.name, to: &bytes)
                append(member.value, to: &bytes)
            }
        }
    }

    private static func append(string: String, to bytes: inout [UInt8]) {
        // No jsonb string holds a zero.
        bytes += string.utf8
        bytes.append(0)
    }

    private static func append(count: Int, to bytes: inout [UInt8]) {
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
    }

    /// The same for equal values.
    static func hash(_ view: StringView, _ seed: UInt64) -> UInt64 {
        guard let text = canonical(view) else { return view.combineHash(seed) }
        return unsafe text.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return seed }
            return unsafe StringView(start, count: buffer.count).combineHash(seed)
        }
    }

    static func areEqual(_ a: StringView, _ b: StringView) -> Bool {
        if a == b { return true }
        let (x, y) = (canonical(a), canonical(b))
        if x == nil, y == nil { return false }
        return (x ?? a.bytes) == (y ?? b.bytes)
    }

    /// The text without the zeros behind the point of its numbers; nil: it has none of them.
    private static func canonical(_ view: StringView) -> [UInt8]? {
        unsafe view.withBytes { bytes -> [UInt8]? in
            guard unsafe bytes.contains(UInt8(ascii: ".")) else { return nil }
            var result: [UInt8] = []
            var isInString = false
            var index = 0
            while index < bytes.count {
                let byte = unsafe bytes[index]
                index += 1
                if isInString {
                    result.append(byte)
                    if byte == UInt8(ascii: "\\"), index < bytes.count {
                        unsafe result.append(bytes[index])
                        index += 1
                    }
                    if byte == UInt8(ascii: "\"") { isInString = false }
                    continue
                }
                guard byte == UInt8(ascii: ".") else {
                    if byte == UInt8(ascii: "\"") { isInString = true }
                    result.append(byte)
                    continue
                }
                var end = index
                var kept = index
                while end < bytes.count, unsafe bytes[end] >= 48 && bytes[end] <= 57 {
                    if unsafe bytes[end] != 48 { kept = end + 1 }
                    end += 1
                }
                if kept > index { unsafe result += [byte] + bytes[index..<kept] }
                index = end
            }
            return result.count == bytes.count ? nil : result
        }
    }
}
