import Platform

// What the prompt does with a statement or a backslash command.
extension QueryPrompt {
    /// False if it failed.
    @discardableResult
    func execute(_ text: String) -> Bool {
        run.forgetInterruption()
        let script = QueryScript(name: nil, text: Array(text.utf8))
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds
        var isDone = true
        do throws(CommandFailure) {
            _ = try run.run(script)
        } catch {
            isDone = false
            StandardError.write(line: "rtd: \(error.message)")
        }
        guard commands.showsTime else { return isDone }
        let microseconds = (clock.monotonicNanoseconds - start) / 1_000
        let fraction = String(microseconds % 1_000)
        let padding = String(repeating: "0", count: 3 - fraction.count)
        StandardError.write(line: "Time: \(microseconds / 1_000).\(padding)\(fraction) ms")
        return isDone
    }

    /// False when the prompt shall end.
    func perform(_ line: String) -> Bool {
        switch commands.parse(line) {
        case .quit: return false
        case .message(let text): say(text)
        case .statement(let sql): execute(sql)
        case .relations:
            execute("SHOW TABLES;")
            say("\\dt lists the topics.")
        case .describe(let name): describe(name)
        case .expanded(let isOn):
            run.expands = isOn
            say("Expanded display is \(isOn ? "on" : "off").")
        case .include(let path): include(path)
        case .execute(let expanded): executeTyped(expanded: expanded)
        case .reset:
            lines = []
            say("The statement is forgotten.")
        case .printBuffer:
            say(lines.isEmpty ? "No statement was begun." : lines.joined(separator: "\n"))
        case .edit(let path): edit(path)
        case .shell(let command): shell(command)
        case .watch(let milliseconds): watch(milliseconds)
        case .connection: say(run.connectionText)
        case .functions(let start): listFunctions(start)
        case .history: say(history.joined(separator: "\n"))
        case .parameter(let name, let value): say(run.setParameter(name, value))
        case .parameters:
            let known = run.parameterText
            say(known.isEmpty ? "No :NAME has a value; \\set NAME VALUE gives it one." : known)
        case .output(let name, let value): say(run.setOutput(name, value))
        }
        return true
    }

    private func say(_ text: String) { StandardError.write(line: text) }

    /// What was typed without its semicolon, else the statement before; nil: there is none.
    private func takeTyped() -> String? {
        let text = lines.isEmpty ? last : lines.joined(separator: "\n") + ";"
        guard !text.isEmpty else {
            say("No statement was begun.")
            return nil
        }
        if !lines.isEmpty { remember(text) }
        lines = []
        last = text
        return text
    }

    private func executeTyped(expanded: Bool) {
        guard let text = takeTyped() else { return }
        let before = run.expands
        if expanded { run.expands = true }
        execute(text)
        run.expands = before
    }

    private func describe(_ name: String) {
        let statement = "DESCRIBE \(name);"
        guard run.describesTopic(statement) else {
            execute(statement)
            return
        }
        if execute("DESCRIBE SELECT * FROM \(name);") { execute(statement) }
    }

    private func include(_ path: String) {
        run.forgetInterruption()
        do throws(CommandFailure) {
            for script in try QueryScript.read([.file(path)]) { _ = try run.run(script) }
        } catch {
            say("rtd: \(error.message)")
        }
    }

    private func watch(_ milliseconds: Int) {
        guard let text = takeTyped() else { return }
        while execute(text), !run.isInterrupted {
            var left = milliseconds
            while left > 0, !run.isInterrupted {
                let span = min(left, 50)
                Processes.pause(milliseconds: span)
                left -= span
            }
            if run.isInterrupted { break }
        }
    }

    private func listFunctions(_ start: String) {
        let names = Set(completion.names.functions + completion.names.tables).sorted().filter {
            $0.hasPrefix(start.lowercased())
        }
        guard !names.isEmpty else { return say("No function's name begins with \"\(start)\".") }
        let list = CandidateList(names, max: .max).text(columns: StandardError.columns ?? 80)
        StandardError.write(list)
    }

    // Other programs.

    private func shell(_ command: String) {
        let shell = variable("SHELL") ?? "/bin/sh"
        start(shell, command.isEmpty ? [] : ["-c", command])
    }

    /// nil: not set, or to nothing.
    private func variable(_ name: String) -> String? {
        ProcessEnvironment.value(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// False if it could not be started or failed.
    @discardableResult
    private func start(_ program: String, _ arguments: [String]) -> Bool {
        do throws(SystemError) {
            let process = try ChildProcess.start(program, arguments, input: .inherited)
            let status = process.wait().status
            run.forgetInterruption()
            return status == 0
        } catch {
            say("rtd: \(error.description)")
            return false
        }
    }

    /// What was typed so far, or the statement before, goes to $VISUAL or $EDITOR; what comes back
    /// is as if it had been typed.
    private func edit(_ path: String?) {
        guard let file = path ?? historyFile.scratch else {
            return say("\\e needs a HOME to put its file into")
        }
        if path == nil {
            let text = lines.isEmpty ? last : lines.joined(separator: "\n")
            PrivateFile.replace(text + "\n", at: file)
        }
        let editor = variable("VISUAL") ?? variable("EDITOR") ?? "vi"
        guard start("/bin/sh", ["-c", "exec \(editor) \"$1\"", "sh", file]) else {
            return say("\(editor) has failed; $EDITOR names another editor")
        }
        lines = []
        do throws(SystemError) {
            let bytes = try StandardInput.readAll(path: file, limit: 16 << 20)
            var text = String(decoding: bytes, as: UTF8.self)
            while text.last?.isWhitespace == true { text.removeLast() }
            guard !text.isEmpty else { return }
            say(text)
            add(text)
        } catch {
            say("rtd: \(error.description)")
        }
    }
}
