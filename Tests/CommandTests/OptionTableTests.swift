import ArgumentParsing
import Testing

@testable import rtd

/// A command's table without its options' type.
struct Table: Sendable, CustomTestStringConvertible {
    let documentation: CommandDocumentation
    let flags: [FlagDocumentation]
    let parse: @Sendable ([String]) throws -> Void

    var testDescription: String { documentation.name }

    init<Options>(_ command: Command<Options>) {
        documentation = command.documentation
        flags = command.allFlags
        parse = { arguments in _ = try command.parse(arguments) }
    }

    static let all = [
        Table(ServeOptions.command), Table(ProduceOptions.command), Table(ConsumeOptions.command),
        Table(QueryOptions.command), Table(CaptureOptions.command), Table(BenchOptions.command),
    ]
}

@Suite struct OptionTableTests {
    @Test(arguments: Table.all)
    func `names are unique and well formed`(table: Table) {
        var names: Set<String> = ["help", "h"]
        for flag in table.flags {
            let all = [flag.long] + (flag.short.map { [String($0)] } ?? []) + flag.aliases
            for name in all { #expect(names.insert(name).inserted, "\(name) is there twice") }
            #expect(flag.long.count > 1)
            #expect(flag.long.allSatisfy { $0.isLowercase || $0 == "-" || $0.isNumber })
            #expect(flag.long.first?.isLowercase == true)
        }
    }

    @Test(arguments: Table.all)
    func `summaries are sentences that fit a line`(table: Table) {
        for flag in table.flags {
            #expect(flag.summary.hasSuffix("."), "--\(flag.long)")
            #expect(flag.summary.first?.isUppercase == true, "--\(flag.long)")
            #expect(flag.summary.count <= 68, "--\(flag.long) \(flag.summary.count)")
            #expect(!flag.summary.contains("`"), "--\(flag.long)")
        }
        #expect(table.documentation.summary.hasSuffix(".") == false)
        for example in table.documentation.examples {
            #expect(example.explanation.hasSuffix("."))
        }
        #expect(!table.documentation.examples.isEmpty)
    }

    @Test(arguments: Table.all)
    func `a switch has neither value nor choices`(table: Table) {
        for flag in table.flags where flag.valueName == nil {
            #expect(flag.completion == .none, "--\(flag.long)")
        }
    }

    private static let samples = [
        "TOPIC": "t", "FORMAT": "json", "DELIMITER": "\\n", "PATH": ".a", "SIZE": "64KiB",
        "TEXT": "x", "KEY": "k", "NAME=VALUE": "a=b", "PARTITION": "0", "COUNT": "3", "ACKS": "all",
        "DURATION": "5s", "CODEC": "zstd", "ACTION": "skip", "HOST:PORT,...": ":9092,b:1",
        "DIR": "/tmp/d", "FILE": "f", "OFFSET": "-5", "PARTITION,...": "0,2", "GROUP": "g",
        "LEVEL": "read_committed", "PROTOCOL": "classic", "VERDICT": "accept",
        "TEMPLATE": "%v", "SQL": "SHOW TOPICS", "RATE": "10k",
        "HOST:PORT": "127.0.0.1:0", "RATIO": "0.5", "COLUMN": "ts", "NUMBER": "1",
        "COUNT|DURATION": "10k", "ID": "id", "WHEN": "initial", "now|LSN": "now", "NAME": "n",
        "PATTERN": "orders,s.*", "TABLE=COLUMNS": "t=a,b", "TABLE=CONDITION": "t=a > 1",
        "COLUMN=HOW": "c=len", "WHICH": "new",
        "TARGET": "out", "ENVELOPE": "flat", "PREFIX": "p",
        "TABLE[:CONDITION]": "t:a > 1", "COMMAND": "cat", "TABLE": "t",
        "REGEX": "^a.*b$", "KEY=VALUE,...": "size=100,1k",
        "SOURCE": "postgres://localhost/shop",
    ]

    /// Options that mean something only beside another one.
    private static let companions = [
        "serve all": ["--status"], "serve memory": ["--ephemeral"],
        "serve tls-key": ["--tls-certificate", "f"], "serve password-file": ["--add-user", "a"],
        "produce keep-partition": ["-J"], "consume json-value": ["-J"],
        "bench generate": ["--data-set", "/tmp/d"], "produce txn-every": ["--txn", "id"],
        "bench txn-every": ["--txn"],
        "cdc broker": ["--to", "topics"], "cdc data": ["--to", "topics"],
        "cdc partitions": ["--to", "topics"], "cdc drop": ["--slots"],
        "cdc request": ["--backfill", "t"], "cdc cancel": ["--backfill", "t"],
        "cdc memory": ["--verify"],
        "consume exec": ["-g", "g", "--to", "u", "--txn", "id"],
        "consume to": ["-g", "g", "--exec", "cat", "--txn", "id"],
        "consume txn": ["-g", "g", "--exec", "cat", "--to", "u"],
        "consume txn-every": ["-g", "g", "--exec", "cat", "--to", "u", "--txn", "id"],
        "consume protocol": ["-g", "g"], "consume ack": ["-g", "g", "--protocol", "share"],
    ]

    @Test(arguments: Table.all)
    func `every option is read in each of its spellings`(table: Table) throws {
        let name = table.documentation.name
        let operands =
            [
                "produce": ["t"], "consume": ["t"], "bench": ["storage"],
                "cdc": ["postgres://localhost/shop"],
            ][name] ?? []
        for flag in table.flags {
            let companion = Self.companions["\(name) \(flag.long)"] ?? []
            var spellings = [["--\(flag.long)"]]
            if let short = flag.short { spellings.append(["-\(short)"]) }
            if flag.isNegatable { spellings.append(["--no-\(flag.long)"]) }
            for alias in flag.aliases {
                spellings.append([alias.count > 1 ? "--\(alias)" : "-\(alias)"])
            }
            if let valueName = flag.valueName {
                let property = name == "serve" ? "num.partitions=1" : "linger.ms=5"
                let value = valueName == "KEY=VALUE" ? property : Self.samples[valueName]
                let sample = try #require(value, "no sample for \(valueName)")
                spellings = spellings.map { $0 + [sample] } + [["--\(flag.long)=\(sample)"]]
            }
            for spelling in spellings {
                let needsBroker =
                    name == "bench"
                    && ["broker", "compare", "rate", "txn", "txn-every"].contains(flag.long)
                let needsQueries =
                    name == "bench"
                    && ["data-set", "generate", "endless", "seed"].contains(flag.long)
                var operand = needsBroker ? ["produce"] : needsQueries ? ["nexmark"] : operands
                if flag.long == "live" { operand = ["query"] }
                if flag.long == "source" { operand = ["cdc"] }
                #expect(throws: Never.self, "\(spelling)") {
                    try table.parse(operand + companion + spelling)
                }
            }
        }
    }

