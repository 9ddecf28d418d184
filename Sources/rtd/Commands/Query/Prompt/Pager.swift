import Bytes
import Platform

/// Shows an answer that is longer than the screen: by `$RTD_PAGER` or `$PAGER`, else by less where
/// there is one. An empty variable turns it off.
struct Pager: Sendable {
    private let command: String
    private let rows: Int

    /// nil: not wanted, or there is no terminal.
    init?() {
        guard StandardOutput.isTerminal, let rows = StandardOutput.rows else { return nil }
        let named = ProcessEnvironment.value("RTD_PAGER") ?? ProcessEnvironment.value("PAGER")
        guard named != "" else { return nil }
        // Long lines are not folded, and leaving it leaves the rows on the screen.
        command = named ?? "command -v less >/dev/null || exit 127; exec less -RSX"
        self.rows = rows
    }

    func isNeeded(for text: String) -> Bool {
        var lines = 0
        for byte in text.utf8 where byte == 0x0A { lines += 1 }
        return lines >= rows
    }

    /// False if there is no such program; then nothing was shown.
    func show(_ text: String) -> Bool {
        guard
            let process = try? ChildProcess.start(
                "/bin/sh", ["-c", command], input: .pipe, output: .inherited),
            let input = process.input
        else { return false }
        // A reader that leaves early has seen enough.
        try? input.write(Array(text.utf8).rawSpan)
        input.close()
        return process.wait().status != 127
    }
}
