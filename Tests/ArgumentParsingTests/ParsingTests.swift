import ArgumentParsing
import Testing

/// A small command that has one option of each kind.
struct SampleOptions: Sendable, Equatable {
    enum Mode: String, CaseIterable, Sendable { case fast, safe }

    var isEnding = false
    var isQuiet = false
    var offset: String?
    var count: Int?
    var wait: Duration?
    var mode: Mode?
    var isIdempotent: Bool?
    var headers: [String] = []
    var partitions: [Int] = []
    var shape: String?
    var operands: [String] = []

    static let command = Command(
        CommandDocumentation(
            name: "sample", summary: "show one option of each kind",
            synopsis: ["[OPTION...] TOPIC..."], description: "Uses {offset} and `code`.",
            operands: [
                OperandDocumentation("TOPIC", "A topic.", completion: .topic, repeats: true)
            ],
            examples: [Example("rtd sample t", "Prints t.", output: "t\n")],
            exitStatuses: [Definition("0", "Done.")]),
        initial: SampleOptions(),
        groups: [
            FlagGroup<SampleOptions>(
                "Sample",
                [
                    .toggle("exit-at-end", "e", \.isEnding, "Stop at the end."),
                    .toggle("quiet", "q", \.isQuiet, "Say less."),
                    .value("offset", "o", \.offset, .text("OFFSET"), "Start at OFFSET."),
                    .value("count", "c", \.count, .quantity("COUNT", in: 1...Int.max), "Stop.")
                        .aliases("n", "max"),
                    .value("wait", nil, \.wait, .duration, "Wait so long."),
                    .value("mode", nil, \.mode, .choice("MODE"), "Choose."),
                    .negatable("idempotent", \.isIdempotent, "No duplicates."),
                    .list("header", "H", \.headers, .text("NAME=VALUE"), "Add a header."),
                    .lists(
                        "partition", "p", \.partitions,
                        .list(of: .integer("PARTITION"), named: "PARTITION,..."), "Only these."),
                    .choosing("json", "J", "json", \.shape, "JSON.").exclusive("shape"),
                    .value("template", "f", \.shape, .text("FORMAT"), "A template.")
                        .exclusive("shape"),
                    .toggle("secret", nil, \.isQuiet, "Nobody sees this.").hidden(),
                ])
        ],
        finish: finish)

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        guard !operands.isEmpty else { throw UsageError("needs a topic") }
        options.operands = operands
    }
}

func parse(_ arguments: String...) throws -> SampleOptions {
    guard case .run(let options) = try SampleOptions.command.parse(arguments) else {
        Issue.record("\(arguments) asks for help")
        return SampleOptions()
    }
    return options
}

func refusal(_ arguments: String...) -> String {
    do {
        _ = try SampleOptions.command.parse(arguments)
        return "accepted"
    } catch {
        return error.message
    }
}

@Suite struct ParsingTests {
    @Test func `an option reads its value attached or from the next argument`() throws {
        #expect(try parse("t", "--offset=5").offset == "5")
        #expect(try parse("t", "--offset", "5").offset == "5")
        #expect(try parse("t", "-o5").offset == "5")
        #expect(try parse("t", "-o", "5").offset == "5")
        #expect(try parse("t", "--offset=").offset == "")
        #expect(try parse("t", "--offset", "a=b").offset == "a=b")
        #expect(try parse("t", "-H=").headers == ["="])
    }

    @Test func `an option takes the next argument whatever it looks like`() throws {
        #expect(try parse("t", "-o", "-5").offset == "-5")
        #expect(try parse("t", "--offset", "--").offset == "--")
        #expect(try parse("t", "-o", "-e").isEnding == false)
    }

    @Test func `short switches cluster and the last letter may take a value`() throws {
        let options = try parse("-eqc5", "t")
        #expect(options.isEnding && options.isQuiet && options.count == 5)
        #expect(try parse("t", "-qo", "-1").offset == "-1")
    }

