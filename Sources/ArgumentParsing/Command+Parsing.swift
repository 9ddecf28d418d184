extension Command {
    /// Reads the arguments that follow the command's name. Options may follow operands; `--` ends
    /// them; an option that takes a value takes the next argument whatever it looks like.
    public func parse(_ arguments: [String]) throws(UsageError) -> ParsedCommand<Options> {
        var reader = ArgumentReader(command: self, arguments: arguments)
        do {
            if let length = try reader.readAll() { return .help(length) }
            try finish(&reader.options, reader.operands)
            return .run(reader.options)
        } catch {
            let name = documentation.name
            throw UsageError("\(name): \(error.message) (rtd help \(name))")
        }
    }
}

/// One pass over the arguments of one command.
private struct ArgumentReader<Options: Sendable> {
    let command: Command<Options>
    let arguments: [String]
    var options: Options
    var operands: [String] = []
    private var next = 0
    /// How each option was typed when it was first given, by its long name.
    private var given: [String: String] = [:]
    /// Likewise for each group of options that exclude one another.
    private var chosen: [String: (long: String, typed: String)] = [:]

    init(command: Command<Options>, arguments: [String]) {
        self.command = command
        self.arguments = arguments
        self.options = command.initial
    }

    /// Returns the help that was asked for, if any.
    mutating func readAll() throws(UsageError) -> HelpLength? {
        while next < arguments.count {
            let argument = arguments[next]
            next += 1
            if argument == "--" {
                operands += arguments[next...]
                return nil
            }
            if argument.hasPrefix("--"), !isComment(argument) {
                if argument == "--help" { return .long }
                try readLong(argument)
            } else if argument.hasPrefix("-"), argument != "-", !argument.hasPrefix("--") {
                if try readShort(argument.dropFirst()) { return .short }
            } else {
                operands.append(argument)
            }
        }
        return nil
    }

    /// `-- what it does`, on the first line of a statement: no option has such a name.
    private func isComment(_ argument: String) -> Bool {
        let name = argument.prefix { $0 != "=" }
        return name.hasPrefix("-- ") || name.contains(where: \.isNewline)
    }

    private mutating func readLong(_ argument: String) throws(UsageError) {
        let body = argument.dropFirst(2)
        let name = body.prefix { $0 != "=" }
        let typed = "--\(name)"
        let attached =
            name.endIndex < body.endIndex ? String(body[name.endIndex...].dropFirst()) : nil
        guard let (flag, isNegated) = flag(named: String(name)) else {
            throw unknown(String(name), typed: typed)
        }
        if flag.documentation.valueName == nil {
            guard attached == nil else { throw UsageError("\(typed) takes no value") }
            try apply(flag, isNegated ? FlagDocumentation.negation : "", typed: typed)
        } else {
            let value = if let attached { attached } else { try following(flag, typed: typed) }
            try apply(flag, value, typed: typed)
        }
    }

    /// Reads `-e`, `-eJ`, `-c5` or `-c 5`; true when help is asked for.
    private mutating func readShort(_ cluster: Substring) throws(UsageError) -> Bool {
        var rest = cluster
        while let letter = rest.popFirst() {
            let typed = "-\(letter)"
            let name = String(letter)
            let matching = command.flags.first { flag in
                flag.documentation.short == letter || flag.documentation.aliases.contains(name)
            }
            guard let flag = matching else {
                if letter == "h" { return true }
                throw UsageError("unknown option \(typed)")
            }
            if flag.documentation.valueName == nil {
                try apply(flag, "", typed: typed)
            } else {
                let value = rest.isEmpty ? try following(flag, typed: typed) : String(rest)
                try apply(flag, value, typed: typed)
                return false
            }
        }
        return false
    }

    private func flag(named name: String) -> (Flag<Options>, isNegated: Bool)? {
        guard name.utf8.count > 1 else { return nil }
        for flag in command.flags {
            let documentation = flag.documentation
            if documentation.long == name || documentation.aliases.contains(name) {
                return (flag, false)
            }
            if documentation.isNegatable, name == "no-\(documentation.long)" { return (flag, true) }
        }
        return nil
    }

    private mutating func following(
        _ flag: Flag<Options>, typed: String
    ) throws(UsageError) -> String {
        guard next < arguments.count else {
            throw UsageError(
                "\(typed) wants a value: \(typed) \(flag.documentation.valueName ?? "")")
        }
        defer { next += 1 }
        return arguments[next]
    }

    private mutating func apply(
        _ flag: Flag<Options>, _ value: String, typed: String
    ) throws(UsageError) {
        let documentation = flag.documentation
        let earlier = given.updateValue(typed, forKey: documentation.long)
        // A switch said twice says the same; a value said twice contradicts itself, and so may
        // --name and --no-name.
        let contradicts = documentation.valueName != nil || documentation.isNegatable
        if let earlier, contradicts, !documentation.isRepeatable {
            let names = earlier == typed ? typed : "\(earlier) and \(typed)"
            throw UsageError("\(names) given twice")
        }
        if let group = documentation.exclusiveGroup {
            if let other = chosen[group], other.long != documentation.long {
                throw UsageError("\(other.typed) and \(typed) exclude each other")
            }
            chosen[group] = (documentation.long, typed)
        }
        do {
            try flag.apply(&options, value)
        } catch {
            throw UsageError("\(typed) \(error.message)")
        }
    }

    private func unknown(_ name: String, typed: String) -> UsageError {
        var names = ["help"]
        for flag in command.flags where !flag.documentation.isHidden {
            names.append(flag.documentation.long)
            if flag.documentation.isNegatable { names.append("no-\(flag.documentation.long)") }
        }
        guard let nearest = nearestName(to: name, among: names) else {
            return UsageError("unknown option \(typed)")
        }
        return UsageError("unknown option \(typed); did you mean --\(nearest)?")
    }
}
