import Formats

/// What an INSERT or UPDATE stores in `varchar(n)` and `char(n)`: text that is too long is refused,
/// where a cast cuts it; blanks at its end alone are cut. The session asks for it where it assigns;
/// the cast to the type comes behind it.
public enum TextLength {
    /// The text, or the array of texts, as it came, checked; nil: `type` holds text of any length.
    public static func check(_ type: DataType) -> ScalarFunction? {
        let length: Int
        switch type {
        case .varchar(let most?): length = Int(most)
        case .char(let most?): length = Int(most)
        case .array(let element): return checkElements(element)
        default: return nil
        }
        return ScalarFunction("length", [.text], .text) {
            arguments, context throws(SQLError) in
            try unsafe TextLoop.view(arguments[0], context) { (_, bytes) throws(SQLError) in
                guard unsafe fits(bytes, length) else { throw tooLong(type) }
                return 0..<bytes.count
            }
        }
    }

    private static func checkElements(_ type: DataType) -> ScalarFunction? {
        let length: Int
        switch type {
        case .varchar(let most?): length = Int(most)
        case .char(let most?): length = Int(most)
        default: return nil
        }
        return ScalarFunction("length", [.array(.text)], .array(.text)) {
            arguments, context throws(SQLError) in
            for row in 0..<context.count where context.isLive(row) {
                guard let range = ArrayKernels.range(arguments[0], row) else { continue }
                let elements = unsafe arguments[0].arrays.elements
                let texts = StringRows(elements)
                for element in range where !elements.isNull(element) {
                    guard unsafe fits(texts[element], length) else { throw tooLong(type) }
                }
            }
            return arguments[0]
        }
    }

    private static func tooLong(_ type: DataType) -> SQLError {
        SQLError("value too long for type \(type)", .stringDataRightTruncation)
    }

    private static func fits(_ bytes: UnsafeRawBufferPointer, _ length: Int) -> Bool {
        if bytes.count <= length { return true }
        var characters = 0
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if byte & 0xC0 != 0x80 { characters += 1 }
            if characters > length, byte != UInt8(ascii: " ") { return false }
        }
        return true
    }
}
