import Foundation
import Testing

@testable import rtd

/// Each generated text is read by the program it is for, where that is installed.
@Suite struct GeneratedSyntaxTests {
    private static let readers: [(kind: String, program: String, line: String)] = [
        ("bash", "bash", "bash -n text"), ("zsh", "zsh", "zsh -n text"),
        ("fish", "fish", "fish -n text"),
    ]

    private func complaints(_ text: String, _ program: String, _ line: String) throws -> String {
        try ProgramRun.inNewDirectory { directory in
            try Data(text.utf8).write(to: directory.appendingPathComponent("text"))
            let run = try ProgramRun.shell(
                "command -v \(program) >/dev/null || exit 0; \(line)", in: directory)
            return run.messages + (run.status == 0 ? "" : "status \(run.status)")
        }
    }

    @Test func `the shells accept their completions`() throws {
        for reader in Self.readers {
            let text = try GenerateCommand.text(reader.kind)
            #expect(try complaints(text, reader.program, reader.line) == "")
        }
    }

    @Test func `groff warns about no page`() throws {
        for file in try GenerateCommand.files() where file.path.hasPrefix("man/") {
            let line = "groff -man -Tutf8 -ww -rLL=80n text >/dev/null"
            #expect(try complaints(file.text, "groff", line) == "", "\(file.path)")
        }
    }

    @Test func `bash completes options, values and commands`() throws {
        let script = try GenerateCommand.text("bash")
        let probe = """
            source text
            complete_line() {
                COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
                _rtd; echo "${COMPREPLY[*]}"
            }
            complete_line rtd con
            complete_line rtd consume --exit
            complete_line rtd consume t --isolation read_c
            complete_line rtd consume t --format = j
            complete_line rtd bench sto
            """
        try ProgramRun.inNewDirectory { directory in
            try Data(script.utf8).write(to: directory.appendingPathComponent("text"))
            let run = try ProgramRun.shell(probe, in: directory)
            #expect(run.output == "consume\n--exit-at-end\nread_committed\njson\nstorage\n")
        }
    }
}
