import ArgumentParsing
import Formats
import KafkaClient

/// The patterns of `-r`: which topics are read, those that come later included.
struct TopicPatterns: Sendable, Equatable {
    var texts: [String] = []

    var isEmpty: Bool { texts.isEmpty }

    /// Topics that any of the patterns is found in, by name; never the cluster's own.
    func matches(among topics: some Collection<Metadata.Topic>) -> [String] {
        let expressions = texts.compactMap { try? RegularExpression($0) }
        return topics.filter { topic in
            guard !topic.isInternal else { return false }
            let name = Array(topic.name.utf8)
            return expressions.contains { expression in
                unsafe name.withUnsafeBytes { unsafe expression.matches($0) }
            }
        }.map(\.name).sorted()
    }

    /// `"^a" or "b$"`
    var description: String { texts.map { "\"\($0)\"" }.joined(separator: " or ") }
}

extension ValueParser where Value == String {
    static let topicPattern = ValueParser("REGEX") { text throws(UsageError) in
        guard !text.isEmpty else { throw UsageError("wants a REGEX, not an empty text") }
        do throws(SQLError) {
            _ = try RegularExpression(text)
        } catch {
            throw UsageError("\"\(text)\": \(error.message)")
        }
        return text
    }
}
