/// What a shell offers for a value.
public enum Completion: Sendable, Equatable {
    case none
    case file
    case directory
    case choices([String])
    case topic
}

/// Reads the value of an option: how it is called in the documentation, what a shell completes,
/// and the conversion. A conversion throws a sentence that continues the option's name, as in
/// `wants a duration ..., not "5"`; the parser puts the option before it.
public struct ValueParser<Value>: Sendable {
    public let name: String
    public let completion: Completion
    public let parse: @Sendable (String) throws(UsageError) -> Value

    public init(
        _ name: String, completion: Completion = .none,
        parse: @escaping @Sendable (String) throws(UsageError) -> Value
    ) {
        self.name = name
        self.completion = completion
        self.parse = parse
    }

    /// The same conversion under another name in the documentation.
    public func named(_ name: String) -> ValueParser {
        ValueParser(name, completion: completion, parse: parse)
    }
}

extension ValueParser where Value == String {
    /// Any text, the empty one too.
    public static func text(_ name: String, completion: Completion = .none) -> ValueParser {
        ValueParser(name, completion: completion) { $0 }
    }

    /// A path, or `-` where the command reads it as a standard stream.
    public static let file = nonEmpty("FILE", completion: .file)
    public static let directory = nonEmpty("DIR", completion: .directory)

    public static func nonEmpty(_ name: String, completion: Completion = .none) -> ValueParser {
        ValueParser(name, completion: completion) { text throws(UsageError) in
            guard !text.isEmpty else {
                let article = name.first.map { "AEIO".contains($0) } == true ? "an" : "a"
                throw UsageError("wants \(article) \(name), not an empty text")
            }
            return text
        }
    }
}

extension ValueParser
where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
    /// One of the names of an enumeration.
    public static func choice(_ name: String) -> ValueParser {
        let choices = Value.allCases.map(\.rawValue)
        return ValueParser(name, completion: .choices(choices)) { text throws(UsageError) in
            if let value = Value(rawValue: text) { return value }
            throw UsageError(notAChoice(text, among: choices))
        }
    }
}

private func notAChoice(_ text: String, among choices: [String]) -> String {
    let listed = choices.dropLast().joined(separator: ", ")
    let all = choices.count > 1 ? "\(listed) or \(choices[choices.count - 1])" : choices.joined()
    return "wants \(all), not \"\(text)\""
}

extension ValueParser where Value == Int {
    /// A whole number without a unit.
    public static func integer(
        _ name: String, in range: ClosedRange<Int> = 0...Int.max
    ) -> ValueParser {
        ValueParser(name) { text throws(UsageError) in
            guard let value = Int(text) else {
                throw UsageError("wants a whole number, not \"\(text)\"")
            }
            return try checked(value, typed: text, in: range)
        }
    }

    /// A count or a size with `k M G` (powers of 1000) or `KiB MiB GiB` (of 1024).
    public static func quantity(
        _ name: String, in range: ClosedRange<Int> = 0...Int.max
    ) -> ValueParser {
        ValueParser(name) { text throws(UsageError) in
            try checked(Quantity.parse(text), typed: text, in: range)
        }
    }
}

private func checked(
    _ value: Int, typed text: String, in range: ClosedRange<Int>
) throws(UsageError) -> Int {
    if range.contains(value) { return value }
    let bounds =
        range.upperBound == .max
        ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
    throw UsageError("wants a number \(bounds), not \"\(text)\"")
}

extension ValueParser where Value == Duration {
    /// A time span with its unit, such as `500ms` or `1h30m`.
    public static let duration = ValueParser("DURATION") { text throws(UsageError) in
        try Duration(spelled: text)
    }
}

extension ValueParser {
    /// Several values in one argument, with commas between them.
    public static func list<Element>(
        of element: ValueParser<Element>, named name: String
    ) -> ValueParser where Value == [Element] {
        ValueParser(name, completion: element.completion) { text throws(UsageError) in
            var values: [Element] = []
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                values.append(try element.parse(String(part)))
            }
            return values
        }
    }
}
