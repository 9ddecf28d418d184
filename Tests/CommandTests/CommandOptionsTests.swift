import ArgumentParsing
import Testing

@testable import rtd

@Suite struct CommandOptionsTests {
    private func refusal<Options>(_ command: Command<Options>, _ arguments: String...) -> String {
        do {
            _ = try command.parse(arguments)
            return "accepted"
        } catch {
            return error.message
        }
    }

    private func produce(_ arguments: String...) throws -> ProduceOptions {
        guard case .run(let options) = try ProduceOptions.command.parse(arguments) else {
            throw UsageError("help")
        }
        return options
    }

    private func serve(_ arguments: String...) throws -> ServeOptions {
        guard case .run(let options) = try ServeOptions.command.parse(arguments) else {
            throw UsageError("help")
        }
        return options
    }

    @Test func `a wrong option reads as the contract says`() {
        #expect(
            refusal(ConsumeOptions.command, "t", "--ofset", "5")
                == "consume: unknown option --ofset; did you mean --offset? (rtd help consume)")
    }

    @Test func `data and broker exclude each other, under each name`() {
        #expect(
            refusal(ConsumeOptions.command, "t", "--data", "d", "-b", ":1")
                == "consume: --data and -b exclude each other (rtd help consume)")
        #expect(
            refusal(ConsumeOptions.command, "t", "--bootstrap-server", ":1", "--data", "d")
                == "consume: --bootstrap-server and --data exclude each other (rtd help consume)")
    }

    @Test(
        arguments: [
            ("broker:9092", "broker", 9092), (":9092", "127.0.0.1", 9092),
            ("broker", "broker", 9092),
            ("[::1]:1", "::1", 1), ("[::1]", "::1", 9092), (":1", "127.0.0.1", 1),
            ("127.0.0.1:65535", "127.0.0.1", 65535), (":0", "127.0.0.1", 0),
        ] as [(String, String, UInt16)])
    func `an address has defaults for what is missing`(
        text: String, host: String, port: UInt16
    ) throws {
        #expect(try HostPort(text) == HostPort(host: host, port: port))
    }

    @Test(arguments: ["", "a:", "a:b", "a:65536", "::1", "[::1", "[]:1", "a:-1", "a:+1", "a b:1"])
    func `anything else is no address`(text: String) {
        #expect(throws: UsageError.self) { try HostPort(text) }
    }

    @Test func `produce takes its topic from the first operand or from -t`() throws {
        #expect(try produce("t", "a", "-").files == ["a", "-"])
        let named = try produce("-t", "t", "a")
        #expect(named.topic == "t" && named.files == ["a"])
        #expect(refusal(ProduceOptions.command).hasPrefix("produce: which topic?"))
        #expect(
            refusal(ProduceOptions.command, "a/b").hasPrefix("produce: \"a/b\" cannot be a topic"))
        #expect(refusal(ProduceOptions.command, "t", "f", "-m", "x").contains("would not be read"))
    }

    @Test func `headers and delimiters are read with their escapes`() throws {
        let options = try produce(
            "t", "-H", "a=1", "-H", "b:2=3", "-H", "c", "-K", "\\t", "-D", "\\x1e\\n", "-p", "-1")
        #expect(
            options.headers == [
                HeaderAssignment(name: "a", value: "1"), HeaderAssignment(name: "b", value: "2=3"),
                HeaderAssignment(name: "c", value: nil),
            ])
        #expect(options.keyDelimiter == [9] && options.delimiter == [0x1E, 0x0A])
        #expect(options.partition == -1)
        #expect(try produce("t", "-0").delimiter == [0])
        #expect(
            refusal(ProduceOptions.command, "t", "-0", "-D", "x").contains("exclude each other"))
        #expect(refusal(ProduceOptions.command, "t", "-D", "\\q").contains("knows the escapes"))
        #expect(
            refusal(ProduceOptions.command, "t", "-J", "--csv").contains("unknown option --csv"))
        #expect(
            refusal(ProduceOptions.command, "t", "--idempotent", "--acks", "1").contains("needs"))
        #expect(try produce("t", "--acks", "-1").acks == .all)
    }

    @Test func `consume reads several topics once each and lists of partitions`() throws {
        let options = try consume("a", "b", "-t", "c", "a", "-p", "0,2", "-n5", "-eJ")
        #expect(options.topics == ["c", "a", "b"])
        #expect(options.partitions == [0, 2] && options.count == 5)
        #expect(options.atEnd == .exit && options.format == .json)
        #expect(try consume("t", "-G", "g").group == "g")
        #expect(refusal(ConsumeOptions.command, "t", "-o", "stored").contains("-g GROUP"))
        #expect(refusal(ConsumeOptions.command, "t", "--timeout", "5").contains("with its unit"))
        #expect(
            refusal(ConsumeOptions.command, "t", "-f", "json").contains("did you mean --format"))
    }

    @Test func `serve refuses an address that others can reach`() throws {
        func refused(_ arguments: String...) throws -> String? {
            guard case .run(let typed) = try ServeOptions.command.parse(arguments) else {
                return "not run"
            }
            return try ServeSecurity(typed, []).openListenerRefusal?.message
        }
        #expect(
            try refused("--kafka", "0.0.0.0:9092")
                == "0.0.0.0:9092 is open to other machines and has no authentication"
                + " (--insecure-listen allows it)")
        #expect(try refused("--kafka", "0.0.0.0:1", "--insecure-listen") == nil)
        #expect(try refused("--kafka", "0.0.0.0:1", "--auth")?.contains("has no TLS") == true)
        #expect(
            try refused("--kafka", "0.0.0.0:1", "--auth", "--tls-certificate", "c.pem") == nil)
        #expect(try refused("--kafka", ":0") == nil)
        #expect(try refused("--kafka", "[::1]:0") == nil)
        #expect(try serve("--kafka=none").kafka == .off)
        #expect(
            refusal(ServeOptions.command, "--check", "DIR")
                == "serve: unexpected operand \"DIR\"; the directory is given by --data DIR"
                + " (rtd help serve)")
        #expect(refusal(ServeOptions.command, "--stop", "--status").contains("exclude each other"))
        #expect(refusal(ServeOptions.command, "--check=DIR").contains("takes no value"))
        #expect(refusal(ServeOptions.command, "--all").contains("goes with --status"))
    }

    @Test func `query keeps its pieces in the order typed`() throws {
        guard
            case .run(let options) = try QueryOptions.command.parse(["-f", "a", "-c", "B", "-f-"])
        else { return }
        #expect(options.sources == [.file("a"), .sql("B"), .file("-")])
        #expect(refusal(QueryOptions.command, "a", "-c", "b").contains("given twice"))
        #expect(refusal(QueryOptions.command, "a", "b").contains("unexpected operand \"b\""))
    }

    @Test func `bench names the nearest workload`() {
        #expect(refusal(BenchOptions.command, "prodcue").contains("did you mean produce?"))
        #expect(refusal(BenchOptions.command).contains("which workload"))
        #expect(refusal(BenchOptions.command, "produce", "--floor").contains("storage"))
        #expect(refusal(BenchOptions.command, "storage", "-b", ":1").contains("no broker"))
    }
}
