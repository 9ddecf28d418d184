import Platform
import Service

/// `rtd bench query` and `rtd bench nexmark`: makes the data, runs each query in a process of its
/// own, one after another. Blocks the main thread.
struct QueryBench {
    let options: BenchOptions
    /// Where the data are made when no directory is named; removed afterwards.
    let temporary: String
    let interruption: Interruption

    private var kind: BenchDataSet.Kind { options.workload == .nexmark ? .nexmark : .web }

    func run() throws(CommandFailure) -> Int32 {
        if options.isLive {
            return HelpCommand.print(
                LiveFigureText.text(try LiveBench(options, interruption).run(), options.format))
        }
        let names = try queryNames()
        let data = BenchDataSet(
            directory: options.dataSet ?? temporary, kind: kind,
            events: options.count ?? BenchLimits.queryEvents,
            seed: UInt64(options.seed ?? 1),
            rate: options.rate.flatMap { $0 > 0 ? $0 : nil } ?? BenchLimits.nexmarkRate)
        let bytes = try data.prepare()
        guard !options.onlyGenerates else {
            return HelpCommand.print("\(data.eventsPath): \(bytes) bytes\n")
        }
        let events = try countLines(data.eventsPath)
        var figures: [QueryFigure] = []
        for name in names where !interruption.isSignalled {
            let outcome = try process(name, data).run()
            figures.append(
                QueryFigure(
                    name: name, events: events, bytes: bytes, rows: outcome.rows,
                    nanoseconds: outcome.nanoseconds, usage: outcome.usage,
                    failure: outcome.failure))
        }
        let status = HelpCommand.print(QueryFigureText.text(figures, options.format))
        return figures.contains { $0.failure != nil } ? 1 : status
    }

    private func queryNames() throws(CommandFailure) -> [String] {
        let known = kind == .nexmark ? NexmarkQueries.names : QueryWorkloads.names
        guard !options.queries.isEmpty else { return known }
        for name in options.queries where !known.contains(name) {
            throw CommandFailure(
                "bench: there is no query \"\(name)\"; there are \(known.joined(separator: ", "))",
                status: 2)
        }
        return options.queries
    }

    /// An endless run reads a pipe as a stream, and ends when the pipe does.
    private func process(_ name: String, _ data: BenchDataSet) -> QueryProcess {
        let isEndless = options.isEndless
        let input = isEndless ? data.eventsPath : nil
        guard kind == .nexmark else {
            let path = isEndless ? "-" : data.eventsPath
            return QueryProcess(input: input, script: QueryWorkloads.text(name, path) ?? "")
        }
        var script = NexmarkQueries.definitions(
            isEndless ? "-" : data.eventsPath, isEndless: isEndless)
        if name == "q13" { script += NexmarkQueries.sideInput(data.sideInputPath) }
        return QueryProcess(input: input, script: script + (NexmarkQueries.text(name) ?? ""))
    }

    private func countLines(_ path: String) throws(CommandFailure) -> Int {
        do throws(SystemError) {
            let file = try POSIXFileSystem().openReadOnly(path)
            defer { file.close() }
            let size = try file.size()
            var lines = 0
            var position: Int64 = 0
            while position < size {
                let bytes = try file.read(at: position, count: 1 << 20)
                for byte in bytes where byte == UInt8(ascii: "\n") { lines += 1 }
                position += Int64(bytes.count)
            }
            return lines
        } catch {
            throw CommandFailure(error)
        }
    }
}
