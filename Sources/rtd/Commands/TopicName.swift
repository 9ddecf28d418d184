import ArgumentParsing

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

    /// How a record is printed or read, with at least one `%`. A format's name in its place is a
    /// slip: `-f json` would print "json" for every record.
    static let template = ValueParser("TEMPLATE") { text throws(UsageError) in
        if text.contains("%") { return text }
        let isFormat = ConsumeOptions.Format(rawValue: text) != nil || text == "csv"
        let hint = isFormat ? "; did you mean --format \(text)?" : ""
        throw UsageError("wants a template such as '%k %v\\n', not \"\(text)\"\(hint)")
    }
}
