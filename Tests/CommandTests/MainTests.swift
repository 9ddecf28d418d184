import Testing

@Suite struct MainTests {
    private func run(_ line: String) throws -> ProgramRun {
        try ProgramRun.inNewDirectory { try ProgramRun.shell(line, in: $0) }
    }

    @Test(arguments: [
        (
            "rtd consume t --ofset 5",
            "rtd: consume: unknown option --ofset; did you mean --offset? (rtd help consume)\n"
        ),
        ("rtd conusme t", "rtd: unknown command \"conusme\"; did you mean consume? (rtd help)\n"),
        ("rtd --versoin", "rtd: unknown option --versoin; did you mean --version? (rtd help)\n"),
        (
            "rtd",
            "rtd: which command? serve, produce, consume, query, cdc, bench, help (rtd help)\n"
        ),
        (
            "rtd help prodcue",
            "rtd: help: unknown command \"prodcue\"; did you mean produce? (rtd help)\n"
        ),
    ])
    func `a wrong command line is one line on stderr and status 2`(
        line: String, message: String
    ) throws {
        let run = try run(line)
        #expect(run.status == 2)
        #expect(run.output == "")
        #expect(run.messages == message)
    }

    @Test func `cdc names what stands in its way, and the way out`() throws {
        let refused = try run("rtd cdc postgres://nobody@127.0.0.1:1/none")
        #expect(refused.status == 1 && refused.output == "")
        #expect(refused.messages.hasPrefix("rtd: cannot reach 127.0.0.1:1: Connection refused"))
        let usage = try run("rtd cdc postgres://localhost --format debesium")
        #expect(usage.status == 2)
        #expect(usage.messages.contains("did you mean debezium?"))
    }

    @Test func `version and help go to stdout with status 0`() throws {
        let version = try run("rtd --version")
        #expect(version.status == 0 && version.output == "rtd 0.1.0\n" && version.messages == "")
        for line in ["rtd help", "rtd --help", "rtd help consume", "rtd produce --help -h x y"] {
            let run = try run(line)
            #expect(run.status == 0 && run.messages == "" && run.output.hasPrefix("rtd"))
        }
    }

    @Test func `a reader that leaves is no error and a full disk is one`() throws {
        let left = try run("rtd help produce | true; echo ${PIPESTATUS[0]}")
        #expect(left.output == "0\n" && left.messages == "")
        let full = try run("rtd help >/dev/full")
        #expect(full.status == 1)
        #expect(
            full.messages == "rtd: cannot write to standard output: No space left on device\n")
    }
}
