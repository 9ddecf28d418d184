import ArgumentParsing

/// A header as typed: `name=value` or `name:value`; a name alone has the value null.
struct HeaderAssignment: Sendable, Equatable {
    var name: String
    var value: String?

    init(name: String, value: String?) {
        self.name = name
        self.value = value
    }

    init(_ text: String) throws(UsageError) {
        guard let cut = text.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
            guard !text.isEmpty else { throw UsageError("wants NAME=VALUE, not an empty text") }
            name = text
            value = nil
            return
        }
        guard cut > text.startIndex else { throw UsageError("wants NAME=VALUE, not \"\(text)\"") }
        name = String(text[..<cut])
        value = String(text[text.index(after: cut)...])
    }
}

extension ValueParser where Value == HeaderAssignment {
    static let header = ValueParser("NAME=VALUE") { text throws(UsageError) in
        try HeaderAssignment(text)
    }
}

extension ValueParser where Value == String {
    static let topic = nonEmpty("TOPIC", completion: .topic)

    /// The two ends of a name's rules are Kafka's: 249 bytes of letters, digits, `.`, `_`, `-`.
    static func checkTopicName(_ name: String) throws(UsageError) {
        let isLegal = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
        guard isLegal, (1...249).contains(name.utf8.count), name != ".", name != ".." else {
            throw UsageError(
                "\"\(name)\" cannot be a topic: up to 249 letters, digits, dots, underscores and"
                    + " hyphens make a name")
        }
    }
}
