/// CREATE TYPE ... AS ENUM: its values lie in columns as the numbers of their labels, so that they
/// are compared and grouped in the order of the declaration. Two of them are never one type.
public final class Enumeration: Sendable {
    public let name: String
    public let labels: [String]
    private let numbers: [String: Int64]

    public init(_ name: String, _ labels: [String]) {
        self.name = name
        self.labels = labels
        var numbers: [String: Int64] = [:]
        for (number, label) in labels.enumerated() { numbers[label] = Int64(number) }
        self.numbers = numbers
    }

    public func label(_ number: Int64) -> String {
        labels.indices.contains(Int(number)) ? labels[Int(number)] : ""
    }

    func number(_ label: String) throws(SQLError) -> Int64 {
        guard let number = numbers[label] else {
            throw SQLError(
                "invalid input value for enum \(name): \"\(label)\"", .invalidTextRepresentation
            ).suggesting(labels, for: label)
        }
        return number
    }
}

extension Enumeration: Hashable {
    public static func == (a: Enumeration, b: Enumeration) -> Bool { a === b }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
