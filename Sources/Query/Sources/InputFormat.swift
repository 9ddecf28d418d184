import Formats

/// How the rows of a file or of stdin are written.
public enum InputFormat: Sendable, Equatable {
    case json
}

/// What is said of an input beside its name.
public struct InputOptions: Sendable {
    /// nil: found from its name and its first bytes.
    public var format: InputFormat?
    /// --strict: a value that does not fit the sampled type fails at once.
    public var isStrict = false
    /// Lower-case names that the query speaks of, for the sample to look for; nil: all.
    public var wanted: Set<String>?

    public init() {}
}