    @Test func `the example commands are understood by their tables`() throws {
        var examples = Program.documentation.examples
        for table in Table.all { examples += table.documentation.examples }
        for example in examples {
            for line in [example.setup, example.command] {
                for words in commandLines(line) where words.first == "rtd" {
                    let table = try #require(
                        Table.all.first { $0.documentation.name == words[1] }, "\(words)")
                    #expect(throws: Never.self, "\(words)") {
                        try table.parse(Array(words.dropFirst(2)))
                    }
                }
            }
        }
    }

    /// The simple commands of a shell line with their words; quotes are honoured, nothing expanded.
    private func commandLines(_ line: String) -> [[String]] {
        var commands: [[String]] = [[]]
        var word: String?
        var quote: Character?
        func close() {
            if let word { commands[commands.count - 1].append(word) }
            word = nil
        }
        for character in line {
            if character == quote {
                quote = nil
            } else if quote != nil {
                word = (word ?? "") + String(character)
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if "|&;<>()".contains(character) {
                close()
                commands.append([])
            } else if character == " " {
                close()
            } else {
                word = (word ?? "") + String(character)
            }
        }
        close()
        return commands
    }

    @Test func `the help of every command names all its options and fits the width`() {
        for table in Table.all {
            for length in [HelpLength.short, .long] {
                let text = HelpPage.text(
                    table.documentation, of: Program.documentation, length, columns: 80)
                for flag in table.documentation.flags { #expect(text.contains(flag.long)) }
                let examples = Set(table.documentation.examples.map { "    $ \($0.command)" })
                for line in text.split(separator: "\n") where !examples.contains(String(line)) {
                    #expect(line.count <= 80, "\(line)")
                }
            }
        }
    }
}
