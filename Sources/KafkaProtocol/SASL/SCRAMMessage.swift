import Bytes

/// The attributes of one SCRAM message, `a=value,b=value`, as RFC 5802 section 7 spells them.
struct SCRAMMessage {
    private let attributes: [(name: Character, value: Substring)]

    /// Throws for anything but short UTF-8 of attributes.
    init(_ bytes: [UInt8]) throws(SASLError) {
        guard bytes.count <= Limits.saslTokenBytesMax,
            let text = String(validating: bytes, as: UTF8.self)
        else { throw .malformed("it is no UTF-8, or too long") }
        try self.init(text[...])
    }

    init(_ text: Substring) throws(SASLError) {
        var attributes: [(Character, Substring)] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let value = part.dropFirst(2)
            guard let name = part.first, name.isASCII, name.isLetter, part.dropFirst().first == "="
            else { throw .malformed("an attribute wants name=value") }
            attributes.append((name, value))
        }
        self.attributes = attributes
        if attributes.contains(where: { $0.0 == "m" }) {
            throw .malformed("it has an extension that must be understood")
        }
    }

    subscript(_ name: Character) -> Substring? {
        attributes.first { $0.name == name }?.value
    }

    /// The value of the attribute that must stand at a place.
    func value(_ name: Character, at index: Int) throws(SASLError) -> Substring {
        guard index < attributes.count, attributes[index].name == name else {
            throw .malformed("\(name)= is missing")
        }
        return attributes[index].value
    }

    func bytes(_ name: Character, at index: Int) throws(SASLError) -> [UInt8] {
        guard let bytes = StrictBase64.bytes(try value(name, at: index)) else {
            throw .malformed("\(name)= is no base64")
        }
        return bytes
    }

    /// A user name as it goes over the wire: without commas and equals signs.
    static func escaped(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case ",": text += "=2C"
            case "=": text += "=3D"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    static func unescaped(_ text: Substring) throws(SASLError) -> String {
        var name = ""
        var rest = text.unicodeScalars
        while let scalar = rest.popFirst() {
            guard scalar == "=" else {
                name.unicodeScalars.append(scalar)
                continue
            }
            let code = String(String.UnicodeScalarView(rest.prefix(2)))
            guard code == "2C" || code == "3D" else { throw .malformed("a name with a bare =") }
            name += code == "2C" ? "," : "="
            rest = rest.dropFirst(2)
        }
        return name
    }
}
