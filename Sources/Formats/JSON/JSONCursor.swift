/// The kinds of JSON values, by their first byte.
public enum JSONKind: Sendable, Equatable {
    case object, array, string, number, boolean, null
}

/// A strict pull parser over one JSON text (RFC 8259) that allocates nothing.
///
/// The caller drives it: `kind` looks at the next value, then exactly one of `string`, `number`,
/// `boolean`, `null`, `skip`, `enterObject` or `enterArray` consumes it. Inside a container:
///
///     try cursor.enterObject()
///     while let name = try cursor.nextMember() { _ = try cursor.skip() }
///
/// Strings are validated (UTF-8, escapes, surrogates) and given as ranges; numbers are given as
/// their text, so no digit is lost. `finish` makes sure that nothing follows. Hostile text throws,
/// never traps; nesting is bounded by `FormatLimits.jsonDepthMax`. Duplicate names are the caller's
/// matter.
public struct JSONCursor: ~Escapable {
    public let bytes: RawSpan
    @usableFromInline var cursor: Int
    @usableFromInline let end: Int
    @usableFromInline var depth = 0
    /// True right behind an opening bracket, where no comma is due.
    @usableFromInline var opened = false

    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
        self.cursor = 0
        self.end = bytes.byteCount
    }

    /// Index of the next byte, from the start of the span.
    @inlinable public var position: Int { cursor }

    @inlinable
    func fault(_ fault: JSONFault) -> FormatError { .json(fault, at: cursor) }

    @inlinable
    func unexpected() -> FormatError {
        cursor < end
            ? fault(.unexpectedByte(ByteScan.byte(bytes, cursor))) : fault(.unexpectedEnd)
    }

    /// The next byte that is not white space, not consumed; 0 at the end (which no JSON begins
    /// with).
    @inlinable
    @_lifetime(self: copy self)
    mutating func peek() -> UInt8 {
        while cursor < end {
            let byte = ByteScan.byte(bytes, cursor)
            if byte > 0x20 { return byte }
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
            cursor &+= 1
        }
        return 0
    }

    /// The kind of the next value, which is not consumed.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func kind() throws(FormatError) -> JSONKind {
        switch peek() {
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        default: throw unexpected()
        }
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func enterObject() throws(FormatError) { try enter(UInt8(ascii: "{")) }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func enterArray() throws(FormatError) { try enter(UInt8(ascii: "[")) }

    @inlinable
    @_lifetime(self: copy self)
    mutating func enter(_ bracket: UInt8) throws(FormatError) {
        guard peek() == bracket else { throw unexpected() }
        guard depth < FormatLimits.jsonDepthMax else { throw fault(.tooDeep) }
        depth &+= 1
        cursor &+= 1
        opened = true
    }

    /// Consumes the comma that is due and gives true, or consumes `closing` and gives false.
    @inlinable
    @_lifetime(self: copy self)
    mutating func advance(closing: UInt8) throws(FormatError) -> Bool {
        let byte = peek()
        if byte == closing {
            cursor &+= 1
            depth &-= 1
            opened = false
            return false
        }
        if opened {
            opened = false
        } else {
            guard byte == UInt8(ascii: ",") else { throw unexpected() }
            cursor &+= 1
        }
        return true
    }

    /// The name of the object's next member, its value being next; nil once the object is closed.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func nextMember() throws(FormatError) -> JSONString? {
        guard try advance(closing: UInt8(ascii: "}")) else { return nil }
        let name = try string()
        guard peek() == UInt8(ascii: ":") else { throw unexpected() }
        cursor &+= 1
        return name
    }

    /// True if another element of the array is next; false once the array is closed.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func nextElement() throws(FormatError) -> Bool {
        try advance(closing: UInt8(ascii: "]"))
    }

    /// Consumes a string.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func string() throws(FormatError) -> JSONString {
        guard peek() == UInt8(ascii: "\"") else { throw unexpected() }
        cursor &+= 1
        let start = cursor
        var escaped = false
        while true {
            cursor = ByteScan.plainEnd(bytes, from: cursor)
            guard cursor < end else { throw fault(.unexpectedEnd) }
            let byte = ByteScan.byte(bytes, cursor)
            if byte == UInt8(ascii: "\"") {
                cursor &+= 1
                return JSONString(start..<cursor &- 1, hasEscapes: escaped)
            } else if byte >= 0x80 {
                let length = UTF8Check.sequenceLength(bytes, at: cursor)
                guard length > 0 else { throw fault(.invalidUTF8) }
                cursor &+= length
            } else if byte == UInt8(ascii: "\\") {
                escaped = true
                try checkEscape()
            } else {
                throw fault(.controlCharacter)
            }
        }
    }

    /// Moves past one escape, or a pair of them that makes one character.
    @usableFromInline
    @_lifetime(self: copy self)
    mutating func checkEscape() throws(FormatError) {
        guard end &- cursor >= 2 else { throw fault(.unexpectedEnd) }
        switch ByteScan.byte(bytes, cursor &+ 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            cursor &+= 2
        case UInt8(ascii: "u"):
            guard let unit = JSONString.hexUnit(bytes, at: cursor &+ 2) else {
                throw fault(.invalidEscape)
            }
            guard unit & 0xf800 == 0xd800 else {
                cursor &+= 6
                return
            }
            guard unit < 0xdc00, end &- cursor >= 12,
                ByteScan.byte(bytes, cursor &+ 6) == UInt8(ascii: "\\"),
                ByteScan.byte(bytes, cursor &+ 7) == UInt8(ascii: "u"),
                let low = JSONString.hexUnit(bytes, at: cursor &+ 8), low & 0xfc00 == 0xdc00
            else { throw fault(.loneSurrogate) }
            cursor &+= 12
        default: throw fault(.invalidEscape)
        }
    }

    /// Consumes a number and gives its text.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func number() throws(FormatError) -> Range<Int> {
        let first = peek()
        let start = cursor
        if first == UInt8(ascii: "-") { cursor &+= 1 }
        let integer = digits()
        guard integer > 0 else { throw fault(.invalidNumber) }
        if integer > 1, ByteScan.byte(bytes, cursor &- integer) == UInt8(ascii: "0") {
            throw fault(.invalidNumber)
        }
        if cursor < end, ByteScan.byte(bytes, cursor) == UInt8(ascii: ".") {
            cursor &+= 1
            guard digits() > 0 else { throw fault(.invalidNumber) }
        }
        if cursor < end, ByteScan.byte(bytes, cursor) | 0x20 == UInt8(ascii: "e") {
            cursor &+= 1
            if cursor < end {
                let sign = ByteScan.byte(bytes, cursor)
                if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { cursor &+= 1 }
            }
            guard digits() > 0 else { throw fault(.invalidNumber) }
        }
        return start..<cursor
    }

    /// Moves past decimal digits and gives how many there were.
    @inlinable
    @_lifetime(self: copy self)
    mutating func digits() -> Int {
        let start = cursor
        while cursor < end, ByteScan.byte(bytes, cursor) &- UInt8(ascii: "0") < 10 {
            cursor &+= 1
        }
        return cursor &- start
    }

    /// Consumes `true` or `false`.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func boolean() throws(FormatError) -> Bool {
        let value = peek() == UInt8(ascii: "t")
        try word(value ? "true" : "false")
        return value
    }

    /// Consumes `null`.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func null() throws(FormatError) {
        _ = peek()
        try word("null")
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func word(_ expected: StaticString) throws(FormatError) {
        let start = unsafe expected.utf8Start
        for offset in 0..<expected.utf8CodeUnitCount {
            guard cursor < end, unsafe ByteScan.byte(bytes, cursor) == start[offset] else {
                throw unexpected()
            }
            cursor &+= 1
        }
    }

    /// Consumes a value of any kind, checks it in full and gives its text.
    @_lifetime(self: copy self)
    public mutating func skip() throws(FormatError) -> Range<Int> {
        let kind = try kind()
        let start = cursor
        switch kind {
        case .string: _ = try string()
        case .number: _ = try number()
        case .boolean: _ = try boolean()
        case .null: try null()
        case .object:
            try enterObject()
            while try nextMember() != nil { _ = try skip() }
        case .array:
            try enterArray()
            while try nextElement() { _ = try skip() }
        }
        return start..<cursor
    }

    /// Throws unless only white space is left.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func finish() throws(FormatError) {
        _ = peek()
        guard cursor == end else { throw fault(.trailingBytes) }
    }
}