    @Test func `options may follow operands until a double dash`() throws {
        let options = try parse("a", "-e", "b", "--", "-q", "--", "c")
        #expect(options.operands == ["a", "b", "-q", "--", "c"])
        #expect(options.isEnding && !options.isQuiet)
        #expect(try parse("-", "-e").operands == ["-"])
    }

    @Test func `a value given twice is refused unless the option is a list`() throws {
        #expect(
            refusal("t", "-o1", "--offset=2")
                == "sample: -o and --offset given twice (rtd help sample)")
        #expect(refusal("t", "-o1", "-o1") == "sample: -o given twice (rtd help sample)")
        #expect(
            refusal("t", "--idempotent", "--no-idempotent")
                == "sample: --idempotent and --no-idempotent given twice (rtd help sample)")
        #expect(try parse("t", "-H", "a=1", "--header=b=2").headers == ["a=1", "b=2"])
        #expect(try parse("t", "-p", "0,2", "-p5").partitions == [0, 2, 5])
        #expect(try parse("t", "-e", "-e").isEnding)
    }

    @Test func `a switch takes no value and may be negatable`() throws {
        #expect(refusal("t", "--quiet=yes") == "sample: --quiet takes no value (rtd help sample)")
        #expect(try parse("t", "--no-idempotent").isIdempotent == false)
        #expect(try parse("t", "--idempotent").isIdempotent == true)
        #expect(try parse("t").isIdempotent == nil)
    }

    @Test func `aliases are understood and never suggested`() throws {
        #expect(try parse("t", "-n", "3").count == 3)
        #expect(try parse("t", "--max", "3").count == 3)
        #expect(refusal("t", "--ma").contains("--max") == false)
        #expect(refusal("t", "--n", "3") == "sample: unknown option --n (rtd help sample)")
    }

    @Test func `an unknown option names the nearest one`() {
        #expect(
            refusal("t", "--ofset", "5")
                == "sample: unknown option --ofset; did you mean --offset? (rtd help sample)")
        #expect(refusal("t", "--fofset=5").contains("did you mean --offset?"))
        #expect(refusal("t", "--part").contains("did you mean --partition?"))
        #expect(refusal("t", "--xyzzy") == "sample: unknown option --xyzzy (rtd help sample)")
        #expect(refusal("t", "--secre") == "sample: unknown option --secre (rtd help sample)")
        #expect(refusal("t", "-ey") == "sample: unknown option -y (rtd help sample)")
    }

    @Test func `options of one group exclude each other`() throws {
        #expect(
            refusal("t", "-J", "-f", "%v")
                == "sample: -J and -f exclude each other (rtd help sample)")
        #expect(try parse("t", "-f", "%v").shape == "%v")
        #expect(try parse("t", "-J", "-J").shape == "json")
    }

    @Test func `a missing or wrong value is named with its option`() {
        #expect(refusal("t", "-o") == "sample: -o wants a value: -o OFFSET (rtd help sample)")
        #expect(
            refusal("t", "--wait", "5")
                == "sample: --wait wants a duration with its unit, such as 5ms or 5s, not \"5\""
                + " (rtd help sample)")
        #expect(
            refusal("t", "--mode=slow")
                == "sample: --mode wants fast or safe, not \"slow\" (rtd help sample)")
        #expect(
            refusal("t", "-c0")
                == "sample: -c wants a number of at least 1, not \"0\" (rtd help sample)")
        #expect(
            refusal("t", "-p1,x")
                == "sample: -p wants a whole number, not \"x\" (rtd help sample)")
        #expect(refusal() == "sample: needs a topic (rtd help sample)")
    }

    @Test func `help is found wherever it stands and needs nothing else`() throws {
        for (arguments, length) in [
            (["--help"], HelpLength.long), (["-h"], .short), (["-eh"], .short),
        ] {
            guard case .help(length) = try SampleOptions.command.parse(arguments) else {
                Issue.record("\(arguments)")
                continue
            }
        }
    }
}
