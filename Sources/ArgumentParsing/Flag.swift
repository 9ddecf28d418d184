/// One option of a command: what is said about it and what it does to the options struct. Made by
/// `toggle`, `choosing`, `negatable`, `value`, `list` and `lists`; used by `Command`.
public struct Flag<Options>: Sendable {
    public private(set) var documentation: FlagDocumentation
    let apply: @Sendable (inout Options, String) throws(UsageError) -> Void

    public init(
        _ documentation: FlagDocumentation,
        apply: @escaping @Sendable (inout Options, String) throws(UsageError) -> Void
    ) {
        self.documentation = documentation
        self.apply = apply
    }

    /// Names that are understood but never shown, long or one letter.
    public func aliases(_ names: String...) -> Flag {
        changing { $0.aliases += names }
    }

    /// Understood, but absent from help, man page and completions.
    public func hidden() -> Flag {
        changing { $0.isHidden = true }
    }

    /// Two different options of one group are a usage error.
    public func exclusive(_ group: String) -> Flag {
        changing { $0.exclusiveGroup = group }
    }

    private func changing(_ change: (inout FlagDocumentation) -> Void) -> Flag {
        var flag = self
        change(&flag.documentation)
        return flag
    }

    /// The same option of a command whose options contain `Options`; so that a set of options is
    /// defined once and shared by several commands.
    public func within<Outer>(
        _ path: any WritableKeyPath<Outer, Options> & Sendable
    ) -> Flag<Outer> {
        let apply = self.apply
        return Flag<Outer>(documentation) { options, text throws(UsageError) in
            try apply(&options[keyPath: path], text)
        }
    }
}

extension Flag {
    /// A switch that turns something on.
    public static func toggle(
        _ long: String, _ short: Character? = nil,
        _ path: any WritableKeyPath<Options, Bool> & Sendable,
        _ summary: String, details: String = ""
    ) -> Flag {
        Flag(FlagDocumentation(long, short, summary: summary, details: details)) { options, _ in
            options[keyPath: path] = true
        }
    }

    /// A switch that sets a field to a certain value.
    public static func choosing<Value: Sendable>(
        _ long: String, _ short: Character? = nil, _ value: Value,
        _ path: any WritableKeyPath<Options, Value?> & Sendable,
        _ summary: String, details: String = ""
    ) -> Flag {
        Flag(FlagDocumentation(long, short, summary: summary, details: details)) { options, _ in
            options[keyPath: path] = value
        }
    }

    /// A switch with its opposite: `--name` and `--no-name`.
    public static func negatable(
        _ long: String, _ path: any WritableKeyPath<Options, Bool?> & Sendable,
        _ summary: String, details: String = ""
    ) -> Flag {
        var documentation = FlagDocumentation(long, nil, summary: summary, details: details)
        documentation.isNegatable = true
        return Flag(documentation) { options, text in
            options[keyPath: path] = text != FlagDocumentation.negation
        }
    }

    /// An option with a value, given at most once.
    public static func value<Value>(
        _ long: String, _ short: Character? = nil,
        _ path: any WritableKeyPath<Options, Value?> & Sendable, _ parser: ValueParser<Value>,
        _ summary: String, details: String = ""
    ) -> Flag {
        Flag(FlagDocumentation(long, short, parser, summary: summary, details: details)) {
            options, text throws(UsageError) in
            options[keyPath: path] = try parser.parse(text)
        }
    }

    /// An option with a value that may be repeated; its values are kept in the order typed.
    public static func list<Value>(
        _ long: String, _ short: Character? = nil,
        _ path: any WritableKeyPath<Options, [Value]> & Sendable, _ parser: ValueParser<Value>,
        _ summary: String, details: String = ""
    ) -> Flag {
        var documentation = FlagDocumentation(
            long, short, parser, summary: summary, details: details)
        documentation.isRepeatable = true
        return Flag(documentation) { options, text throws(UsageError) in
            options[keyPath: path].append(try parser.parse(text))
        }
    }

    /// As `list`, for a value that itself stands for several, such as `0,2`.
    public static func lists<Value>(
        _ long: String, _ short: Character? = nil,
        _ path: any WritableKeyPath<Options, [Value]> & Sendable, _ parser: ValueParser<[Value]>,
        _ summary: String, details: String = ""
    ) -> Flag {
        var documentation = FlagDocumentation(
            long, short, parser, summary: summary, details: details)
        documentation.isRepeatable = true
        return Flag(documentation) { options, text throws(UsageError) in
            options[keyPath: path] += try parser.parse(text)
        }
    }
}

/// Options that belong together, under one heading in help and man page.
public struct FlagGroup<Options>: Sendable {
    public let title: String
    public let flags: [Flag<Options>]

    public init(_ title: String, _ flags: [Flag<Options>]) {
        self.title = title
        self.flags = flags
    }
}
