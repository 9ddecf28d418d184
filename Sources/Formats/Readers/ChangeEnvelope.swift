/// Debezium's envelope of a change: `before`, `after` and `op`, alone or inside `payload` beside
/// its `schema`.
public struct ChangeEnvelope: Sendable {
    /// Positions of the field and of members inside it.
    public let before: [Int]
    public let after: [Int]
    public let operation: [Int]
    /// The columns of the row that is changed.
    public let columns: [Field]
    /// The names of columns that did not change and are not in `after`, as JSON.
    public let unavailable: [Int]?

    /// nil: the fields are no envelope.
    public init?(_ fields: [Field]) {
        var path: [Int] = []
        var members = fields
        if let payload = fields.firstIndex(where: { $0.name == "payload" }),
            case .record(let inner) = fields[payload].type
        {
            path = [payload]
            members = inner
        }
        func position(_ name: String) -> Int? { members.firstIndex { $0.name == name } }
        guard let before = position("before"), let after = position("after"),
            let operation = position("op"), case .record(let columns) = members[after].type,
            members[before].type == members[after].type
        else { return nil }
        self.before = path + [before]
        self.after = path + [after]
        self.operation = path + [operation]
        self.columns = columns
        let names = position("unavailable")
        unavailable = names.flatMap { members[$0].type == .json ? path + [$0] : nil }
    }
}

extension SampledSchema {
    /// Gives `before` and `after` the same members: a sample may have shown one of them only.
    /// Without any row `names` are the columns.
    public mutating func completeEnvelope(_ names: [String]) {
        if fields.isEmpty {
            let row = DataType.record(names.map { Field($0, .json) })
            fields = [Field("before", row), Field("after", row), Field("op", .text)]
            return
        }
        SampledSchema.completeEnvelope(&fields)
    }

    /// Numbers with a fraction keep their digits: the columns of a captured table may be decimals,
    /// whose JSON is that of a double.
    public static func keepDecimals(_ fields: inout [Field]) {
        for index in fields.indices {
            guard ["before", "after", "payload"].contains(fields[index].name),
                case .record(var members) = fields[index].type
            else { continue }
            if fields[index].name == "payload" {
                keepDecimals(&members)
            } else {
                for member in members.indices where members[member].type == .double {
                    members[member].type = .anyNumeric
                }
            }
            fields[index].type = .record(members)
        }
    }

    /// Records may name columns that their image leaves out, whether the sample has shown it or
    /// not.
    public mutating func addUnavailable() {
        func add(_ members: inout [Field]) {
            members.removeAll { $0.name == "unavailable" }
            members.append(Field("unavailable", .json))
        }
        guard let payload = fields.firstIndex(where: { $0.name == "payload" }),
            case .record(var members) = fields[payload].type
        else { return add(&fields) }
        add(&members)
        fields[payload].type = .record(members)
    }

    /// The same for fields of which one has been widened.
    public static func completeEnvelope(_ fields: inout [Field]) {
        guard let payload = fields.firstIndex(where: { $0.name == "payload" }),
            case .record(var members) = fields[payload].type
        else { return complete(&fields) }
        complete(&members)
        fields[payload].type = .record(members)
    }

    private static func complete(_ members: inout [Field]) {
        let known = members
        func row(_ name: String) -> [Field] {
            guard let member = known.first(where: { $0.name == name }),
                case .record(let fields) = member.type
            else { return [] }
            return fields
        }
        let merged = DataType.record(merge(row("after"), row("before")))
        guard merged != .record([]) else { return }
        for name in ["before", "after"] {
            if let index = members.firstIndex(where: { $0.name == name }) {
                members[index].type = merged
            } else {
                members.append(Field(name, merged))
            }
        }
    }

    /// Members of which one side has shown null only are json there.
    private static func merge(_ first: [Field], _ second: [Field]) -> [Field] {
        var merged = first
        for field in second {
            guard let index = merged.firstIndex(where: { $0.name == field.name }) else {
                merged.append(field)
                continue
            }
            let (a, b) = (merged[index].type, field.type)
            if a == b { continue }
            if a == .json {
                merged[index].type = b
            } else if [a, b].allSatisfy({ $0 == .bigint || $0 == .double }) {
                merged[index].type = .double
            } else if b != .json {
                merged[index].type = .json
            }
        }
        return merged
    }
}
