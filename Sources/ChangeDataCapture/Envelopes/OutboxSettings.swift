/// How `--outbox` reads its table, by the names of Debezium's EventRouter.
public struct OutboxSettings: Sendable, Equatable {
    /// What an update of a row of the table means: nothing in an outbox is ever changed.
    public enum UpdateBehavior: String, CaseIterable, Sendable { case warn, error, fatal }

    /// A column that goes out beside the payload.
    public struct Placement: Sendable, Equatable {
        public var column: String
        /// In a header of the record; else in an object around the payload.
        public var isHeader: Bool
        public var name: String
    }

    /// `table` or `schema.table`, as `TableSelection` has patterns; empty: there is no outbox.
    public var table = ""
    public var id = "id"
    public var key = "aggregateid"
    public var payload = "payload"
    /// Milliseconds since 1970; nil takes the commit's time.
    public var timestamp: String?
    /// Its value names the topic.
    public var route = "aggregatetype"
    /// `${routedByValue}` stands for that value.
    public var topic = "outbox.event.${routedByValue}"
    public var placements: [Placement] = []
    /// An empty payload becomes a tombstone.
    public var writesTombstones = false
    /// Inside an object around it, JSON stands as JSON and not as text.
    public var expandsPayload = false
    public var onUpdate = UpdateBehavior.warn

    public init() {}

    public func covers(_ table: CapturedTable) -> Bool {
        !self.table.isEmpty
            && TableSelection.matches(self.table, schema: table.schema, table: table.name)
    }

    static let propertyNames = [
        "route.by.field", "route.tombstone.on.empty.payload", "route.topic.regex",
        "route.topic.replacement", "table.expand.json.payload", "table.field.event.id",
        "table.field.event.key", "table.field.event.payload", "table.field.event.timestamp",
        "table.fields.additional.placement", "table.op.invalid.behavior",
    ]

    /// Sets a property; false: the name is none of them.
    mutating func set(_ name: String, _ value: String) throws(EnvelopeSettingError) -> Bool {
        switch name {
        case "table.field.event.id": id = value
        case "table.field.event.key": key = value
        case "table.field.event.payload": payload = value
        case "table.field.event.timestamp": timestamp = value
        case "route.by.field": route = value
        case "route.topic.replacement": topic = value
        case "route.topic.regex":
            let standard = "(?<routedByValue>.*)"
            guard value == standard else {
                throw EnvelopeSettingError(name: name, value: value, choices: [standard])
            }
        case "route.tombstone.on.empty.payload":
            writesTombstones = try EnvelopeSettings.boolean(name, value)
        case "table.expand.json.payload":
            expandsPayload = try EnvelopeSettings.boolean(name, value)
        case "table.op.invalid.behavior": onUpdate = try EnvelopeSettings.choice(name, value)
        case "table.fields.additional.placement": placements = try Self.placements(name, value)
        default: return false
        }
        return true
    }

    /// `column:header,column:envelope:name,...`.
    private static func placements(
        _ name: String, _ value: String
    ) throws(EnvelopeSettingError) -> [Placement] {
        var placements: [Placement] = []
        for part in value.split(separator: ",") {
            let words = part.split(separator: ":", omittingEmptySubsequences: false)
                .map { $0.filter { $0 != " " } }
            guard (2...3).contains(words.count), words.allSatisfy({ !$0.isEmpty }),
                words[1] == "header" || words[1] == "envelope"
            else {
                throw EnvelopeSettingError(
                    name: name, value: value,
                    choices: ["COLUMN:header", "COLUMN:envelope", "COLUMN:header:NAME"])
            }
            placements.append(
                Placement(
                    column: words[0], isHeader: words[1] == "header",
                    name: words.count == 3 ? words[2] : words[0]))
        }
        return placements
    }
}
