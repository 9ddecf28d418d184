import ArgumentParsing
import Foundation
import Testing

@testable import rtd

/// Runs every example of the man pages as a reader would, each in a directory of its own.
@Suite struct ExampleTests {
    /// False only while produce is not built: then nothing could be shown.
    static let commandsAreBuilt: Bool = {
        let probe = try? ProgramRun.inNewDirectory { directory in
            try ProgramRun.shell("rtd produce -m x probe", in: directory)
        }
        return probe.map { !$0.messages.contains("not built yet") } ?? false
    }()

    static let examples: [Example] =
        Program.documentation.examples + Program.documentation.commands.flatMap(\.examples)

    @Test(.enabled(if: commandsAreBuilt), arguments: examples.map(\.command))
    func `each example of a man page does what it shows`(command: String) throws {
        let example = try #require(Self.examples.first { $0.command == command })
        try ProgramRun.inNewDirectory { directory in
            guard
                command.contains(Example.remoteBroker)
                    || example.setup.contains(Example.remoteBroker)
            else { return try check(example, in: directory, broker: "") }
            try withBroker(in: directory) { try check(example, in: directory, broker: $0) }
        }
    }

    private func check(_ example: Example, in directory: URL, broker: String) throws {
        if example.needsDatabase { return }
        func line(_ text: String) -> String {
            // A port of the machine that runs the tests may be taken.
            text.replacingOccurrences(of: Example.remoteBroker, with: broker)
                .replacingOccurrences(
                    of: "rtd serve --detach", with: "rtd serve --kafka :0 --detach")
        }
        if !example.setup.isEmpty {
            let setup = try ProgramRun.shell(line(example.setup), in: directory)
            try #require(setup.status == 0, "\(example.setup): \(setup.messages)")
        }
        guard !example.isEndless else { return try checkEndless(example, in: directory) }
        let run = try ProgramRun.shell(line(example.command), in: directory)
        #expect(run.status == 0, "\(example.command): \(run.messages)")
        if let output = example.output { #expect(run.output == output, "\(example.command)") }
    }

    /// Two seconds are enough to start; it must still run then, and leave when told to.
    private func checkEndless(_ example: Example, in directory: URL) throws {
        var command = example.command
        if command == "rtd serve" { command += " --kafka :0" }
        let run = try ProgramRun.shell("timeout -s TERM 2 \(command)", in: directory)
        #expect(run.status == 124, "\(example.command): \(run.messages)")
    }

    /// A server on a free port, which stands for the broker of the examples.
    private func withBroker(in directory: URL, _ body: (String) throws -> Void) throws {
        let start = "rtd serve --detach --ephemeral --kafka :0 --data remote --port-file ports"
        let started = try ProgramRun.shell("\(start) && cut -d' ' -f2 ports", in: directory)
        try #require(started.status == 0, "\(started.messages)")
        defer { _ = try? ProgramRun.shell("rtd serve --stop --data remote", in: directory) }
        let address = started.output.split(separator: "\n").first.map(String.init)
        try body(try #require(address))
    }
}
