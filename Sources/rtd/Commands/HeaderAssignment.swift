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
