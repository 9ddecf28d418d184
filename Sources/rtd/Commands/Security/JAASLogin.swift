import ArgumentParsing

/// A log-in as Java's clients are given it: `...ScramLoginModule required username="u"
/// password="p";`. Its errors never repeat the text, which holds the password.
struct JAASLogin {
    let username: String?
    let password: String?
    /// PLAIN, where the module says so; a SCRAM module leaves it to `sasl.mechanism`.
    let mechanism: String?

    init(_ text: String) throws(UsageError) {
        var words = Self.words(text)
        guard let module = words.first?.split(separator: ".").last else {
            throw UsageError("sasl.jaas.config is empty")
        }
        switch module {
        case "PlainLoginModule": mechanism = "PLAIN"
        case "ScramLoginModule": mechanism = nil
        default:
            throw UsageError(
                "sasl.jaas.config names \(module); there are PlainLoginModule and"
                    + " ScramLoginModule")
        }
        words.removeFirst()
        var options: [Substring: String] = [:]
        for word in words {
            guard let equals = word.firstIndex(of: "=") else { continue }
            options[word[..<equals]] = String(word[word.index(after: equals)...])
        }
        username = options["username"]
        password = options["password"]
    }

    /// Words between spaces, up to the semicolon; quotes keep spaces, a backslash keeps a quote.
    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        var isEscaped = false
        scanning: for character in text {
            if isEscaped {
                word.append(character)
                isEscaped = false
                continue
            }
            switch character {
            case "\\" where quote != nil: isEscaped = true
            case quote: quote = nil
            case "\"", "'":
                if quote == nil { quote = character } else { word.append(character) }
            case ";" where quote == nil: break scanning
            case _ where quote == nil && character.isWhitespace:
                if !word.isEmpty { words.append(word) }
                word = ""
            default: word.append(character)
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }
}
