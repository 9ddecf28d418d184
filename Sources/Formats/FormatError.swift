/// What the readers of this target throw; `at` counts bytes from the start of what was read.
public enum FormatError: Error, Equatable, Sendable {
    case json(JSONFault, at: Int)
    case csv(CSVFault, at: Int)
    case base64(at: Int)
    /// Text that is no ISO 8601 date or time.
    case timestamp(at: Int)
    /// A conversion that strftime does not know.
    case strftime(at: Int)
    /// A schema of Avro or, with a place, a value; the text says why.
    case avro(String, at: Int?)
}

/// Why a JSON text (RFC 8259) is refused.
public enum JSONFault: Equatable, Sendable {
    case unexpectedEnd
    case unexpectedByte(UInt8)
    case invalidNumber
    /// A byte below 0x20 inside a string.
    case controlCharacter
    case invalidEscape
    /// Half of a surrogate pair (`\ud800` to `\udfff`), which no UTF-8 can hold.
    case loneSurrogate
    case invalidUTF8
    case tooDeep
    /// More bytes behind a complete value.
    case trailingBytes
}

/// Why a CSV row (RFC 4180) is refused.
public enum CSVFault: Equatable, Sendable {
    /// The input ends inside a quoted field.
    case unclosedQuote
    /// Something other than a separator or the end of the row behind a closing quote.
    case bytesBehindQuote
    /// A quote inside a field that does not begin with one.
    case quoteInsideField
    case tooManyFields
}

extension FormatError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .json(let fault, let at): "\(fault.description) at byte \(at)"
        case .csv(let fault, let at): "\(fault.description) at byte \(at)"
        case .base64(let at): "invalid base64 at byte \(at)"
        case .timestamp(let at): "invalid date or time at byte \(at)"
        case .strftime(let at): "unknown strftime conversion at byte \(at)"
        case .avro(let words, let at): at.map { "\(words) at byte \($0)" } ?? words
        }
    }
}

extension JSONFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unexpectedEnd: "the text ends too early"
        case .unexpectedByte: "an unexpected byte"
        case .invalidNumber: "an invalid number"
        case .controlCharacter: "a control character in a string"
        case .invalidEscape: "an invalid escape"
        case .loneSurrogate: "half of a surrogate pair"
        case .invalidUTF8: "invalid UTF-8"
        case .tooDeep: "nested deeper than \(FormatLimits.jsonDepthMax)"
        case .trailingBytes: "more text behind the value"
        }
    }
}

extension CSVFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unclosedQuote: "a quoted field that does not end"
        case .bytesBehindQuote: "text behind a closing quote"
        case .quoteInsideField: "a quote inside an unquoted field"
        case .tooManyFields: "more than \(FormatLimits.csvFieldsMax) fields"
        }
    }
}
