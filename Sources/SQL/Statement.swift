/// A name as written. Without quotes it means the exact spelling, else the only one that differs
/// in nothing but case.
public struct Name: Sendable, Equatable {
    public let text: String
    public let isQuoted: Bool
    public let place: Range<Int>

    public init(_ text: String, isQuoted: Bool, _ place: Range<Int>) {
        self.text = text
        self.isQuoted = isQuoted
        self.place = place
    }
}

/// A number as written, checked to be a bigint.
public struct IntegerLiteral: Sendable, Equatable {
    public let value: Int64
    public let place: Range<Int>
}

/// `name = value` in parentheses; the value as the text that Kafka takes.
public struct OptionAssignment: Sendable, Equatable {
    public let name: Name
    public let value: String
    public let valuePlace: Range<Int>
}

/// A statement, as its text says it; names are not looked up yet.
public enum Statement: Sendable, Equatable {
    /// With `all` those that the cluster keeps for itself too.
    case showTopics(all: Bool)
    case showGroups
    case showConfigs(ConfigOwner)
    case describeTopic(Name)
    case describeGroup(Name)
    case createTopic(Name, ifNotExists: Bool, [OptionAssignment])
    case alterTopic(Name, ifExists: Bool, TopicChange)
    case dropTopics([Name], ifExists: Bool)
    case dropGroups([Name], ifExists: Bool)
    case resetOffsets(GroupOffsetReset)
    case deleteRecords(RecordDeletion)

    /// What PostgreSQL calls the command tag.
    public var tag: String {
        switch self {
        case .showTopics, .showGroups, .showConfigs: "SHOW"
        case .describeTopic, .describeGroup: "DESCRIBE"
        case .createTopic: "CREATE TOPIC"
        case .alterTopic: "ALTER TOPIC"
        case .dropTopics: "DROP TOPIC"
        case .dropGroups: "DROP GROUP"
        case .resetOffsets: "ALTER GROUP"
        case .deleteRecords: "DELETE"
        }
    }
}

/// Whose configs are meant.
public enum ConfigOwner: Sendable, Equatable {
    case topic(Name)
    /// nil: any one broker.
    case broker(IntegerLiteral?)
}

/// What ALTER TOPIC does.
public enum TopicChange: Sendable, Equatable {
    case set([OptionAssignment])
    case reset([Name])
    case addPartitions(IntegerLiteral)
}

/// ALTER GROUP ... RESET OFFSETS.
public struct GroupOffsetReset: Sendable, Equatable {
    public enum Target: Sendable, Equatable {
        case earliest
        case latest
        /// The text of the time, as written.
        case timestamp(String, Range<Int>)
        case offset(IntegerLiteral)
    }

    public var group: Name
    public var target: Target
    /// nil: all topics that the group has offsets for.
    public var topic: Name?
    /// nil: all.
    public var partition: IntegerLiteral?
}

/// DELETE FROM a topic: its records below an offset, in one partition or in all.
public struct RecordDeletion: Sendable, Equatable {
    public var topic: Name
    public var partition: IntegerLiteral?
    /// The first that stays; nil: none stays.
    public var before: IntegerLiteral?
}
